//! Withdraw: a worker gives a slot back before an upload.

use super::events::{SubmissionEvent, SubmissionWithdrawn};
use super::state::SubmissionStatus;
use super::upload::{loaded, needs, owned};
use crate::decision::{Changes, Command, Context, View};
use crate::ids::{Book, StreamId, SubmissionId, WorkerId};
use crate::jobs::{JobEvent, JobSlotReleased};
use crate::rejection::Rejection;

/// Gives a reserved slot back. Repeating it changes nothing and succeeds.
#[derive(Debug, Clone)]
pub struct WithdrawSubmission {
    /// The submission.
    pub submission_id: SubmissionId,
    /// Whose it must be.
    pub worker_id: WorkerId,
}

impl Command for WithdrawSubmission {
    fn book(&self, view: &dyn View) -> Option<Book> {
        loaded(view, self.submission_id).map(|submission| submission.book)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        needs(view, self.submission_id)
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let submission = owned(view, self.submission_id, self.worker_id)?;
        match submission.status {
            SubmissionStatus::Withdrawn => return Ok(Changes::none()),
            SubmissionStatus::Accepted => (),
            SubmissionStatus::PendingScore
            | SubmissionStatus::Approved
            | SubmissionStatus::RetryPending
            | SubmissionStatus::Rejected
            | SubmissionStatus::TimedOut => {
                return Err(Rejection::WrongSubmissionStatus {
                    status: submission.status.as_str(),
                });
            }
        }
        let released = JobSlotReleased {
            submission_id: self.submission_id,
            files: submission.files_reserved,
            rejected: false,
        };
        Ok(Changes::none()
            .append(
                StreamId::Submission(self.submission_id),
                SubmissionEvent::Withdrawn(SubmissionWithdrawn { at: context.now }),
            )
            .append(StreamId::Job(submission.job_id), JobEvent::SlotReleased(released)))
    }
}
