//! One lane: sends what one endpoint is owed, within its limits, until there is nothing to do.

use super::endpoint::Endpoint;
use super::health::{self, FAILURES_TO_BREAK};
use super::request::{self, Done};
use super::{Shared, micros};
use firsthand_domain::webhook_endpoints::Ordering;
use firsthand_eventstore::StoreError;
use firsthand_projections::webhooks::lanes::{self, Health, Lane};
use firsthand_projections::webhooks::outbox::{self, Wanted};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::Instant;

/// Attempts that are begun in one statement.
const PAGE: usize = 64;
/// How long a lane without work is kept.
const LINGER: Duration = Duration::from_secs(1);

struct Serving<'a> {
    shared: &'a Arc<Shared>,
    lane: Lane,
    health: Health,
    endpoint: Arc<Endpoint>,
    in_flight: FuturesUnordered<BoxFuture<'static, Done>>,
    positions: BTreeSet<i64>,
    /// Whether there may be more to begin than was looked at.
    hungry: bool,
    /// Whether the endpoint is sent to at all.
    enabled: bool,
    /// Requests may begin from here on: the endpoint's rate.
    next_slot: Instant,
}

/// Serves a lane until there is nothing to do, and gives it back.
pub(super) async fn serve(
    shared: &Arc<Shared>,
    lane: Lane,
    bell: &Notify,
) -> Result<(), StoreError> {
    let Some(endpoint) = Endpoint::load(shared, lane.endpoint_id, None).await? else {
        return release(shared, &lane, None, 0, None).await.map(|_| ());
    };
    let mut serving = Serving {
        shared,
        health: lane.health,
        lane,
        endpoint,
        in_flight: FuturesUnordered::new(),
        positions: BTreeSet::new(),
        hungry: true,
        enabled: true,
        next_slot: Instant::now(),
    };
    loop {
        serving.step(bell).await?;
        if serving.in_flight.is_empty() && !serving.may_begin() && serving.leave(bell).await? {
            return Ok(());
        }
    }
}

/// Gives a lane back, unless its bell has rung since. Returns whether it was given back.
async fn release(
    shared: &Shared,
    lane: &Lane,
    due_at: Option<i64>,
    not_before: i64,
    bell: Option<&Notify>,
) -> Result<bool, StoreError> {
    let mut held = shared.lanes.lock().await;
    if let Some(bell) = bell
        && bell.notified().now_or_never().is_some()
    {
        return Ok(false);
    }
    let store = shared.context.ledger.store();
    lanes::release(store, lane.endpoint_id, &shared.holder, due_at, not_before).await?;
    held.remove(&lane.endpoint_id);
    Ok(true)
}

