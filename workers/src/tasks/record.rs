//! Record: tell a worker's own book how a submission ended.

use super::report;
use crate::runner::{Trouble, WorkerContext};
use firsthand_domain::StreamId;
use firsthand_domain::ids::SubmissionId;
use firsthand_domain::submissions::{Submission, SubmissionStatus};
use firsthand_domain::workers::RecordOutcome;
use firsthand_eventstore::tasks::LeasedTask;

/// Reports the end of a submission to its worker's part of the log.
pub(super) async fn perform(
    context: &WorkerContext,
    task: &LeasedTask,
    id: SubmissionId,
    submission: &Submission,
    strike: bool,
) -> Result<(), Trouble> {
    let command = RecordOutcome {
        worker_id: submission.worker_id,
        submission_id: id,
        approved: submission.status == SubmissionStatus::Approved,
        earned: submission.worker_cents,
        strike,
    };
    report(context, task, StreamId::Worker(submission.worker_id), command).await
}
