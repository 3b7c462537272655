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
use firsthand_domain::StreamId;
use firsthand_domain::ids::WebhookEndpointId;
use firsthand_eventstore::StoreError;
use firsthand_projections::Follower;
use firsthand_projections::webhooks::lanes::{self, Lane, Next};
use futures_util::FutureExt;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a hold on a lane lasts: longer than a request may take. How often it is extended.
const HOLD: Duration = Duration::from_secs(20);
const EXTEND: Duration = Duration::from_secs(3);
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
    /// The lanes that are held, each with its bell.
    lanes: Mutex<BTreeMap<WebhookEndpointId, Arc<Notify>>>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

/// Sends webhooks until it is told to stop.
#[derive(Debug)]
pub struct Dispatcher {
    shared: Arc<Shared>,
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl Shared {
    fn until(&self) -> i64 {
        self.context.now().saturating_add(micros(HOLD))
    }

    fn lanes(&self) -> MutexGuard<'_, BTreeMap<WebhookEndpointId, Arc<Notify>>> {
        // What is under the lock is only ever replaced whole.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many requests one lane may have in flight, so that all lanes together find room.
    fn share(&self) -> usize {
        IN_FLIGHT.checked_div(self.lanes().len()).unwrap_or(IN_FLIGHT).max(1)
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
            tracker,
            stop: stop.clone(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Ends the holds of all others. Only for who knows that there are none: an embedded database
    /// serves one process, so whoever held a lane before it was killed.
    pub async fn end_holds(&self) -> Result<(), StoreError> {
        let store = self.shared.context.ledger.store();
        for part in store.all_parts() {
            lanes::end_holds(store, part, self.shared.context.now()).await?;
        }
        Ok(())
    }

    /// Looks for due lanes whenever the feed has moved, and now and then.
    pub async fn run(&self, feed: &Follower) {
        let mut moved = feed.moved();
        loop {
            for part in self.shared.context.ledger.store().all_parts() {
                if let Err(error) = self.acquire(part).await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "lanes can't be acquired"
                    );
                }
            }
            tokio::select! {
                biased;
                () = self.shared.stop.cancelled() => return,
                () = self.shared.context.bell.released.notified() => (),
                changed = tokio::time::timeout(POLL, moved.changed()) => drop(changed),
            }
        }
    }

    /// Keeps what is held, also while everything ends: requests in flight are waited for.
    pub async fn keep(&self) {
        let shared = &self.shared;
        loop {
            tokio::select! {
                () = shared.stop.cancelled(), if !shared.stop.is_cancelled() => (),
                () = tokio::time::sleep(if shared.stop.is_cancelled() { POLL } else { EXTEND }) => (),
            }
            let held: Vec<_> = shared.lanes().keys().copied().collect();
            if held.is_empty() && shared.stop.is_cancelled() {
                return;
            }
            shared.outbound.connector.close_idle();
            let store = shared.context.ledger.store();
            let mut of_part: BTreeMap<i16, Vec<String>> = BTreeMap::new();
            for endpoint in held {
                let part = store.part_of(StreamId::WebhookEndpoint(endpoint));
                of_part.entry(part).or_default().push(endpoint.to_string());
            }
            for (part, endpoints) in of_part {
                let until = shared.until();
                let extended = lanes::extend(store, part, &shared.holder, &endpoints, until).await;
                if let Err(error) = extended {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "holds were not extended"
                    );
                }
            }
        }
    }

    /// Rings the bells of lanes that are held and due, and acquires what else is due.
    async fn acquire(&self, part: i16) -> Result<(), StoreError> {
        let shared = &self.shared;
        let store = shared.context.ledger.store();
        let (now, until) = (shared.context.now(), shared.until());
        for endpoint in lanes::due(store, part, &shared.holder, now).await? {
            if let Some(bell) = shared.lanes().get(&endpoint) {
                bell.notify_one();
            }
        }
        for lane in lanes::acquire(store, part, &shared.holder, now, until, MOST).await? {
            // A lane whose hold ran out may still be served here.
            if let Entry::Vacant(vacant) = shared.lanes().entry(lane.endpoint_id) {
                let bell = Arc::new(Notify::new());
                vacant.insert(Arc::clone(&bell));
                self.serve(lane, bell);
            }
        }
        Ok(())
    }

    fn serve(&self, lane: Lane, bell: Arc<Notify>) {
        let shared = Arc::clone(&self.shared);
        self.shared.tracker.spawn(async move {
            let endpoint = lane.endpoint_id;
            let serving = AssertUnwindSafe(lane::serve(&shared, lane, &bell)).catch_unwind();
            match serving.await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => tracing::warn!(
                    error = &error as &dyn std::error::Error, %endpoint, "a lane broke off"
                ),
                Err(_panic) => tracing::error!(%endpoint, "a lane panicked"),
            }
            abandon(&shared, endpoint).await;
        });
    }
}

/// Gives a lane back after a failure, as soon as that works: it is due again in a moment.
async fn abandon(shared: &Shared, endpoint: WebhookEndpointId) {
    let store = shared.context.ledger.store();
    loop {
        tokio::time::sleep(POLL).await;
        let next = Next { due_at: Some(shared.context.now()), not_before: 0 };
        match lanes::release(store, endpoint, &shared.holder, next).await {
            // Not released: the row is locked, or is another's by now. Its hold runs out in any case.
            Ok(_released) => break,
            Err(_unreachable) if shared.stop.is_cancelled() => break,
            Err(_unreachable) => (),
        }
    }
    shared.lanes().remove(&endpoint);
}
