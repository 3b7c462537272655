//! Submissions: one worker's attempt at a job's slot, from acceptance to pay.

mod accept;
mod deliver;
mod events;
mod refresh_link;
mod score;
mod state;
mod time_out;
mod upload;
mod withdraw;

pub use accept::{AcceptJob, RESERVATION};
pub use deliver::{DeliverSubmission, delivered_key};
pub use events::{
    DeliveredFile, FileMeasurement, RejectionCode, SubmissionAccepted, SubmissionApproved,
    SubmissionDelivered, SubmissionEvent, SubmissionLinkRefreshed, SubmissionRejected,
    SubmissionRetryRequested, SubmissionScored, SubmissionTimedOut, SubmissionUploaded,
    SubmissionWithdrawn, UploadedFile,
};
pub use refresh_link::RefreshLink;
pub use score::{RETRY_WINDOW, ScoreSubmission};
pub use state::{Submission, SubmissionStatus};
pub use time_out::TimeOutSubmission;
pub use upload::UploadSubmission;
pub use withdraw::WithdrawSubmission;

use crate::decision::Changes;
use crate::ids::{StreamId, SubmissionId};
use crate::time::Timestamp;

/// Ends a submission because its job ends: what was uploaded is rejected unpaid and without a
/// strike, what was only reserved times out (spec section 4).
pub(crate) fn end_with_job(id: SubmissionId, submission: &Submission, now: Timestamp) -> Changes {
    let event = match submission.status {
        SubmissionStatus::PendingScore | SubmissionStatus::RetryPending => {
            SubmissionEvent::Rejected(SubmissionRejected {
                code: RejectionCode::JobEnded,
                strike: false,
                at: now,
            })
        }
        SubmissionStatus::Accepted => SubmissionEvent::TimedOut(SubmissionTimedOut { at: now }),
        SubmissionStatus::Approved
        | SubmissionStatus::Rejected
        | SubmissionStatus::Withdrawn
        | SubmissionStatus::TimedOut => return Changes::none(),
    };
    Changes::none().append(StreamId::Submission(id), event)
}
