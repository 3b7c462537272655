//! Replay: queue the events of a range once more, step by step.

use crate::runner::{Trouble, WorkerContext};
use firsthand_eventstore::tasks::LeasedTask;
use firsthand_projections::webhooks::replays::{self, ReplayTask};

/// Steps in one go: other tasks want their turn.
const STEPS: usize = 20;

/// Queues some of what is left of the range, and goes on later.
pub(super) async fn perform(context: &WorkerContext, task: &LeasedTask) -> Result<(), Trouble> {
    let replay: ReplayTask =
        serde_json::from_slice(&task.payload).map_err(|error| Trouble::Dead(error.to_string()))?;
    let store = context.ledger.store();
    for _step in 0..STEPS {
        if !replays::step(store, replay.endpoint_id, replay.replay_id, context.now()).await? {
            return Ok(());
        }
    }
    Err(Trouble::GoOn)
}
