//! Record: tell a worker's own book how a submission ended.

use super::report;
use crate::runner::{Trouble, WorkerContext};
use firsthand_domain::StreamId;
use firsthand_domain::earnings::Pay;
use firsthand_domain::ids::SubmissionId;
use firsthand_domain::submissions::{Submission, SubmissionStatus};
use firsthand_domain::workers::RecordOutcome;
use firsthand_eventstore::tasks::LeasedTask;

/// Reports the end of a submission to its worker's part of the log. The sandbox pays nobody.
pub(super) async fn perform(
    context: &WorkerContext,
    task: &LeasedTask,
    id: SubmissionId,
    submission: &Submission,
    strike: bool,
) -> Result<(), Trouble> {
    if submission.book.is_sandbox() {
        return Ok(());
    }
    let approved = submission.status == SubmissionStatus::Approved;
    let command = RecordOutcome {
        worker_id: submission.worker_id,
        submission_id: id,
        pay: approved.then(|| Pay {
            job_id: submission.job_id,
            amount: submission.worker_cents,
            // An approval is decided with its score.
            approved_at: submission.scored_at.unwrap_or_default(),
            hold: context.earnings_hold,
        }),
        strike: submission.rejection_code.filter(|_code| strike),
    };
    report(context, task, StreamId::Worker(submission.worker_id), command).await
}
