//! The effects, one file each.

mod advance;
mod canned;
mod charge;
mod deliver;
mod payment_event;
mod payout;
mod payout_batch;
mod record;
mod replay;
mod score;
mod simulate;

pub use canned::Shelf;

use crate::reactors::{AdvanceTask, ChargeTask, PayoutTask, SimulateTask, SubmissionTask, kinds};
use crate::runner::{Trouble, WorkerContext};
use firsthand_domain::ids::SubmissionId;
use firsthand_domain::submissions::Submission;
use firsthand_domain::{Command, Rejection, State, StreamId};
use firsthand_eventstore::payment_events;
use firsthand_eventstore::payout_batches;
use firsthand_eventstore::tasks::LeasedTask;
use firsthand_eventstore::{Answer, ExecuteError, IdempotencyKey, Meta, Reply, Request, read};
use firsthand_projections::webhooks::replays;

/// Performs a task.
pub(crate) async fn perform(context: &WorkerContext, task: &LeasedTask) -> Result<(), Trouble> {
    if task.kind == replays::TASK {
        return replay::perform(context, task).await;
    }
    if task.kind == payment_events::TASK {
        return payment_event::perform(context, task).await;
    }
    if task.kind == kinds::CHARGE {
        let charge: ChargeTask = serde_json::from_slice(&task.payload)
            .map_err(|error| Trouble::Dead(error.to_string()))?;
        return charge::perform(context, task, charge.purchase_id).await;
    }
    if task.kind == payout_batches::TASK {
        return payout_batch::perform(context, task).await;
    }
    if task.kind == kinds::PAYOUT {
        let payout: PayoutTask = serde_json::from_slice(&task.payload)
            .map_err(|error| Trouble::Dead(error.to_string()))?;
        return payout::perform(context, task, payout.payout_id).await;
    }
    if task.kind == kinds::ADVANCE {
        let advance: AdvanceTask = serde_json::from_slice(&task.payload)
            .map_err(|error| Trouble::Dead(error.to_string()))?;
        return advance::perform(context, advance.organization_id).await;
    }
    if task.kind == kinds::SIMULATE {
        let simulate: SimulateTask = serde_json::from_slice(&task.payload)
            .map_err(|error| Trouble::Dead(error.to_string()))?;
        return simulate::perform(context, task, simulate.job_id).await;
    }
    let payload: SubmissionTask =
        serde_json::from_slice(&task.payload).map_err(|error| Trouble::Dead(error.to_string()))?;
    let id: SubmissionId =
        payload.submission_id.parse().map_err(|error| Trouble::Dead(format!("{error}")))?;
    let submission = submission(context, id).await?;
    match task.kind.as_str() {
        kinds::SCORE => score::perform(context, task, id, &submission, payload.attempt).await,
        kinds::DELIVER => deliver::perform(context, task, id, &submission).await,
        kinds::RECORD => record::perform(context, task, id, &submission, payload.strike).await,
        unknown => Err(Trouble::Dead(format!("unknown kind {unknown}"))),
    }
}

/// Reads committed states of streams of one part.
async fn states(
    context: &WorkerContext,
    streams: &[StreamId],
) -> Result<Vec<(StreamId, State)>, Trouble> {
    let Some(first) = streams.first() else { return Ok(Vec::new()) };
    let store = context.ledger.store();
    let rows = read::states(store, store.part_of(*first), streams).await?;
    Ok(rows.into_iter().map(|row| (row.stream, row.state)).collect())
}

/// Reads the committed state of a stream; `None` if it has none.
async fn state(context: &WorkerContext, stream: StreamId) -> Result<Option<State>, Trouble> {
    Ok(states(context, &[stream]).await?.into_iter().next().map(|(_, state)| state))
}

async fn submission(context: &WorkerContext, id: SubmissionId) -> Result<Submission, Trouble> {
    match state(context, StreamId::Submission(id)).await? {
        Some(State::Submission(submission)) => Ok(*submission),
        _ => Err(Trouble::Dead(format!("{id} does not exist"))),
    }
}

/// Reports an outcome to the ledger under the task's own key, so that it counts once however often
/// the task runs. Another outcome has another key: of two runs that overlapped, one may have found nothing to
/// do before the other one's payment was made, and that payment must be booked.
async fn report<C: Command + 'static>(
    context: &WorkerContext,
    task: &LeasedTask,
    stream: StreamId,
    command: C,
) -> Result<(), Trouble> {
    let (part, outcome) = (task.part.to_string(), std::any::type_name::<C>());
    let outcome = outcome.rsplit("::").next().unwrap_or(outcome);
    let key = IdempotencyKey::new(&["task", &part, &task.task_id, outcome], b"");
    send(context, task, stream, command, Some(key)).await
}

/// Reports an outcome that changes nothing when it is reported again, by the state that it led to: it
/// needs no key, which would be looked up and stored for each file.
async fn report_repeatable(
    context: &WorkerContext,
    task: &LeasedTask,
    stream: StreamId,
    command: impl Command + 'static,
) -> Result<(), Trouble> {
    send(context, task, stream, command, None).await
}

async fn send(
    context: &WorkerContext,
    task: &LeasedTask,
    stream: StreamId,
    command: impl Command + 'static,
    key: Option<IdempotencyKey>,
) -> Result<(), Trouble> {
    let request = Request {
        command: Box::new(command),
        render: Box::new(|_view, outcome| Answer { keep: outcome.is_ok(), ..Answer::done() }),
        meta: Meta {
            actor: format!("system:{}", task.kind),
            request_id: format!("task:{}:{}", task.part, task.task_id),
            key,
        },
    };
    match context.ledger.execute(stream, request).await {
        Ok(Reply::Replayed { .. } | Reply::Decided { outcome: Ok(()), .. }) => Ok(()),
        Ok(Reply::Decided { outcome: Err(rejection), .. }) => match rejection {
            Rejection::InsufficientCredits { .. } | Rejection::OutOfBalance { .. } => {
                Err(Trouble::Dead(rejection.to_string()))
            }
            refused if refused.transient() => Err(Trouble::Retry(refused.to_string())),
            refused => Err(Trouble::Dead(refused.to_string())),
        },
        Err(ExecuteError::KeyReused) => Err(Trouble::Dead("a task's key was reused".to_owned())),
        Err(error @ (ExecuteError::Overloaded | ExecuteError::Unavailable)) => {
            Err(Trouble::Retry(error.to_string()))
        }
    }
}

/// Turns a storage error into what to do about it.
fn storage(error: &firsthand_adapters::storage::StorageError) -> Trouble {
    if error.retryable() {
        Trouble::Retry(error.to_string())
    } else {
        Trouble::Dead(error.to_string())
    }
}
