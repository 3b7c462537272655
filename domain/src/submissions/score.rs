//! Score a submission: approve and pay it, ask for a retry, or reject it.

use super::events::{
    FileMeasurement, RejectionCode, SubmissionApproved, SubmissionEvent, SubmissionRejected,
    SubmissionRetryRequested, SubmissionScored,
};
use super::state::{Submission, SubmissionStatus};
use super::upload::{loaded, needs};
use crate::credits::{self, CaptureFor, CreditEvent};
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{Book, StreamId, SubmissionId};
use crate::jobs::{ExpireJob, Job, JobCompleted, JobEvent, JobFilesApproved, JobSlotReleased};
use crate::rejection::Rejection;
use crate::scoring::Score;
use crate::time::{Span, Timestamp};

/// How long a worker may retry (spec section 5).
pub const RETRY_WINDOW: Span = Span::minutes(30);

/// Applies a score to the attempt that it was made for. A score that arrives twice, or too late,
/// changes nothing.
#[derive(Debug, Clone)]
pub struct ScoreSubmission {
    /// The submission.
    pub submission_id: SubmissionId,
    /// The attempt that was scored.
    pub attempt: u8,
    /// The score.
    pub score: Score,
    /// A technical ground for rejection that needs no judgement and gives no strike.
    pub technical: Option<RejectionCode>,
    /// What was measured.
    pub measurements: Vec<FileMeasurement>,
}

impl Command for ScoreSubmission {
    fn book(&self, view: &dyn View) -> Option<Book> {
        loaded(view, self.submission_id).map(|submission| submission.book)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = needs(view, self.submission_id);
        if let Some(submission) = loaded(view, self.submission_id) {
            need(view, submission.book.stream(), &mut missing);
        }
        missing
    }

    fn needs_at(&self, view: &dyn View, now: Timestamp) -> Vec<StreamId> {
        let mut missing = self.needs(view);
        if let Some(submission) = loaded(view, self.submission_id)
            && decision::job(view, submission.job_id).is_ok_and(|job| overdue(job, now))
        {
            // It closes the job, with all that is active in it.
            let expire = ExpireJob { job_id: submission.job_id };
            for stream in expire.needs(view) {
                need(view, stream, &mut missing);
            }
        }
        missing
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let submission = decision::submission(view, self.submission_id)?;
        if submission.status != SubmissionStatus::PendingScore || submission.attempt != self.attempt
        {
            return Ok(Changes::none());
        }
        let job = decision::job(view, submission.job_id)?;
        if overdue(job, context.now) {
            return ExpireJob { job_id: submission.job_id }.decide(view, context);
        }
        let scored = SubmissionScored {
            attempt: self.attempt,
            score: self.score.clone(),
            measurements: self.measurements.clone(),
            at: context.now,
        };
        let changes = Changes::none()
            .append(StreamId::Submission(self.submission_id), SubmissionEvent::Scored(scored));
        if let Some(code) = self.technical {
            return Ok(self.reject(changes, submission, code, false, context));
        }
        if job.input.approves(submission.book, self.attempt, self.score.stars) {
            return self.approve(changes, submission, job, context);
        }
        if self.score.stars <= 1 {
            return Ok(self.reject(changes, submission, RejectionCode::OffTopic, true, context));
        }
        if submission.attempt >= 2 {
            let code = RejectionCode::BelowThreshold;
            return Ok(self.reject(changes, submission, code, false, context));
        }
        let retry = SubmissionRetryRequested { expires_at: context.now.after(RETRY_WINDOW) };
        Ok(changes.append(
            StreamId::Submission(self.submission_id),
            SubmissionEvent::RetryRequested(retry),
        ))
    }
}

/// Says whether a job's deadline has passed.
fn overdue(job: &Job, now: Timestamp) -> bool {
    job.input.deadline.is_some_and(|deadline| deadline <= now)
}

impl ScoreSubmission {
    fn approve(
        &self,
        changes: Changes,
        submission: &Submission,
        job: &Job,
        context: &Context,
    ) -> Result<Changes, Rejection> {
        let files = u32::try_from(submission.files.len()).unwrap_or(u32::MAX);
        let captured = credits::capture(
            &job.escrow,
            &CaptureFor {
                job_id: submission.job_id,
                submission_id: self.submission_id,
                worker_id: submission.worker_id,
                files,
                price: job.input.price_per_file_cents,
            },
            context.now,
        )?;
        let approved = SubmissionApproved {
            job_id: submission.job_id,
            worker_id: submission.worker_id,
            worker_cents: captured.worker_cents,
            at: context.now,
        };
        let progressed = JobFilesApproved {
            submission_id: self.submission_id,
            files,
            unused: submission.files_reserved.saturating_sub(files),
            draws: captured.draws.clone(),
            amount_cents: captured.amount_cents,
        };
        let complete = job.files_approved.saturating_add(files) >= job.input.files_needed;
        let stream = StreamId::Job(submission.job_id);
        let mut changes = changes
            .append(StreamId::Submission(self.submission_id), SubmissionEvent::Approved(approved))
            .append(stream, JobEvent::FilesApproved(progressed))
            .append(submission.book.stream(), CreditEvent::Captured(captured));
        if complete {
            changes.push(stream, JobEvent::Completed(JobCompleted { at: context.now }));
        }
        Ok(changes)
    }

    fn reject(
        &self,
        changes: Changes,
        submission: &Submission,
        code: RejectionCode,
        strike: bool,
        context: &Context,
    ) -> Changes {
        let rejected = SubmissionRejected { code, strike, at: context.now };
        let released = JobSlotReleased {
            submission_id: self.submission_id,
            files: submission.files_reserved,
            rejected: true,
        };
        changes
            .append(StreamId::Submission(self.submission_id), SubmissionEvent::Rejected(rejected))
            .append(StreamId::Job(submission.job_id), JobEvent::SlotReleased(released))
    }
}
