//! Submissions, as far as money needs them: section 5 of the specification.

use super::{At, Book, JobStatus, Outcome, Refusal, find, refuse};

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
    /// Files that were uploaded last.
    pub uploaded: i64,
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

    /// Whether the worker had to act by now and did not.
    pub fn late(&self, now: At) -> bool {
        matches!(self.stage, Stage::Accepted | Stage::Retry) && self.due <= now
    }
}

impl Book {
    /// A worker takes a slot: as many files as a submission has, or what is missing.
    pub fn accept(&mut self, id: &str, job: &str, worker: &str, now: At) -> Outcome {
        let found = find(&self.jobs, job)?;
        if !found.active() {
            return refuse("job_not_active");
        }
        if found.overdue(now) {
            return refuse("window_over");
        }
        let of_job = self.submissions.values().filter(|other| other.job == job);
        let under_way: Vec<_> = of_job.filter(|other| other.active()).collect();
        if under_way.iter().any(|other| other.worker == worker) {
            return refuse("already_accepted");
        }
        if found.open_files() == 0 {
            return refuse("job_full");
        }
        if found.max_workers.is_some_and(|most| under_way.len() >= most) {
            return refuse("too_many_workers");
        }
        let files = found.batch.min(found.open_files());
        let submission = Submission {
            job: job.to_owned(),
            worker: worker.to_owned(),
            files,
            uploaded: 0,
            stage: Stage::Accepted,
            attempts: 0,
            due: now + WINDOW,
        };
        self.submissions.insert(id.to_owned(), submission);
        let job = self.jobs.get_mut(job).unwrap();
        job.reserved += files;
        job.settle();
        Ok(true)
    }

    /// The worker uploads, for the first or the second time: one file or more, at most what is reserved.
    pub fn upload(&mut self, id: &str, worker: &str, retry: bool, files: i64, now: At) -> Outcome {
        let submission = self.of_worker(id, worker)?;
        let job = &self.jobs[&submission.job];
        if !job.active() {
            return refuse("job_not_active");
        }
        if submission.stage != if retry { Stage::Retry } else { Stage::Accepted } {
            return refuse("wrong_submission_status");
        }
        if submission.due <= now || job.overdue(now) {
            return refuse("window_over");
        }
        if files < 1 || files > submission.files {
            return refuse("wrong_file_count");
        }
        let submission = self.submissions.get_mut(id).unwrap();
        submission.stage = Stage::Pending;
        submission.uploaded = files;
        submission.attempts += 1;
        Ok(true)
    }

    /// The worker gives up before the upload. A second time changes nothing.
    pub fn withdraw(&mut self, id: &str, worker: &str) -> Outcome {
        match self.of_worker(id, worker)?.stage {
            Stage::Accepted => Ok(self.give_back(id, Stage::Withdrawn)),
            Stage::Withdrawn => Ok(false),
            _ => refuse("wrong_submission_status"),
        }
    }

    /// The worker's time is over. Changes nothing if the worker has acted.
    pub fn time_out(&mut self, id: &str, now: At) -> Outcome {
        let submission = find(&self.submissions, id)?;
        let end = match submission.stage {
            Stage::Accepted => Stage::TimedOut,
            Stage::Retry => Stage::Rejected,
            _ => return Ok(false),
        };
        if now < submission.due {
            return refuse("too_early");
        }
        Ok(self.give_back(id, end))
    }

    /// The scorer's verdict on an attempt; one that comes twice, or too late, changes nothing. After the job's
    /// deadline no file is paid any more: the job ends instead.
    pub fn score(&mut self, id: &str, attempt: u8, score: Score, now: At) -> Outcome {
        let submission = find(&self.submissions, id)?.clone();
        if submission.stage != Stage::Pending || submission.attempts != attempt {
            return Ok(false);
        }
        let job = &self.jobs[&submission.job];
        if job.overdue(now) {
            return Ok(self.end(&submission.job, JobStatus::Lapsed, now));
        }
        match score {
            Score::Stars(stars) if stars >= job.threshold => self.approve(id, now),
            Score::Stars(2..) if submission.attempts == 1 => {
                let submission = self.submissions.get_mut(id).unwrap();
                submission.stage = Stage::Retry;
                submission.due = now + WINDOW;
            }
            Score::Stars(_) | Score::Technical => {
                self.give_back(id, Stage::Rejected);
            }
        }
        Ok(true)
    }

    /// Pays what was uploaded; with the last file the job is complete, and anything left would go back.
    fn approve(&mut self, id: &str, now: At) {
        let submission = self.submissions.get_mut(id).unwrap();
        submission.stage = Stage::Approved;
        let paid = submission.clone();
        let job = self.jobs.get_mut(&paid.job).unwrap();
        job.approved += paid.uploaded;
        job.reserved -= paid.files;
        job.settle();
        let (price, complete) = (job.price, job.status == JobStatus::Completed);
        self.capture(&paid.job, id, &paid.worker, paid.uploaded, price);
        if complete {
            self.release(&paid.job, now);
        }
    }

    /// Ends a submission unpaid: its slot is free again.
    fn give_back(&mut self, id: &str, stage: Stage) -> bool {
        let submission = self.submissions.get_mut(id).unwrap();
        submission.stage = stage;
        let job = self.jobs.get_mut(&submission.job).unwrap();
        job.reserved -= submission.files;
        job.settle();
        true
    }

    /// A worker's submission; another worker's does not exist for this one.
    fn of_worker(&self, id: &str, worker: &str) -> Result<&Submission, Refusal> {
        let submission = find(&self.submissions, id)?;
        if submission.worker == worker { Ok(submission) } else { refuse("not_found") }
    }
}
