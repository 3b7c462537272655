//! Sends webhooks. Each endpoint has a lane; whoever holds a lane sends what the endpoint is owed,
//! within its own limits, so that one that fails or is slow holds up nobody else. A lane whose
//! holder was killed is taken over; what was in flight then is sent once more.

mod endpoint;
mod health;
mod lane;
mod request;
mod schedule;

pub use schedule::RetrySchedule;

use crate::runner::WorkerContext;
use firsthand_adapters::outbound::Connector;
use firsthand_adapters::secrets::Secrets;
use firsthand_domain::ids::WebhookEndpointId;
use firsthand_eventstore::StoreError;
use firsthand_projections::Follower;
use firsthand_projections::webhooks::lanes::{self, Lane};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a hold on a lane lasts, and how often it is extended.
const HOLD: Duration = Duration::from_secs(10);
const EXTEND: Duration = Duration::from_secs(2);
/// How often due lanes are looked for when nothing announced them.
const POLL: Duration = Duration::from_millis(500);
/// Requests in flight to all endpoints together.
const IN_FLIGHT: usize = 1_024;
/// Lanes that are acquired in one look at a part.
const MOST: i64 = 256;

/// What sending needs.
#[derive(Clone)]
pub struct Outbound {
    /// Reaches receivers.
    pub connector: Arc<Connector>,
    /// Opens signing secrets.
    pub secrets: Secrets,
    /// When a failed delivery is tried again.
    pub retries: RetrySchedule,
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").field("retries", &self.retries).finish_non_exhaustive()
    }
}

/// What the lanes of a process share.
#[derive(Debug)]
struct Shared {
    context: WorkerContext,
    outbound: Outbound,
    /// Names this process as a holder of lanes.
    holder: String,
    slots: Arc<Semaphore>,
    /// The lanes that are held, each with its bell. Locked while lanes are acquired or released, so
    /// that what was heard of in between reaches whoever must know.
    lanes: Mutex<BTreeMap<WebhookEndpointId, Arc<Notify>>>,
    /// How many lanes are held.
    held: AtomicUsize,
    stop: CancellationToken,
}

/// Sends webhooks until it is told to stop.
#[derive(Debug)]
pub struct Dispatcher {
    shared: Arc<Shared>,
    tracker: TaskTracker,
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl Shared {
    fn until(&self) -> i64 {
        self.context.now().saturating_add(micros(HOLD))
    }

    /// How many requests one lane may have in flight, so that all lanes together find room.
    fn share(&self) -> usize {
        IN_FLIGHT.checked_div(self.held.load(Ordering::Relaxed)).unwrap_or(IN_FLIGHT).max(1)
    }
}

impl Dispatcher {
    /// Makes a dispatcher; nothing runs yet.
    pub fn new(
        context: WorkerContext,
        outbound: Outbound,
        tracker: TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let now = (context.clock)();
        let shared = Shared {
            context,
            outbound,
            holder: firsthand_adapters::ids::mint(now).to_string(),
            slots: Arc::new(Semaphore::new(IN_FLIGHT)),
            lanes: Mutex::default(),
            held: AtomicUsize::new(0),
            stop: stop.clone(),
        };
        Self { shared: Arc::new(shared), tracker }
    }

    /// Looks for due lanes whenever the reactors have moved, and now and then.
    pub async fn run(&self, reactors: &Follower) {
        let mut moved = reactors.moved();
        let mut extend = tokio::time::interval(EXTEND);
        loop {
            tokio::select! {
                biased;
                () = self.shared.stop.cancelled() => return,
                _ = extend.tick() => self.extend().await,
                changed = tokio::time::timeout(POLL, moved.changed()) => drop(changed),
            }
            if let Err(error) = self.round().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "lanes can't be acquired");
            }
        }
    }

    /// Keeps what is held, also while everything ends: requests in flight are waited for.
    async fn extend(&self) {
        let store = self.shared.context.ledger.store();
        if self.shared.held.load(Ordering::Relaxed) == 0 {
            return;
        }
        self.shared.outbound.connector.close_idle();
        for part in store.all_parts() {
            let until = self.shared.until();
            if let Err(error) = lanes::extend(store, part, &self.shared.holder, until).await {
                // A hold that can't be extended runs out: what is in flight is sent twice at worst.
                tracing::warn!(error = &error as &dyn std::error::Error, "a hold was not extended");
            }
        }
    }

    /// Acquires what is due and rings the bells of lanes that have something new.
    async fn round(&self) -> Result<(), StoreError> {
        let shared = &self.shared;
        let store = shared.context.ledger.store();
        for part in store.all_parts() {
            let mut held = shared.lanes.lock().await;
            let (now, until) = (shared.context.now(), shared.until());
            for lane in lanes::acquire(store, part, &shared.holder, now, until, MOST).await? {
                if let Some(bell) = held.get(&lane.endpoint_id) {
                    bell.notify_one();
                } else {
                    let bell = Arc::new(Notify::new());
                    held.insert(lane.endpoint_id, Arc::clone(&bell));
                    self.serve(lane, bell);
                }
            }
        }
        Ok(())
    }

    fn serve(&self, lane: Lane, bell: Arc<Notify>) {
        let shared = Arc::clone(&self.shared);
        shared.held.fetch_add(1, Ordering::Relaxed);
        self.tracker.spawn(async move {
            let endpoint = lane.endpoint_id;
            if let Err(error) = lane::serve(&shared, lane, &bell).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    endpoint = %endpoint,
                    "a lane is left to whoever finds its hold run out"
                );
                shared.lanes.lock().await.remove(&endpoint);
            }
            shared.held.fetch_sub(1, Ordering::Relaxed);
        });
    }
}
