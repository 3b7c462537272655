//! The model's jobs and submissions (specification sections 4 and 5).

use crate::model::{Facts, Model, Verdict};
use firsthand_domain::ids::{JobId, LotId, SubmissionId, WorkerId};
use firsthand_domain::jobs::{CancelJob, CancelReason, CreateJob, RateJob};
use firsthand_domain::submissions::{
    AcceptJob, ScoreSubmission, SubmissionEvent, UploadSubmission, WithdrawSubmission,
};
use firsthand_domain::{Book, Timestamp};

const RETRY_MICROS: i64 = 30 * 60 * 1_000_000;

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Active,
    Completed,
    /// `None` where both reasons hold: a buyer cancels after the deadline.
    Cancelled(Option<CancelReason>),
}

/// A job.
#[derive(Debug, Clone)]
pub(crate) struct JobModel {
    pub(crate) book: Book,
    pub(crate) price: i64,
    pub(crate) needed: i64,
    pub(crate) per_submission: i64,
    pub(crate) threshold: u8,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) max_workers: Option<u32>,
    pub(crate) approved: i64,
    pub(crate) phase: Phase,
    pub(crate) refunded: i64,
    pub(crate) rated: bool,
}

impl JobModel {
    pub(crate) fn active(&self) -> bool {
        self.phase == Phase::Active
    }

    pub(crate) fn overdue(&self, now: Timestamp) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }
}

/// How a submission stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Accepted(Timestamp),
    Pending,
    Retry(Timestamp),
    Approved,
    Rejected,
    Withdrawn,
    TimedOut,
    /// Reserved only when its job ended: gone, under a name that is not specified.
    Dropped,
}

/// A submission.
#[derive(Debug, Clone)]
pub(crate) struct SubmissionModel {
    pub(crate) job: JobId,
    pub(crate) worker: WorkerId,
    pub(crate) reserved: i64,
    pub(crate) uploaded: i64,
    pub(crate) attempt: u8,
    pub(crate) step: Step,
    pub(crate) pay: i64,
    pub(crate) delivered: bool,
}

impl SubmissionModel {
    /// Says whether it takes a slot.
    pub(crate) fn live(&self) -> bool {
        matches!(self.step, Step::Accepted(_) | Step::Pending | Step::Retry(_))
    }
}

impl Model {
    /// The submissions that take a job's slots.
    pub(crate) fn live(&self, job: JobId) -> impl Iterator<Item = &SubmissionModel> {
        self.submissions.values().filter(move |one| one.job == job && one.live())
    }

    /// Files that a job's live submissions reserve.
    pub(crate) fn reserved(&self, job: JobId) -> i64 {
        self.live(job).map(|one| one.reserved).sum()
    }

    pub(crate) fn create_job(&mut self, c: &CreateJob, now: Timestamp) -> Verdict {
        let (price, needed) = (c.input.price_per_file_cents.get(), i64::from(c.input.files_needed));
        let busy = self.jobs.values().any(|job| job.book == c.book && job.active());
        let book = self.books.entry(c.book).or_default();
        let missing = book.missing(now);
        if (book.free_tier() && busy) || book.available_at(now) + missing < price * needed {
            return Verdict::Refused;
        }
        if missing > 0 {
            book.give(LotId::new(c.job_id.ulid()), missing, now);
        }
        book.hold(c.job_id, price * needed, now);
        let job = JobModel {
            book: c.book,
            price,
            needed,
            per_submission: i64::from(c.input.files_per_submission),
            threshold: c.input.min_star_rating,
            deadline: c.input.deadline,
            max_workers: c.input.max_workers,
            approved: 0,
            phase: Phase::Active,
            refunded: 0,
            rated: false,
        };
        self.jobs.insert(c.job_id, job);
        Verdict::Changed
    }

    pub(crate) fn cancel(&mut self, c: &CancelJob, now: Timestamp) -> Verdict {
        match self.jobs.get(&c.job_id).filter(|job| job.book == c.book) {
            None => Verdict::Refused,
            Some(job) => match job.phase {
                Phase::Completed => Verdict::Refused,
                Phase::Cancelled(_) => Verdict::Unchanged,
                Phase::Active => {
                    let reason = (!job.overdue(now)).then_some(CancelReason::Buyer);
                    self.close(c.job_id, reason, now)
                }
            },
        }
    }

    pub(crate) fn expire_job(&mut self, id: JobId, now: Timestamp) -> Verdict {
        match self.jobs.get(&id) {
            None => Verdict::Refused,
            Some(job) if !job.active() => Verdict::Unchanged,
            Some(job) if !job.overdue(now) => Verdict::Refused,
            Some(_) => self.close(id, Some(CancelReason::Deadline), now),
        }
    }

    /// Ends a job unfinished: its rest goes back, whoever still works on it is not paid.
    fn close(&mut self, id: JobId, reason: Option<CancelReason>, now: Timestamp) -> Verdict {
        for one in self.submissions.values_mut().filter(|one| one.job == id && one.live()) {
            let reserved_only = matches!(one.step, Step::Accepted(_));
            one.step = if reserved_only { Step::Dropped } else { Step::Rejected };
        }
        if let Some(job) = self.jobs.get_mut(&id) {
            job.phase = Phase::Cancelled(reason);
            job.refunded = self.books.entry(job.book).or_default().release(id, now);
        }
        Verdict::Changed
    }

