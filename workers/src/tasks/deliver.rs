//! Deliver: copy approved files to their job's folder and record where they are.

use super::{report_repeatable, storage};
use crate::runner::{Trouble, WorkerContext};
use firsthand_domain::StreamId;
use firsthand_domain::ids::SubmissionId;
use firsthand_domain::submissions::{DeliverSubmission, DeliveredFile, Submission, delivered_key};
use firsthand_eventstore::tasks::LeasedTask;

/// Copies a submission's files to their job's folder, unless they are there.
pub(super) async fn place(
    context: &WorkerContext,
    submission: &Submission,
) -> Result<Vec<DeliveredFile>, Trouble> {
    let mut files = Vec::with_capacity(submission.files.len());
    for file in &submission.files {
        let storage_key = delivered_key(submission, file);
        let there = context.objects.head(&storage_key).await.map_err(|error| storage(&error))?;
        if there.is_none_or(|object| object.size != file.size_bytes) {
            context
                .objects
                .copy(&file.storage_key, &storage_key)
                .await
                .map_err(|error| storage(&error))?;
        }
        files.push(DeliveredFile { file_id: file.file_id, storage_key });
    }
    Ok(files)
}

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
    let files = place(context, submission).await?;
    let command = DeliverSubmission { submission_id: id, files };
    report_repeatable(context, task, StreamId::Submission(id), command).await
}
