//! Housekeeping: what is kept for a while only is pruned, and the planner hears of tables that have grown.
//! Beside the schedules, since no timer waits for it.

use crate::runner::WorkerContext;
use firsthand_domain::Timestamp;
use firsthand_domain::time::Span;
use firsthand_eventstore::{StoreError, idempotency, tasks};
use firsthand_projections::webhooks::attempts;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often tables that have grown are looked for.
const TICK: Duration = Duration::from_secs(1);
/// How long answers (design D7) and the log of webhook attempts are kept, and how often they are pruned.
const KEEP: Span = Span::days(30);
const PRUNING: Duration = Duration::from_hours(1);
/// Rows of a part that are deleted in one tick: a short transaction, and nothing else has to wait.
const CHUNK: i64 = 5_000;

/// Runs until it is told to stop.
pub async fn run_housekeeping(context: &WorkerContext, stop: &CancellationToken) {
    let mut prune_at = Instant::now();
    loop {
        if let Err(error) = tasks::refresh_statistics(context.ledger.store()).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "tables can't be analyzed");
        }
        if prune_at <= Instant::now() {
            match prune(context).await {
                // There may be more: with the next tick.
                Ok(true) => (),
                Ok(false) => prune_at = Instant::now() + PRUNING,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "old rows can't be pruned");
                }
            }
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TICK) => (),
        }
    }
}

/// Deletes some of what is too old. Returns whether there may be more.
async fn prune(context: &WorkerContext) -> Result<bool, StoreError> {
    let store = context.ledger.store();
    let before = Timestamp::from_micros(context.now()).before(KEEP).micros();
    let mut more = false;
    for part in store.all_parts() {
        more |= idempotency::prune(store, part, before, CHUNK).await?;
        more |= attempts::prune(store, part, before, CHUNK).await?;
    }
    Ok(more)
}
