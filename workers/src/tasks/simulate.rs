//! Simulate: the sandbox's worker accepts a job and uploads canned files (spec section 14). It goes
//! the way that people go, by the same commands; only the score is given (`score.rs`).

use super::canned::Canned;
use super::states;
use crate::runner::{Trouble, WorkerContext};
use firsthand_adapters::ids::mint;
use firsthand_domain::ids::{FileId, JobId, SubmissionId, WorkerId};
use firsthand_domain::jobs::{Job, SandboxCourse};
use firsthand_domain::submissions::{
    AcceptJob, Submission, SubmissionStatus, UploadSubmission, UploadedFile,
};
use firsthand_domain::time::Span;
use firsthand_domain::{Command, Rejection, State, StreamId};
use firsthand_eventstore::tasks::LeasedTask;
use firsthand_eventstore::{Answer, Meta, Reply, Request};
use futures_util::future::try_join_all;
use std::collections::BTreeSet;
use std::time::Duration;
use ulid::Ulid;

/// Simulated workers: so many submissions are under way at a time.
const WORKERS: u64 = 100;
/// How long it waits for scores, and the longest after many times.
const WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Where the simulated workers say that they are.
const REGION: &str = "US";

/// Returns the simulated workers that have nothing to do with a job yet.
fn idle(job: &Job) -> impl Iterator<Item = WorkerId> {
    let busy: BTreeSet<_> = job.active.values().map(|active| active.worker_id).collect();
    let all = (0..WORKERS).map(|number| WorkerId::new(Ulid::from_parts(0, number.into())));
    all.filter(move |worker| !busy.contains(worker))
}

/// Sends a command of a simulated worker. That it is refused is no trouble: the job may end at any
/// time, and a task that runs twice does everything twice.
async fn send(
    context: &WorkerContext,
    task: &LeasedTask,
    stream: StreamId,
    command: impl Command + 'static,
) -> Result<Option<Rejection>, Trouble> {
    let request = Request {
        command: Box::new(command),
        render: Box::new(|_view, _outcome| Answer::done()),
        meta: Meta {
            actor: "system:sandbox".to_owned(),
            request_id: format!("task:{}:{}", task.part, task.task_id),
            key: None,
        },
    };
    match context.ledger.execute(stream, request).await {
        Ok(Reply::Decided { outcome: Err(rejection), .. }) => Ok(Some(rejection)),
        Ok(_done) => Ok(None),
        Err(error) => Err(Trouble::Retry(error.to_string())),
    }
}

async fn read_job(context: &WorkerContext, id: JobId) -> Result<Job, Trouble> {
    match states(context, &[StreamId::Job(id)]).await?.into_iter().next() {
        Some((_, State::Job(job))) => Ok(*job),
        _ => Err(Trouble::Dead(format!("{id} does not exist"))),
    }
}

/// Accepts as many slots as there are, for as many workers as there are.
async fn accept(
    context: &WorkerContext,
    task: &LeasedTask,
    id: JobId,
    job: &Job,
) -> Result<(), Trouble> {
    let slots = usize::try_from(job.slots_open()).unwrap_or(usize::MAX);
    let accepting = idle(job).take(slots).map(|worker_id| {
        let submission_id = SubmissionId::in_slot(mint((context.clock)()), id.slot());
        let worker_region = Some(REGION.to_owned());
        let command =
            AcceptJob { job_id: id, submission_id, worker_id, worker_region, wait: Span::ZERO };
        send(context, task, StreamId::Job(id), command)
    });
    try_join_all(accepting).await.map(drop)
}

