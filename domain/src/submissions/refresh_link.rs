//! Refresh a link: a buyer was given a new link to an approved file.

use super::events::{SubmissionEvent, SubmissionLinkRefreshed};
use super::state::SubmissionStatus;
use super::upload::loaded;
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{Book, FileId, StreamId, SubmissionId};
use crate::rejection::Rejection;

/// Puts on record that a link was given out. Every link is an event of its own.
#[derive(Debug, Clone)]
pub struct RefreshLink {
    /// The submission.
    pub submission_id: SubmissionId,
    /// The file.
    pub file_id: FileId,
}

impl Command for RefreshLink {
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
        let has = submission.files.iter().any(|file| file.file_id == self.file_id);
        if submission.status != SubmissionStatus::Approved || !has {
            return Err(Rejection::NotFound { kind: "file" });
        }
        let refreshed = SubmissionLinkRefreshed { file_id: self.file_id, at: context.now };
        Ok(Changes::none().append(
            StreamId::Submission(self.submission_id),
            SubmissionEvent::LinkRefreshed(refreshed),
        ))
    }
}
