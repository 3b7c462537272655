//! Housekeeping: what is kept for a while only is pruned, and the planner hears of tables that have grown.
//! Beside the schedules, since no timer waits for it.

use crate::runner::WorkerContext;
use firsthand_domain::Timestamp;
use firsthand_domain::time::Span;
use firsthand_eventstore::{StoreError, idempotency, tasks};
use firsthand_projections::webhooks::attempts;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often tables that have grown are looked for.
const TICK: Duration = Duration::from_secs(1);
/// How long answers (design D7) and the log of webhook attempts are kept, and how many ticks pass between prunings.
const KEEP: Span = Span::days(30);
const TICKS_PER_PRUNING: u64 = 3_600;
/// Rows that are deleted at a time: a short transaction, and others get their turn.
const CHUNK: i64 = 5_000;

/// Runs until it is told to stop.
pub async fn run_housekeeping(context: &WorkerContext, stop: &CancellationToken) {
    let mut ticks = 0_u64;
    loop {
        if let Err(error) = tasks::refresh_statistics(context.ledger.store()).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "tables can't be analyzed");
        }
        if ticks.is_multiple_of(TICKS_PER_PRUNING)
            && let Err(error) = prune(context, stop).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "old rows can't be pruned");
        }
        ticks += 1;
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TICK) => (),
        }
    }
}

async fn prune(context: &WorkerContext, stop: &CancellationToken) -> Result<(), StoreError> {
    let store = context.ledger.store();
    let before = Timestamp::from_micros(context.now()).before(KEEP).micros();
    for part in store.all_parts() {
        while !stop.is_cancelled() && idempotency::prune(store, part, before, CHUNK).await? {}
        while !stop.is_cancelled() && attempts::prune(store, part, before, CHUNK).await? {}
    }
    Ok(())
}
