//! Deliver: the approved files have reached the job's folder.

use super::events::{DeliveredFile, SubmissionDelivered, SubmissionEvent, UploadedFile};
use super::state::SubmissionStatus;
use super::upload::loaded;
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{Book, JobId, StreamId, SubmissionId};
use crate::rejection::Rejection;

/// Returns where a file of a job is stored once it is approved.
pub fn delivered_key(job: JobId, file: &UploadedFile) -> String {
    format!("jobs/{job}/{}.{}", file.file_id, file.content_type.extension())
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
