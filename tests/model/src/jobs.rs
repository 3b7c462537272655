//! Jobs, as far as money needs them: section 4 of the specification.

use super::{Amount, At, Book, Origin, Outcome, Stage, find, refuse};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobStatus {
    /// It has free slots.
    Open,
    /// All slots are taken, nothing is approved.
    Filled,
    /// Something is approved.
    InProgress,
    /// All is approved.
    Completed,
    /// The buyer cancelled it.
    Cancelled,
    /// Its deadline passed.
    Lapsed,
}

/// What the buyer asks for.
#[derive(Debug, Clone)]
pub struct Posting {
    /// Number of files.
    pub files: i64,
    /// Price of one.
    pub price: Amount,
    /// Files in one submission.
    pub batch: i64,
    /// Stars from which a file is approved.
    pub threshold: u8,
    /// Its end.
    pub deadline: Option<At>,
    /// Most workers at a time.
    pub max_workers: Option<usize>,
}

/// A job.
#[derive(Debug, Clone)]
pub struct Job {
    /// Number of files wanted.
    pub needed: i64,
    /// Price of one file.
    pub price: Amount,
    /// Files in one submission.
    pub batch: i64,
    /// Stars from which a file is approved.
    pub threshold: u8,
    /// Its end.
    pub deadline: Option<At>,
    /// Most workers at a time.
    pub max_workers: Option<usize>,
    /// Where it stands.
    pub status: JobStatus,
    /// Files approved.
    pub approved: i64,
    /// Files that submissions under way may still bring.
    pub reserved: i64,
    /// The buyer's rating.
    pub rating: Option<u8>,
}

impl Job {
    /// Whether it can still take files.
    pub fn active(&self) -> bool {
        matches!(self.status, JobStatus::Open | JobStatus::Filled | JobStatus::InProgress)
    }

    /// Whether its deadline is over.
    pub fn overdue(&self, now: At) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// Files that nobody has reserved or brought.
    pub fn open_files(&self) -> i64 {
        self.needed - self.approved - self.reserved
    }

    /// The status that follows from the counts.
    pub(crate) fn settle(&mut self) {
        if self.active() {
            self.status = match (self.approved, self.open_files()) {
                (all, _) if all == self.needed => JobStatus::Completed,
                (1.., _) => JobStatus::InProgress,
                (_, 0) => JobStatus::Filled,
                _ => JobStatus::Open,
            };
        }
    }
}

impl Book {
    /// Posts a job. A live book that only ever had the free grant may have one active job. What a refused
    /// sandbox lacks is counted without the play money that the job would have brought.
    pub fn create(&mut self, id: &str, posting: &Posting, refill: &str, now: At) -> Outcome {
        let gift_only = self.lots.values().all(|lot| lot.origin == Origin::FreeTier);
        if !self.sandbox && gift_only && self.jobs.values().any(Job::active) {
            return refuse("free_tier_job_limit");
        }
        let price = posting.files * posting.price;
        let play_money = self.missing_play_money(now);
        if play_money > 0 && self.spendable(now) + play_money >= price {
            self.issue(refill, Origin::Sandbox, play_money, now);
        }
        self.hold(id, price, now)?;
        let job = Job {
            needed: posting.files,
            price: posting.price,
            batch: posting.batch,
            threshold: posting.threshold,
            deadline: posting.deadline,
            max_workers: posting.max_workers,
            status: JobStatus::Open,
            approved: 0,
            reserved: 0,
            rating: None,
        };
        self.jobs.insert(id.to_owned(), job);
        Ok(true)
    }

    /// The buyer cancels. A second time changes nothing.
    pub fn cancel(&mut self, id: &str, now: At) -> Outcome {
        match find(&self.jobs, id)?.status {
            JobStatus::Completed => refuse("job_not_active"),
            JobStatus::Cancelled | JobStatus::Lapsed => Ok(false),
            _ => Ok(self.end(id, JobStatus::Cancelled, now)),
        }
    }

    /// The deadline passes. On a job that has ended it changes nothing.
    pub fn deadline(&mut self, id: &str, now: At) -> Outcome {
        let job = find(&self.jobs, id)?;
        if !job.active() {
            return Ok(false);
        }
        if !job.overdue(now) {
            return refuse("too_early");
        }
        Ok(self.end(id, JobStatus::Lapsed, now))
    }

    /// The buyer rates.
    pub fn rate(&mut self, id: &str, stars: u8) -> Outcome {
        find(&self.jobs, id)?;
        let job = self.jobs.get_mut(id).unwrap();
        if job.status != JobStatus::Completed {
            return refuse("not_completed");
        }
        if job.rating.is_some() {
            return refuse("already_rated");
        }
        job.rating = Some(stars);
        Ok(true)
    }

    /// Ends a job before it is complete: what is under way ends unpaid, what is unused goes back.
    pub(crate) fn end(&mut self, id: &str, status: JobStatus, now: At) -> bool {
        for submission in self.submissions.values_mut().filter(|submission| submission.job == id) {
            submission.stage = match submission.stage {
                Stage::Accepted => Stage::TimedOut,
                Stage::Pending | Stage::Retry => Stage::Rejected,
                ended => ended,
            };
        }
        let job = self.jobs.get_mut(id).unwrap();
        job.status = status;
        job.reserved = 0;
        self.release(id, now);
        true
    }
}
