//! Schedules: timers that are due become commands. No rules here: the commands decide by their own time
//! whether anything is due.

use crate::reactors::timer_kinds;
use crate::runner::WorkerContext;
use firsthand_domain::credits::AnnounceExpiry;
use firsthand_domain::jobs::ExpireJob;
use firsthand_domain::purchases::ExpireLot;
use firsthand_domain::submissions::TimeOutSubmission;
use firsthand_domain::{Book, Command, Rejection, StreamId};
use firsthand_eventstore::tasks::{self, DueTimer};
use firsthand_eventstore::{Answer, Meta, Reply, Request, StoreError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often timers are looked at.
const TICK: Duration = Duration::from_millis(500);
/// Timers handled in one look at a part.
const MOST: i64 = 200;

/// Runs until it is told to stop.
pub async fn run_schedules(context: &WorkerContext, stop: &CancellationToken) {
    loop {
        if let Err(error) = fire(context).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "timers can't be read");
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TICK) => (),
        }
    }
}

async fn fire(context: &WorkerContext) -> Result<(), StoreError> {
    let store = context.ledger.store();
    for part in tasks::parts_with_due_timers(store, context.now()).await? {
        for timer in tasks::due_timers(store, part, context.now(), MOST).await? {
            fire_one(context, &timer).await?;
        }
    }
    Ok(())
}

/// Returns the command of a timer; `None` for one that we can't read, which is left for a person.
pub(crate) fn command(timer: &DueTimer) -> Option<(StreamId, Box<dyn Command>)> {
    let stream: StreamId = timer.stream.parse().ok()?;
    let command: Box<dyn Command> = match (timer.kind.as_str(), stream) {
        (timer_kinds::DEADLINE, StreamId::Job(job_id)) => Box::new(ExpireJob { job_id }),
        (timer_kinds::SUBMISSION, StreamId::Submission(submission_id)) => {
            Box::new(TimeOutSubmission { submission_id })
        }
        (timer_kinds::EXPIRY, StreamId::Credits(id, environment)) => Box::new(ExpireLot {
            book: Book::Organization(id, environment),
            lot_id: timer.subject.parse().ok()?,
        }),
        (timer_kinds::NOTICE, StreamId::Credits(id, environment)) => Box::new(AnnounceExpiry {
            book: Book::Organization(id, environment),
            lot_id: timer.subject.parse().ok()?,
        }),
        _ => return None,
    };
    Some((stream, command))
}

async fn fire_one(context: &WorkerContext, timer: &DueTimer) -> Result<(), StoreError> {
    let Some((stream, command)) = command(timer) else {
        tracing::error!(stream = timer.stream, kind = timer.kind, "an unknown timer");
        return Ok(());
    };
    let now = context.now();
    match context.ledger.execute(stream, request(command, timer)).await {
        // Too early: the clock of the decision is behind ours, or the timer was set anew.
        Ok(Reply::Decided { outcome: Err(Rejection::TooEarly), .. }) => Ok(()),
        Ok(_decided) => tasks::finish_timer(context.ledger.store(), timer, now).await,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a timer waits");
            Ok(())
        }
    }
}

/// Returns what a timer asks of the ledger.
pub(crate) fn request(command: Box<dyn Command>, timer: &DueTimer) -> Request {
    Request {
        command,
        render: Box::new(|_view, _outcome| Answer::done()),
        meta: Meta {
            actor: "system:timer".to_owned(),
            request_id: format!("timer:{}:{}", timer.kind, timer.stream),
            key: None,
        },
    }
}
