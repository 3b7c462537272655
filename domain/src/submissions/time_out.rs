//! Time a submission out: a lapsed reservation, or a retry window that is over.

use super::events::{RejectionCode, SubmissionEvent, SubmissionRejected, SubmissionTimedOut};
use super::state::SubmissionStatus;
use super::upload::{loaded, needs};
use crate::decision::{self, Changes, Command, Context, View};
use crate::ids::{Book, StreamId, SubmissionId};
use crate::jobs::{JobEvent, JobSlotReleased};
use crate::rejection::Rejection;

/// Ends a submission whose worker did not act in time; its slot is free again. Does nothing if
/// the worker acted; refused before the time.
#[derive(Debug, Clone)]
pub struct TimeOutSubmission {
    /// The submission.
    pub submission_id: SubmissionId,
}

impl Command for TimeOutSubmission {
    fn book(&self, view: &dyn View) -> Option<Book> {
        loaded(view, self.submission_id).map(|submission| submission.book)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        needs(view, self.submission_id)
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let submission = decision::submission(view, self.submission_id)?;
        let (event, rejected) = match submission.status {
            SubmissionStatus::Accepted => {
                (SubmissionEvent::TimedOut(SubmissionTimedOut { at: context.now }), false)
            }
            SubmissionStatus::RetryPending => (
                SubmissionEvent::Rejected(SubmissionRejected {
                    code: RejectionCode::RetryWindowOver,
                    strike: false,
                    at: context.now,
                }),
                true,
            ),
            SubmissionStatus::PendingScore
            | SubmissionStatus::Approved
            | SubmissionStatus::Rejected
            | SubmissionStatus::Withdrawn
            | SubmissionStatus::TimedOut => return Ok(Changes::none()),
        };
        if submission.expires_at.is_none_or(|end| end > context.now) {
            return Err(Rejection::TooEarly);
        }
        let released = JobSlotReleased {
            submission_id: self.submission_id,
            files: submission.files_reserved,
            rejected,
        };
        Ok(Changes::none()
            .append(StreamId::Submission(self.submission_id), event)
            .append(StreamId::Job(submission.job_id), JobEvent::SlotReleased(released)))
    }
}
