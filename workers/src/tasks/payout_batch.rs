//! Payout batch: open a payout for every worker who has enough. Each payout goes its own way from
//! there; one that fails stops no other.

use crate::runner::{Trouble, WorkerContext};
use firsthand_adapters::ids::mint;
use firsthand_domain::earnings::Earnings;
use firsthand_domain::ids::{PayoutBatchId, PayoutId, WorkerId};
use firsthand_domain::payouts::{MINIMUM, OpenPayout};
use firsthand_domain::{Rejection, StreamId, Timestamp};
use firsthand_eventstore::payout_batches::{self, PayoutBatchTask};
use firsthand_eventstore::tasks::LeasedTask;
use firsthand_eventstore::{Answer, IdempotencyKey, Meta, Reply, Request};
use firsthand_projections::batch_payouts;
use std::collections::BTreeMap;

/// Workers that are read at a time.
const PAGE: i64 = 500;

/// Opens the payouts of a run. Whoever begins anew opens nothing twice: a worker's payout has the run
/// and the worker as its key.
pub(super) async fn perform(context: &WorkerContext, task: &LeasedTask) -> Result<(), Trouble> {
    let PayoutBatchTask { batch_id } =
        serde_json::from_slice(&task.payload).map_err(|error| Trouble::Dead(error.to_string()))?;
    let store = context.ledger.store();
    let mut skipped = BTreeMap::new();
    for part in store.all_parts() {
        let mut after = None;
        loop {
            let page = batch_payouts::earners(store, part, after, PAGE).await?;
            let Some((last, _earnings)) = page.last() else { break };
            after = Some(*last);
            for (worker_id, earnings) in &page {
                if enough(earnings, Timestamp::from_micros(context.now()))
                    && let Some(reason) = open(context, task, batch_id, *worker_id).await?
                {
                    *skipped.entry(reason.to_owned()).or_default() += 1;
                }
            }
        }
    }
    payout_batches::opened(store, batch_id, &skipped, context.now()).await?;
    Ok(())
}

/// Says whether a worker may get a payout; the rule itself decides.
fn enough(earnings: &Earnings, now: Timestamp) -> bool {
    earnings.available_at(now) >= MINIMUM
}

/// Opens a worker's payout; returns why there is none.
async fn open(
    context: &WorkerContext,
    task: &LeasedTask,
    batch_id: PayoutBatchId,
    worker_id: WorkerId,
) -> Result<Option<&'static str>, Trouble> {
    let command = OpenPayout {
        worker_id,
        payout_id: PayoutId::in_slot(mint((context.clock)()), worker_id.slot()),
        amount: None,
        batch_id: Some(batch_id),
    };
    let (batch, worker) = (batch_id.to_string(), worker_id.to_string());
    let request = Request {
        command: Box::new(command),
        render: Box::new(|_view, outcome| Answer { keep: outcome.is_ok(), ..Answer::done() }),
        meta: Meta {
            actor: "system:payout_batch".to_owned(),
            request_id: format!("task:{}:{}", task.part, task.task_id),
            key: Some(IdempotencyKey::new(&["payout_batch", &batch, &worker], b"")),
        },
    };
    match context.ledger.execute(StreamId::Worker(worker_id), request).await {
        Ok(Reply::Replayed { .. } | Reply::Decided { outcome: Ok(()), .. }) => Ok(None),
        Ok(Reply::Decided { outcome: Err(rejection), .. }) => match rejection {
            Rejection::NoPayoutAccount => Ok(Some("no_payout_account")),
            Rejection::PayoutInFlight { .. } => Ok(Some("payout_in_flight")),
            // It was paid meanwhile.
            Rejection::PayoutBelowMinimum { .. } => Ok(Some("payout_below_minimum")),
            other => Err(Trouble::Dead(other.to_string())),
        },
        Err(error) => Err(Trouble::Retry(error.to_string())),
    }
}
