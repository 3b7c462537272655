//! Deliver: the approved files have reached the job's folder.

use super::events::{DeliveredFile, SubmissionDelivered, SubmissionEvent, UploadedFile};
use super::state::{Submission, SubmissionStatus};
use super::upload::loaded;
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{Book, StreamId, SubmissionId};
use crate::rejection::Rejection;

/// Returns where a file of a submission is stored once it is delivered: in its job's folder. The
/// sandbox's canned files stay where they are, each stored once (spec section 14).
pub fn delivered_key(submission: &Submission, file: &UploadedFile) -> String {
    if submission.book.is_sandbox() {
        return file.storage_key.clone();
    }
    format!("jobs/{}/{}.{}", submission.job_id, file.file_id, file.content_type.extension())
}

/// Records where the approved files are now. Repeating it changes nothing.
#[derive(Debug, Clone)]
pub struct DeliverSubmission {
    /// The submission.
    pub submission_id: SubmissionId,
    /// Where each file is stored.
    pub files: Vec<DeliveredFile>,
}

impl Command for DeliverSubmission {
    fn book(&self, view: &dyn View) -> Option<Book> {
        loaded(view, self.submission_id).map(|submission| submission.book)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
        need(view, StreamId::Submission(self.submission_id), &mut missing);
        missing
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let submission = decision::submission(view, self.submission_id)?;
        if submission.delivered_at.is_some() {
            return Ok(Changes::none());
        }
        if submission.status != SubmissionStatus::Approved {
            return Err(Rejection::WrongSubmissionStatus { status: submission.status.as_str() });
        }
        let delivered = SubmissionDelivered { files: self.files.clone(), at: context.now };
        Ok(Changes::none().append(
            StreamId::Submission(self.submission_id),
            SubmissionEvent::Delivered(delivered),
        ))
    }
}
