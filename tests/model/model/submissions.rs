//! Submissions, as far as money needs them: section 5 of the specification.

use super::{At, Book, JobStatus, Refusal};

/// A worker has that long to upload, and again for the retry.
const WINDOW: i64 = 30 * 60 * 1_000_000;

/// Where a submission stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A slot is reserved.
    Accepted,
    /// Uploaded.
    Pending,
    /// Below the threshold, one retry left.
    Retry,
    /// Paid.
    Approved,
    /// Not paid.
    Rejected,
    /// The worker gave up.
    Withdrawn,
    /// The worker did not come.
    TimedOut,
}

/// What the scorer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Score {
    /// One to five.
    Stars(u8),
    /// It failed a check that needs no judgement.
    Technical,
}

/// A worker's attempt at a slot.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The job.
    pub job: String,
    /// The worker.
    pub worker: String,
    /// Files that it reserves.
    pub files: i64,
    /// Where it stands.
    pub stage: Stage,
    /// Uploads so far.
    pub attempts: u8,
    /// Until when the worker must act.
    pub due: At,
}

impl Submission {
    /// Whether it takes a slot.
    pub fn active(&self) -> bool {
        matches!(self.stage, Stage::Accepted | Stage::Pending | Stage::Retry)
    }
}

impl Book {
    /// A worker takes a slot: as many files as a submission has, or what is missing.
    pub fn accept(&mut self, id: &str, job: &str, worker: &str, now: At) -> Result<(), Refusal> {
        let found = self.jobs.get(job).ok_or("not_found")?;
        if !found.active() {
            return Err("job_not_active");
        }
        if found.overdue(now) {
            return Err("window_over");
        }
        let under_way = || {
            self.submissions.values().filter(|other| other.job == job).filter(|other| other.active())
        };
        if under_way().any(|other| other.worker == worker) {
            return Err("already_accepted");
        }
        if found.open_files() == 0 {
            return Err("job_full");
        }
        if found.max_workers.is_some_and(|most| under_way().count() >= most) {
            return Err("too_many_workers");
        }
        let files = found.batch.min(found.open_files());
        let submission = Submission {
            job: job.to_owned(),
            worker: worker.to_owned(),
            files,
            stage: Stage::Accepted,
            attempts: 0,
            due: now + WINDOW,
        };
        self.submissions.insert(id.to_owned(), submission);
        let job = self.jobs.get_mut(job).unwrap();
        job.reserved += files;
        job.settle();
        Ok(())
    }

    /// The worker uploads, for the first or the second time.
    pub fn upload(&mut self, id: &str, retry: bool, now: At) -> Result<(), Refusal> {
        let submission = self.submissions.get_mut(id).ok_or("not_found")?;
        let wanted = if retry { Stage::Retry } else { Stage::Accepted };
        if submission.stage != wanted {
            return Err("wrong_submission_status");
        }
        if submission.due <= now || self.jobs[&submission.job].overdue(now) {
            return Err("window_over");
        }
        submission.stage = Stage::Pending;
        submission.attempts += 1;
        Ok(())
    }

    /// The worker gives up before the upload.
    pub fn withdraw(&mut self, id: &str) -> Result<(), Refusal> {
        match self.submissions.get(id).ok_or("not_found")?.stage {
            Stage::Accepted => self.give_back(id, Stage::Withdrawn),
            Stage::Withdrawn => {}
            _ => return Err("wrong_submission_status"),
        }
        Ok(())
    }

    /// The worker's time is over.
    pub fn time_out(&mut self, id: &str, now: At) -> Result<(), Refusal> {
        let submission = self.submissions.get(id).ok_or("not_found")?;
        let end = match submission.stage {
            Stage::Accepted => Stage::TimedOut,
            Stage::Retry => Stage::Rejected,
            _ => return Ok(()),
        };
        if now < submission.due {
            return Err("too_early");
        }
        self.give_back(id, end);
        Ok(())
    }

    /// The scorer's verdict. After the job's deadline no file is paid any more: the job ends instead.
    pub fn score(&mut self, id: &str, score: Score, now: At) -> Result<(), Refusal> {
        let submission = self.submissions.get(id).ok_or("not_found")?.clone();
        if submission.stage != Stage::Pending {
            return Err("wrong_submission_status");
        }
        let job = self.jobs[&submission.job].clone();
        if job.overdue(now) {
            self.end(&submission.job, JobStatus::Lapsed, now);
            return Ok(());
        }
        match score {
            Score::Stars(stars) if stars >= job.threshold => {
                self.submissions.get_mut(id).unwrap().stage = Stage::Approved;
                let found = self.jobs.get_mut(&submission.job).unwrap();
                found.approved += submission.files;
                found.reserved -= submission.files;
                found.settle();
                self.capture(&submission.job, id, &submission.worker, submission.files, job.price);
                if self.jobs[&submission.job].status == JobStatus::Completed {
                    self.release(&submission.job, now);
                }
            }
            Score::Stars(2..) if submission.attempts == 1 => {
                let submission = self.submissions.get_mut(id).unwrap();
                submission.stage = Stage::Retry;
                submission.due = now + WINDOW;
            }
            Score::Stars(_) | Score::Technical => self.give_back(id, Stage::Rejected),
        }
        Ok(())
    }

    /// Ends a submission unpaid: its slot is free again.
    fn give_back(&mut self, id: &str, stage: Stage) {
        let submission = self.submissions.get_mut(id).unwrap();
        submission.stage = stage;
        let job = self.jobs.get_mut(&submission.job).unwrap();
        job.reserved -= submission.files;
        job.settle();
    }
}