impl Serving<'_> {
    /// Says whether requests may begin now or at the next slot.
    fn may_begin(&self) -> bool {
        self.hungry
            && !self.shared.stop.is_cancelled()
            && self.not_before() <= self.shared.context.now()
    }

    /// Nothing is sent before this time: an endpoint that fails again and again is left alone for a
    /// while.
    fn not_before(&self) -> i64 {
        match self.health.last_failure_at {
            Some(at) if self.health.consecutive_failures >= FAILURES_TO_BREAK => {
                at.saturating_add(micros(health::REST))
            }
            _ => 0,
        }
    }

    /// How many more requests may be in flight.
    fn room(&self) -> usize {
        let most = if self.health.consecutive_failures >= FAILURES_TO_BREAK {
            1
        } else {
            usize::from(self.endpoint.state.settings.max_in_flight).min(self.shared.share())
        };
        most.saturating_sub(self.in_flight.len())
    }

    /// Begins what may begin, then waits for whatever comes first.
    async fn step(&mut self, bell: &Notify) -> Result<(), StoreError> {
        let room = self.room();
        let begin = room > 0 && self.may_begin();
        tokio::select! {
            biased;
            Some(done) = self.in_flight.next(), if !self.in_flight.is_empty() => {
                self.settle(done).await
            }
            permit = slot(self.shared, self.next_slot), if begin => {
                self.begin(permit, room).await
            }
            () = bell.notified(), if !begin => self.refresh().await,
            () = self.shared.stop.cancelled(), if self.in_flight.is_empty() => Ok(()),
            // Nothing to begin and nothing in flight: the lane is given back.
            () = std::future::ready(()), if self.in_flight.is_empty() && !begin => Ok(()),
        }
    }

    /// Looks at the endpoint anew: something was owed or changed.
    async fn refresh(&mut self) -> Result<(), StoreError> {
        let known = Some(Arc::clone(&self.endpoint));
        let found = Endpoint::load(self.shared, self.lane.endpoint_id, known).await?;
        // Disabled or deleted: what is owed is skipped already.
        self.enabled = found.is_some();
        self.hungry = self.enabled;
        if let Some(endpoint) = found {
            self.endpoint = endpoint;
        }
        let clean_since = self.endpoint.state.enabled_at.map(firsthand_domain::Timestamp::micros);
        if self.health.last_failure_at < clean_since {
            self.health.consecutive_failures = 0;
            self.health.failing_since = None;
        }
        Ok(())
    }

    fn wanted<'w>(&'w self, under_way: &'w [i64], ids: &'w [String]) -> Wanted<'w> {
        Wanted {
            endpoint_id: self.lane.endpoint_id,
            now: self.shared.context.now(),
            under_way,
            ordered: self.endpoint.state.settings.ordering == Ordering::PerJob,
            url: &self.endpoint.state.settings.url,
            attempt_ids: ids,
        }
    }

    /// Begins as many attempts as there is room, slots and rate for.
    async fn begin(&mut self, first: OwnedSemaphorePermit, room: usize) -> Result<(), StoreError> {
        self.refresh().await?;
        if !self.hungry {
            return Ok(());
        }
        let rate = self.endpoint.state.settings.max_per_second;
        let most = if rate.is_some() { 1 } else { room.min(PAGE) };
        let mut permits = vec![first];
        while permits.len() < most
            && let Ok(permit) = Arc::clone(&self.shared.slots).try_acquire_owned()
        {
            permits.push(permit);
        }
        let now = (self.shared.context.clock)();
        let ids: Vec<String> =
            permits.iter().map(|_| format!("att_{}", firsthand_adapters::ids::mint(now))).collect();
        let under_way: Vec<i64> = self.positions.iter().copied().collect();
        let store = self.shared.context.ledger.store();
        let begun = outbox::begin(store, &self.wanted(&under_way, &ids)).await?;
        self.hungry = begun.len() == permits.len();
        if let Some(rate) = rate
            && !begun.is_empty()
        {
            self.next_slot = Instant::now() + Duration::from_secs(1) / u32::from(rate.max(1));
        }
        for (begun, permit) in begun.into_iter().zip(permits) {
            self.positions.insert(begun.position);
            let attempt =
                request::attempt(Arc::clone(self.shared), Arc::clone(&self.endpoint), begun);
            self.in_flight.push(Box::pin(async move {
                let done = attempt.await;
                drop(permit);
                done
            }));
        }
        Ok(())
    }

    /// Writes down how attempts went: this one, and all others that have ended too.
    async fn settle(&mut self, first: Done) -> Result<(), StoreError> {
        let mut ended = vec![first];
        while let Some(Some(done)) = self.in_flight.next().now_or_never() {
            ended.push(done);
        }
        let now = self.shared.context.now();
        let mut gone = false;
        for done in &ended {
            gone |= done.gone;
            if done.outcome.delivered {
                self.health.consecutive_failures = 0;
                self.health.failing_since = None;
                self.health.last_success_at = Some(now);
            } else {
                self.health.consecutive_failures += 1;
                self.health.failing_since.get_or_insert(now);
                self.health.last_failure_at = Some(now);
            }
        }
        let outcomes: Vec<_> = ended.into_iter().map(|done| done.outcome).collect();
        let store = self.shared.context.ledger.store();
        outbox::settle(store, self.lane.endpoint_id, &outcomes, &self.health).await?;
        for outcome in &outcomes {
            self.positions.remove(&outcome.position);
        }
        // What waited for an earlier event of its job may begin now.
        self.hungry |= self.endpoint.state.settings.ordering == Ordering::PerJob;
        health::report(self.shared, &self.endpoint, &self.health, gone).await;
        Ok(())
    }

    /// Lingers, since what is owed to an endpoint seldom comes alone; then gives the lane back with
    /// the time at which it is due again. Returns whether it was given back.
    async fn leave(&mut self, bell: &Notify) -> Result<bool, StoreError> {
        let store = self.shared.context.ledger.store();
        let not_before = if self.enabled { self.not_before() } else { 0 };
        let next = outbox::next_due(store, &self.wanted(&[], &[])).await?;
        let due_at = next.map(|due| due.max(not_before));
        if self.enabled {
            let wait = due_at.map(|due| due.saturating_sub(self.shared.context.now()));
            let wait = wait.map(|micros| Duration::from_micros(u64::try_from(micros).unwrap_or(0)));
            tokio::select! {
                biased;
                () = self.shared.stop.cancelled() => (),
                () = bell.notified() => return self.refresh().await.map(|()| false),
                () = tokio::time::sleep(wait.unwrap_or(LINGER).min(LINGER)) => {
                    if wait.is_some_and(|wait| wait <= LINGER) {
                        self.hungry = true;
                        return Ok(false);
                    }
                }
            }
        }
        let left = release(self.shared, &self.lane, due_at, not_before, Some(bell)).await?;
        if !left {
            self.refresh().await?;
        }
        Ok(left)
    }
}

/// Waits for the endpoint's rate and for a slot among all endpoints.
async fn slot(shared: &Shared, from: Instant) -> OwnedSemaphorePermit {
    tokio::time::sleep_until(from).await;
    match Arc::clone(&shared.slots).acquire_owned().await {
        Ok(permit) => permit,
        // Slots are never closed.
        Err(_closed) => std::future::pending().await,
    }
}
