//! Jobs, as far as money needs them: section 4 of the specification.

use super::{Amount, At, Book, Origin, Refusal, Stage};

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
    pub fn settle(&mut self) {
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
    /// Posts a job. A book that only ever had the free grant may have one active job.
    pub fn create(&mut self, id: &str, posting: &Posting, now: At) -> Result<(), Refusal> {
        let gift_only = self.lots.values().all(|lot| lot.origin == Origin::FreeTier);
        if gift_only && self.jobs.values().any(Job::active) {
            return Err("free_tier_job_limit");
        }
        self.hold(id, posting.files * posting.price, now)?;
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
        Ok(())
    }

    /// The buyer cancels. A second time changes nothing.
    pub fn cancel(&mut self, id: &str, now: At) -> Result<(), Refusal> {
        match self.jobs.get(id).ok_or("not_found")?.status {
            JobStatus::Completed => Err("job_not_active"),
            JobStatus::Cancelled | JobStatus::Lapsed => Ok(()),
            _ => {
                self.end(id, JobStatus::Cancelled, now);
                Ok(())
            }
        }
    }

    /// The deadline passes. On a job that has ended it changes nothing.
    pub fn deadline(&mut self, id: &str, now: At) -> Result<(), Refusal> {
        let job = self.jobs.get(id).ok_or("not_found")?;
        if !job.active() {
            return Ok(());
        }
        if !job.overdue(now) {
            return Err("too_early");
        }
        self.end(id, JobStatus::Lapsed, now);
        Ok(())
    }

    /// The buyer rates.
    pub fn rate(&mut self, id: &str, stars: u8) -> Result<(), Refusal> {
        let job = self.jobs.get_mut(id).ok_or("not_found")?;
        if job.status != JobStatus::Completed {
            return Err("not_completed");
        }
        if job.rating.is_some() {
            return Err("already_rated");
        }
        job.rating = Some(stars);
        Ok(())
    }

    /// Ends a job before it is complete: what is under way is rejected unpaid, what is unused goes back.
    pub fn end(&mut self, id: &str, status: JobStatus, now: At) {
        let under_way = self.submissions.values_mut().filter(|submission| submission.job == id);
        for submission in under_way.filter(|submission| submission.active()) {
            submission.stage = Stage::Rejected;
        }
        let job = self.jobs.get_mut(id).unwrap();
        job.status = status;
        job.reserved = 0;
        self.release(id, now);
    }
}
