//! Upload: files arrive for a reserved slot, or for the one retry.

use super::events::{SubmissionEvent, SubmissionUploaded, UploadedFile};
use super::state::{Submission, SubmissionStatus};
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{Book, StreamId, SubmissionId, WorkerId};
use crate::rejection::Rejection;
use crate::state::State;
use crate::time::Timestamp;

/// Records uploaded files; they wait for their score.
#[derive(Debug, Clone)]
pub struct UploadSubmission {
    /// The submission.
    pub submission_id: SubmissionId,
    /// Whose it must be.
    pub worker_id: WorkerId,
    /// Whether this is the retry after a first score below the threshold.
    pub retry: bool,
    /// The files, stored already.
    pub files: Vec<UploadedFile>,
    /// When they were captured, as the device says.
    pub captured_at: Option<Timestamp>,
    /// Whether the place of capture lies in the job's area.
    pub location_verified: Option<bool>,
}

/// Names a submission and its job.
pub(super) fn needs(view: &dyn View, id: SubmissionId) -> Vec<StreamId> {
    let mut missing = Vec::new();
    need(view, StreamId::Submission(id), &mut missing);
    if let Some(submission) = loaded(view, id) {
        need(view, StreamId::Job(submission.job_id), &mut missing);
    }
    missing
}

/// Returns the submission if it is loaded and exists.
pub(super) fn loaded(view: &dyn View, id: SubmissionId) -> Option<&Submission> {
    match view.state(StreamId::Submission(id)) {
        Some(State::Submission(submission)) if submission.exists() => Some(submission),
        _ => None,
    }
}

/// Returns a submission of that worker; another worker's does not exist for this one.
pub(super) fn owned(
    view: &dyn View,
    id: SubmissionId,
    worker: WorkerId,
) -> Result<&Submission, Rejection> {
    let submission = decision::submission(view, id)?;
    if submission.worker_id == worker {
        Ok(submission)
    } else {
        Err(Rejection::NotFound { kind: "submission" })
    }
}

impl UploadSubmission {
    /// Refuses an upload that can't be taken now. Also asked before the bytes are received, so
    /// that nobody uploads in vain.
    pub fn check(submission: &Submission, retry: bool, now: Timestamp) -> Result<(), Rejection> {
        let expected =
            if retry { SubmissionStatus::RetryPending } else { SubmissionStatus::Accepted };
        if submission.status != expected {
            return Err(Rejection::WrongSubmissionStatus { status: submission.status.as_str() });
        }
        if submission.expires_at.is_some_and(|end| end <= now) {
            return Err(Rejection::WindowOver);
        }
        Ok(())
    }
}

impl Command for UploadSubmission {
    fn book(&self, view: &dyn View) -> Option<Book> {
        loaded(view, self.submission_id).map(|submission| submission.book)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        needs(view, self.submission_id)
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let submission = owned(view, self.submission_id, self.worker_id)?;
        let job = decision::job(view, submission.job_id)?;
        job.must_be_active()?;
        Self::check(submission, self.retry, context.now)?;
        if job.input.deadline.is_some_and(|deadline| deadline <= context.now) {
            return Err(Rejection::WindowOver);
        }
        let count = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        if count == 0 || count > submission.files_reserved {
            return Err(Rejection::WrongFileCount { reserved: submission.files_reserved });
        }
        let uploaded = SubmissionUploaded {
            attempt: submission.attempt.saturating_add(1),
            files: self.files.clone(),
            captured_at: self.captured_at,
            location_verified: self.location_verified,
            at: context.now,
        };
        Ok(Changes::none()
            .append(StreamId::Submission(self.submission_id), SubmissionEvent::Uploaded(uploaded)))
    }
}
