//! Score: fetch a submission's files, measure them, report the score.

use super::{deliver, report_repeatable, states, storage};
use crate::runner::{Trouble, WorkerContext};
use firsthand_adapters::scorer::{
    Candidate, Demands, Earlier, Measured, measure_files, score_files,
};
use firsthand_domain::ids::SubmissionId;
use firsthand_domain::jobs::Job;
use firsthand_domain::submissions::{ScoreSubmission, Submission, SubmissionStatus};
use firsthand_domain::{State, StreamId};
use firsthand_eventstore::read;
use firsthand_eventstore::tasks::LeasedTask;
use firsthand_projections::files;
use std::time::Duration;

/// How long to wait for the list of earlier files to be complete.
const PATIENCE: Duration = Duration::from_secs(5);

/// Scores the upload of one attempt. An upload that waits for no score any more is left alone.
pub(super) async fn perform(
    context: &WorkerContext,
    task: &LeasedTask,
    id: SubmissionId,
    submission: &Submission,
    attempt: u8,
) -> Result<(), Trouble> {
    if submission.status != SubmissionStatus::PendingScore || submission.attempt != attempt {
        return Ok(());
    }
    let job = job(context, submission).await?;
    let demands = Demands { min_width: job.input.min_width, min_height: job.input.min_height };
    let sandbox = submission.book.is_sandbox();
    let measured = measured(context, submission).await?;
    // Those that are scored just now must not miss each other: from the list of earlier files until it has this.
    let (_turn, earlier) = if sandbox {
        (None, Vec::new())
    } else {
        // Before the turn, so that nobody waits for long within his.
        up_to_date(context, task).await?;
        let turn = context.bell.turns.of(submission.job_id).await;
        (turn, earlier(context, task, id, submission).await?)
    };
    let mut scored = score_files(&measured, demands, &earlier);
    if sandbox {
        scored.score = job.input.sandbox_course().score(attempt);
        scored.technical = None;
    }
    let approved = job.input.approves(submission.book, attempt, scored.score.stars);
    if scored.technical.is_none() && approved {
        // Whoever hears of the approval finds the files in their place.
        deliver::place(context, submission).await?;
    }
    let command = ScoreSubmission {
        submission_id: id,
        attempt,
        score: scored.score,
        technical: scored.technical,
        measurements: scored.measurements,
    };
    report_repeatable(context, task, StreamId::Submission(id), command).await
}

/// Fetches a submission's files and measures them.
async fn measured(
    context: &WorkerContext,
    submission: &Submission,
) -> Result<Vec<Measured>, Trouble> {
    let directory = tempfile::tempdir_in(&context.scratch_dir)
        .map_err(|error| Trouble::Retry(error.to_string()))?;
    let mut candidates = Vec::with_capacity(submission.files.len());
    for file in &submission.files {
        let path = directory.path().join(file.file_id.to_string());
        context
            .objects
            .get_to_file(&file.storage_key, &path)
            .await
            .map_err(|error| storage(&error))?;
        candidates.push(Candidate {
            file_id: file.file_id,
            content_type: file.content_type,
            path,
            content_hash: file.content_hash.clone(),
        });
    }
    // A picture takes up to 256 MB while it is decoded.
    let _decoder = context.bell.decoders.acquire().await;
    // Decoding is computation: it must not hold up the threads that answer requests.
    tokio::task::spawn_blocking(move || measure_files(candidates))
        .await
        .map_err(|stopped| Trouble::Retry(stopped.to_string()))?
        .map_err(|error| Trouble::Retry(error.to_string()))
}

async fn job(context: &WorkerContext, submission: &Submission) -> Result<Job, Trouble> {
    match states(context, &[StreamId::Job(submission.job_id)]).await?.into_iter().next() {
        Some((_, State::Job(job))) => Ok(*job),
        _ => Err(Trouble::Dead(format!("{} does not exist", submission.job_id))),
    }
}

/// Waits until the list of files is as the log is.
async fn up_to_date(context: &WorkerContext, task: &LeasedTask) -> Result<(), Trouble> {
    let store = context.ledger.store();
    // Of the log itself: another process may have scored the last one.
    let head = read::head(store, task.part).await?;
    context.ledger.saw_head(task.part, head);
    if !context.read_models.reach(store, task.part, head, PATIENCE).await? {
        return Err(Trouble::Retry("the list of files is behind".to_owned()));
    }
    Ok(())
}

/// Returns the earlier files that this submission must not repeat.
async fn earlier(
    context: &WorkerContext,
    task: &LeasedTask,
    id: SubmissionId,
    submission: &Submission,
) -> Result<Vec<Earlier>, Trouble> {
    up_to_date(context, task).await?;
    let mut earlier = Vec::new();
    for file in &submission.files {
        let found = files::lookalikes(
            context.ledger.store(),
            task.part,
            &submission.book.to_string(),
            &submission.job_id.to_string(),
            &id.to_string(),
            &file.content_hash,
        )
        .await?;
        earlier.extend(found.into_iter().map(|found| Earlier {
            content_hash: found.content_hash,
            perceptual_hash: found.perceptual_hash,
        }));
    }
    Ok(earlier)
}
