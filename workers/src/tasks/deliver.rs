//! Deliver: copy approved files to their job's folder and record where they are.

use super::{report, storage};
use crate::runner::{Trouble, WorkerContext};
use firsthand_domain::StreamId;
use firsthand_domain::ids::SubmissionId;
use firsthand_domain::submissions::{DeliverSubmission, DeliveredFile, Submission};
use firsthand_eventstore::tasks::LeasedTask;

/// Copies the files. Repeating it copies the same bytes to the same keys.
pub(super) async fn perform(
    context: &WorkerContext,
    task: &LeasedTask,
    id: SubmissionId,
    submission: &Submission,
) -> Result<(), Trouble> {
    if submission.delivered_at.is_some() {
        return Ok(());
    }
    let mut files = Vec::with_capacity(submission.files.len());
    for file in &submission.files {
        let storage_key = format!(
            "jobs/{}/{}.{}",
            submission.job_id,
            file.file_id,
            file.content_type.extension()
        );
        context
            .objects
            .copy(&file.storage_key, &storage_key)
            .await
            .map_err(|error| storage(&error))?;
        files.push(DeliveredFile { file_id: file.file_id, storage_key });
    }
    let command = DeliverSubmission { submission_id: id, files };
    report(context, task, StreamId::Submission(id), command).await
}