    pub(crate) fn rate(&mut self, c: &RateJob) -> Verdict {
        match self.jobs.get_mut(&c.job_id) {
            Some(job) if job.book == c.book && job.phase == Phase::Completed && !job.rated => {
                job.rated = true;
                Verdict::Changed
            }
            _ => Verdict::Refused,
        }
    }

    pub(crate) fn accept(
        &mut self,
        c: &AcceptJob,
        now: Timestamp,
        facts: &Facts<'_>,
    ) -> Result<Verdict, String> {
        let Some(job) = self.jobs.get(&c.job_id).filter(|job| job.active()) else {
            return Ok(Verdict::Refused);
        };
        let workers = u32::try_from(self.live(c.job_id).count()).unwrap_or(u32::MAX);
        let crowded = job.max_workers.is_some_and(|most| workers >= most);
        let already = self.live(c.job_id).any(|one| one.worker == c.worker_id);
        let free = job.needed - job.approved - self.reserved(c.job_id);
        if job.overdue(now) || crowded || already || free == 0 {
            return Ok(Verdict::Refused);
        }
        let until = facts.submissions().find_map(|event| match event {
            SubmissionEvent::Accepted(accepted) => Some(accepted.expires_at),
            _ => None,
        });
        let until = until.filter(|until| *until > now).ok_or("no time to upload")?;
        let submission = SubmissionModel {
            job: c.job_id,
            worker: c.worker_id,
            reserved: free.min(job.per_submission),
            uploaded: 0,
            attempt: 0,
            step: Step::Accepted(until),
            pay: 0,
            delivered: false,
        };
        self.submissions.insert(c.submission_id, submission);
        Ok(Verdict::Changed)
    }

    pub(crate) fn upload(&mut self, c: &UploadSubmission, now: Timestamp) -> Verdict {
        let Some(one) = self.submissions.get_mut(&c.submission_id) else {
            return Verdict::Refused;
        };
        let in_time = match one.step {
            Step::Accepted(until) => !c.retry && now < until,
            Step::Retry(until) => c.retry && now < until,
            _ => false,
        };
        let overdue = self.jobs.get(&one.job).is_none_or(|job| job.overdue(now));
        let files = i64::try_from(c.files.len()).unwrap_or(i64::MAX);
        let fits = (1..=one.reserved).contains(&files);
        if one.worker != c.worker_id || !in_time || overdue || !fits {
            return Verdict::Refused;
        }
        one.step = Step::Pending;
        one.attempt += 1;
        one.uploaded = files;
        Verdict::Changed
    }

    pub(crate) fn score(
        &mut self,
        c: &ScoreSubmission,
        now: Timestamp,
        facts: &Facts<'_>,
    ) -> Result<Verdict, String> {
        let Some(one) = self.submissions.get_mut(&c.submission_id) else {
            return Ok(Verdict::Refused);
        };
        if one.step != Step::Pending || one.attempt != c.attempt {
            return Ok(Verdict::Unchanged);
        }
        let job_id = one.job;
        let job = self.jobs.get_mut(&job_id).ok_or("a submission without a job")?;
        if job.overdue(now) {
            // The deadline's timer may be late; the deadline is not.
            return Ok(self.close(job_id, Some(CancelReason::Deadline), now));
        }
        let stars = c.score.stars;
        if c.technical.is_none() && stars >= job.threshold {
            one.step = Step::Approved;
            job.approved += one.uploaded;
            if job.approved == job.needed {
                job.phase = Phase::Completed;
            }
            let book = self.books.entry(job.book).or_default();
            book.capture(job_id, &facts.captured(), job.price * one.uploaded)?;
            one.pay = book.earn(one.worker, job.price, one.uploaded);
        } else if c.technical.is_some() || stars == 1 || one.attempt == 2 {
            one.step = Step::Rejected;
        } else {
            one.step = Step::Retry(Timestamp::from_micros(now.micros() + RETRY_MICROS));
        }
        let striken = facts
            .submissions()
            .any(|event| matches!(event, SubmissionEvent::Rejected(rejected) if rejected.strike));
        let deserved = one.step == Step::Rejected && c.technical.is_none() && stars == 1;
        if striken == deserved { Ok(Verdict::Changed) } else { Err("a wrong strike".into()) }
    }

    pub(crate) fn deliver(&mut self, id: SubmissionId) -> Verdict {
        match self.submissions.get_mut(&id) {
            Some(one) if one.delivered => Verdict::Unchanged,
            Some(one) if one.step == Step::Approved => {
                one.delivered = true;
                Verdict::Changed
            }
            _ => Verdict::Refused,
        }
    }

    pub(crate) fn withdraw(&mut self, c: &WithdrawSubmission) -> Verdict {
        match self.submissions.get_mut(&c.submission_id) {
            Some(one) if one.worker == c.worker_id => match one.step {
                Step::Accepted(_) => {
                    one.step = Step::Withdrawn;
                    Verdict::Changed
                }
                Step::Withdrawn => Verdict::Unchanged,
                _ => Verdict::NoEffect,
            },
            _ => Verdict::Refused,
        }
    }

    pub(crate) fn time_out(&mut self, id: SubmissionId, now: Timestamp) -> Verdict {
        let Some(one) = self.submissions.get_mut(&id) else { return Verdict::Refused };
        one.step = match one.step {
            Step::Accepted(until) if until <= now => Step::TimedOut,
            Step::Retry(until) if until <= now => Step::Rejected,
            _ => return Verdict::NoEffect,
        };
        Verdict::Changed
    }
}