/// Uploads for every submission that waits for files; returns how many did.
async fn upload(context: &WorkerContext, task: &LeasedTask, job: &Job) -> Result<usize, Trouble> {
    let streams: Vec<_> = job.active.keys().map(|id| StreamId::Submission(*id)).collect();
    let mut uploads = Vec::new();
    let mut number = usize::try_from(job.files_approved).unwrap_or(0);
    for (stream, state) in states(context, &streams).await? {
        let (StreamId::Submission(id), State::Submission(submission)) = (stream, state) else {
            continue;
        };
        let first = number;
        number += usize::try_from(submission.files_reserved).unwrap_or(0);
        let retry = match submission.status {
            SubmissionStatus::Accepted => false,
            SubmissionStatus::RetryPending => true,
            _ => continue,
        };
        let files = files(context, job, (id, &submission), first).await?;
        uploads.push(UploadSubmission {
            submission_id: id,
            worker_id: submission.worker_id,
            retry,
            files,
            captured_at: Some((context.clock)()),
            location_verified: job.input.location.map(|_area| true),
        });
    }
    let count = uploads.len();
    let sending = uploads
        .into_iter()
        .map(|command| send(context, task, StreamId::Submission(command.submission_id), command));
    try_join_all(sending).await?;
    Ok(count)
}

/// Returns the canned files of a submission whose first file has that number in its job.
async fn files(
    context: &WorkerContext,
    job: &Job,
    (id, submission): (SubmissionId, &Submission),
    first: usize,
) -> Result<Vec<UploadedFile>, Trouble> {
    let formats = &job.input.accepted_formats;
    let count = usize::try_from(submission.files_reserved).unwrap_or(0);
    let mut files = Vec::with_capacity(count);
    for number in first..first + count {
        let Some(content_type) = formats.get(number % formats.len().max(1)) else {
            return Err(Trouble::Dead("the job accepts no format".to_owned()));
        };
        let Canned { storage_key, size_bytes, content_hash } =
            context.shelf.get(context, *content_type, number).await?;
        files.push(UploadedFile {
            file_id: FileId::in_slot(mint((context.clock)()), id.slot()),
            content_type: *content_type,
            size_bytes,
            content_hash,
            storage_key,
            original_filename: Some(format!("sandbox-{number}.{}", content_type.extension())),
        });
    }
    Ok(files)
}

/// Does what there is to do for a job now. Returns the job's version before the uploads if scores are
/// awaited, and `None` once nothing is left: the job has ended, or a submission of it was rejected.
/// That is the failure path, on which the job stays as it is.
async fn turn(
    context: &WorkerContext,
    task: &LeasedTask,
    id: JobId,
) -> Result<Option<u64>, Trouble> {
    let job = read_job(context, id).await?;
    if !job.status.active() || job.input.sandbox_course() == SandboxCourse::Stall {
        return Ok(None);
    }
    if job.ended.rejected == 0 {
        accept(context, task, id, &job).await?;
    }
    let job = read_job(context, id).await?;
    let uploaded = upload(context, task, &job).await?;
    let over = uploaded == 0 && (job.active.is_empty() || !job.status.active());
    Ok((!over).then_some(job.version))
}

/// Works on a job until nothing is left to do. Between the uploads and the scores the task is put off;
/// but where a clock waits for it, some wait in their place.
pub(super) async fn perform(
    context: &WorkerContext,
    task: &LeasedTask,
    id: JobId,
) -> Result<(), Trouble> {
    while let Some(seen) = turn(context, task, id).await? {
        let wait = WAIT.saturating_mul(u32::try_from(task.attempts).unwrap_or(1).max(1));
        let later = Trouble::Later(wait.min(LONGEST_WAIT));
        if !task.clocked {
            return Err(later);
        }
        let Ok(_patient) = context.bell.patient.try_acquire() else {
            return Err(Trouble::Later(WAIT));
        };
        if !changed(context, id, seen).await? {
            return Err(later);
        }
    }
    Ok(())
}

/// Waits a little for a job to change. Returns whether it did.
async fn changed(context: &WorkerContext, id: JobId, seen: u64) -> Result<bool, Trouble> {
    let change = context.ledger.watch(StreamId::Job(id));
    let notified = change.notify.notified();
    tokio::pin!(notified);
    // Registered before the job is read, so that no score is missed.
    notified.as_mut().enable();
    if read_job(context, id).await?.version != seen {
        return Ok(true);
    }
    Ok(tokio::time::timeout(WAIT, notified).await.is_ok())
}
