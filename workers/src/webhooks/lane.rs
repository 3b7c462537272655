//! One lane: sends what one endpoint is owed, within its limits, until there is nothing to do.

use super::endpoint::{Endpoint, Found};
use super::health::{self, FAILURES_TO_BREAK};
use super::request::{self, Done};
use super::{Shared, micros};
use firsthand_domain::webhook_endpoints::Ordering;
use firsthand_eventstore::StoreError;
use firsthand_projections::webhooks::lanes::{self, Health, Lane, Next};
use firsthand_projections::webhooks::outbox::{self, Wanted};
use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// Attempts that are begun in one statement.
const PAGE: usize = 64;
/// How long an endpoint is sent to without being looked at, unless the bell rings.
const FRESH: Duration = Duration::from_millis(20);
/// For so long outcomes are gathered that are written down in one statement.
const GATHER: Duration = Duration::from_millis(4);
/// How long a lane without work is kept.
const LINGER: Duration = Duration::from_secs(1);

struct Serving<'a> {
    shared: &'a Arc<Shared>,
    lane: Lane,
    health: Health,
    /// What is known of the endpoint; `None` while it is not sent to.
    endpoint: Option<Arc<Endpoint>>,
    in_flight: FuturesUnordered<JoinHandle<Done>>,
    positions: BTreeSet<i64>,
    /// Whether there may be more to begin than was looked at.
    hungry: bool,
    /// When something was sent or answered last.
    worked: Instant,
    /// When the endpoint is looked at anew at the latest: something may have changed.
    fresh_until: Instant,
    /// Requests may begin from here on: the endpoint's rate.
    next_slot: Instant,
    /// Nothing is sent before this time, in microseconds since the epoch: the receiver asked for it.
    rest_until: i64,
    /// Whether the lane is another's by now.
    lost: bool,
    /// Whether its book has a clock of its own. That says when it is tried again, so it never rests.
    clocked: bool,
}

/// Serves a lane until there is nothing to do, and gives it back.
pub(super) async fn serve(
    shared: &Arc<Shared>,
    lane: Lane,
    bell: &Notify,
) -> Result<(), StoreError> {
    let book = lane.book.parse().map_err(StoreError::corrupt)?;
    let clocked = request::book_time(shared, book).await.is_some();
    let mut serving = Serving {
        shared,
        health: lane.health,
        lane,
        endpoint: None,
        in_flight: FuturesUnordered::new(),
        positions: BTreeSet::new(),
        hungry: true,
        worked: Instant::now(),
        fresh_until: Instant::now(),
        next_slot: Instant::now(),
        rest_until: 0,
        lost: false,
        clocked,
    };
    serving.refresh().await?;
    loop {
        serving.step(bell).await?;
        if serving.lost {
            shared.lanes().remove(&serving.lane.endpoint_id);
            return Ok(());
        }
        if serving.in_flight.is_empty() && !serving.may_begin() && serving.leave(bell).await? {
            return Ok(());
        }
    }
}

impl Serving<'_> {
    /// Says whether requests may begin now or at the next slot.
    fn may_begin(&self) -> bool {
        self.hungry
            && self.endpoint.is_some()
            && !self.shared.stop.is_cancelled()
            && self.not_before() <= self.shared.context.now()
    }

    /// Nothing is sent before this time: an endpoint that fails again and again, or asks for it, is
    /// left alone for a while.
    fn not_before(&self) -> i64 {
        let rest = match self.health.last_failure_at {
            Some(at) if self.health.consecutive_failures >= FAILURES_TO_BREAK && !self.clocked => {
                at.saturating_add(micros(health::REST))
            }
            _ => 0,
        };
        rest.max(self.rest_until)
    }

    /// How many more requests may be in flight.
    fn room(&self, endpoint: &Endpoint) -> usize {
        let most = if self.health.consecutive_failures >= FAILURES_TO_BREAK {
            1
        } else {
            usize::from(endpoint.state.settings.max_in_flight).min(self.shared.share())
        };
        most.saturating_sub(self.in_flight.len())
    }

    /// Begins what may begin, or waits for whatever comes first.
    async fn step(&mut self, bell: &Notify) -> Result<(), StoreError> {
        let room = self.endpoint.as_ref().map_or(0, |endpoint| self.room(endpoint));
        let begin = room > 0 && self.may_begin();
        tokio::select! {
            biased;
            Some(done) = self.in_flight.next(), if !self.in_flight.is_empty() => {
                self.settle(done.map_err(StoreError::corrupt)?).await
            }
            permit = slot(self.shared, self.next_slot), if begin => {
                self.begin(permit, room).await
            }
            // What there is to begin is looked for when there is room.
            () = bell.notified(), if !begin => {
                self.hungry = true;
                self.fresh_until = Instant::now();
                if self.endpoint.is_none() { self.refresh().await } else { Ok(()) }
            }
            () = self.shared.stop.cancelled(), if self.in_flight.is_empty() => Ok(()),
            // Nothing to begin and nothing in flight: the lane is given back.
            () = std::future::ready(()), if self.in_flight.is_empty() && !begin => Ok(()),
        }
    }

    /// Looks at the endpoint anew: something was owed or changed.
    async fn refresh(&mut self) -> Result<(), StoreError> {
        let id = self.lane.endpoint_id;
        let store = self.shared.context.ledger.store();
        self.fresh_until = Instant::now() + FRESH;
        match Endpoint::load(self.shared, id, self.endpoint.take()).await? {
            Found::Enabled(endpoint) => {
                let clean_since =
                    endpoint.state.enabled_at.map(firsthand_domain::Timestamp::micros);
                if self.health.last_failure_at < clean_since {
                    self.health.consecutive_failures = 0;
                    self.health.failing_since = None;
                    self.rest_until = 0;
                }
                self.endpoint = Some(endpoint);
                self.hungry = true;
            }
            found => {
                // What it is owed is skipped, in steps: that may be much.
                while outbox::skip(store, id, &self.shared.holder).await? {}
                if matches!(found, Found::Deleted) {
                    lanes::remove(store, id, &self.shared.holder).await?;
                    self.lost = true;
                }
            }
        }
        Ok(())
    }

    /// Begins as many attempts as there is room, slots and rate for.
    async fn begin(&mut self, first: OwnedSemaphorePermit, room: usize) -> Result<(), StoreError> {
        if self.fresh_until <= Instant::now() {
            self.refresh().await?;
        }
        let Some(endpoint) = self.endpoint.clone() else { return Ok(()) };
        let rate = endpoint.state.settings.max_per_second;
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
        let wanted = Wanted {
            endpoint_id: self.lane.endpoint_id,
            holder: &self.shared.holder,
            now: now.micros(),
            under_way: &under_way,
            ordered: endpoint.ordered(),
            url: &endpoint.state.settings.url,
            attempt_ids: &ids,
        };
        let begun = outbox::begin(self.shared.context.ledger.store(), &wanted).await?;
        self.hungry = begun.len() == permits.len();
        if !begun.is_empty() {
            self.worked = Instant::now();
        }
        if let Some(rate) = rate
            && !begun.is_empty()
        {
            self.next_slot = Instant::now() + Duration::from_secs(1) / u32::from(rate.max(1));
        }
        for (begun, permit) in begun.into_iter().zip(permits) {
            self.positions.insert(begun.position);
            let attempt = request::attempt(Arc::clone(self.shared), Arc::clone(&endpoint), begun);
            // A task of its own: it goes on while this one waits for the database.
            self.in_flight.push(self.shared.tracker.spawn(async move {
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
        let ordered = self.endpoint.as_ref().is_some_and(|endpoint| endpoint.ordered());
        // Of an ordered endpoint the next event of a job waits for this to be written.
        let until = Instant::now() + if ordered { Duration::ZERO } else { GATHER };
        while ended.len() < PAGE
            && let Ok(Some(done)) = timeout_at(until, self.in_flight.next()).await
        {
            ended.push(done.map_err(StoreError::corrupt)?);
        }
        self.worked = Instant::now();
        let now = self.shared.context.now();
        let mut gone = None;
        for done in &ended {
            if done.outcome.delivered {
                self.health.consecutive_failures = 0;
                self.health.failing_since = None;
                self.health.last_success_at = Some(now);
            } else if done.outcome.counts {
                self.health.consecutive_failures += 1;
                self.health.failing_since.get_or_insert(now);
                self.health.last_failure_at = Some(now);
            }
            self.rest_until = self.rest_until.max(done.rest_until);
            if done.gone {
                gone = Some(done.url.clone());
            }
        }
        let outcomes: Vec<_> = ended.into_iter().map(|done| done.outcome).collect();
        self.clocked |= outcomes.iter().any(|outcome| outcome.clock_due_at.is_some());
        self.write(&outcomes).await?;
        self.shared.context.bell.done.send_modify(|count| *count = count.wrapping_add(1));
        for outcome in &outcomes {
            self.positions.remove(&outcome.position);
        }
        let Some(endpoint) = self.endpoint.clone() else { return Ok(()) };
        // What waited for an earlier event of its job may begin now.
        self.hungry |= endpoint.ordered();
        health::report(self.shared, &endpoint, &self.health, gone).await;
        Ok(())
    }

    /// Writes outcomes, however often that takes: what was answered must not be sent again because
    /// the database was away for a moment.
    async fn write(&mut self, outcomes: &[outbox::Outcome]) -> Result<(), StoreError> {
        let store = self.shared.context.ledger.store();
        let (id, holder) = (self.lane.endpoint_id, &self.shared.holder);
        let until = Instant::now() + super::HOLD;
        loop {
            let ordered = self.endpoint.as_ref().is_some_and(|endpoint| endpoint.ordered());
            match outbox::settle(store, id, holder, outcomes, (&self.health, ordered)).await {
                Ok(held) => {
                    self.lost = !held;
                    return Ok(());
                }
                Err(error) if Instant::now() > until => return Err(error),
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "outcomes are written again"
                    );
                    tokio::time::sleep(super::POLL).await;
                }
            }
        }
    }

    /// Returns when the endpoint may be sent something again, and how long that is from now.
    async fn next(&self) -> Result<(Next, Option<Duration>), StoreError> {
        let Some(endpoint) = &self.endpoint else {
            return Ok((Next { due_at: None, not_before: 0 }, None));
        };
        let not_before = self.not_before();
        let store = self.shared.context.ledger.store();
        let due_at = outbox::next_due(store, self.lane.endpoint_id, endpoint.ordered()).await?;
        let due_at = due_at.map(|due| due.max(not_before));
        let wait = due_at.map(|due| due.saturating_sub(self.shared.context.now()));
        let wait = wait.map(|micros| Duration::from_micros(u64::try_from(micros).unwrap_or(0)));
        Ok((Next { due_at, not_before }, wait))
    }

    /// Lingers for a while after its last work, since what is owed to an endpoint seldom comes alone.
    /// The bell rings for everything that happens in the part, so it does not prolong that. Returns
    /// whether nothing came and nothing will be due for a while.
    async fn linger(&mut self, bell: &Notify) -> Result<bool, StoreError> {
        let until = self.worked + LINGER;
        while self.endpoint.is_some() {
            let (_next, wait) = self.next().await?;
            let soon = wait.filter(|wait| *wait <= LINGER).map(|wait| Instant::now() + wait);
            tokio::select! {
                biased;
                () = self.shared.stop.cancelled() => break,
                () = tokio::time::sleep_until(soon.unwrap_or(until)) => {
                    self.hungry = soon.is_some();
                    return Ok(soon.is_none());
                }
                () = bell.notified() => self.refresh().await?,
            }
            if self.lost {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Lingers, then gives the lane back with the time at which it is due again. Returns whether it
    /// was given back. While it is held its time stays as it is, so that the bell rings for all that
    /// is owed; it is cleared, which costs a flush of the log, only when it is left.
    async fn leave(&mut self, bell: &Notify) -> Result<bool, StoreError> {
        if !self.linger(bell).await? {
            return Ok(false);
        }
        let store = self.shared.context.ledger.store();
        let id = self.lane.endpoint_id;
        // Before the last look: what is owed from here on sets it again.
        let Some(complete) = lanes::clear(store, id, &self.shared.holder).await? else {
            self.lost = true;
            return Ok(false);
        };
        let (mut next, wait) = self.next().await?;
        if wait.is_some_and(|wait| wait <= LINGER) && !self.shared.stop.is_cancelled() {
            self.hungry = true;
            return Ok(false);
        }
        if !complete {
            // Whoever has the lane next looks again.
            let soon = self.shared.context.now().saturating_add(micros(LINGER));
            next.due_at = Some(next.due_at.map_or(soon, |due| due.min(soon)));
        }
        if !lanes::release(store, id, &self.shared.holder, next).await? {
            // The row is locked just now: something is being owed. Or the lane is another's.
            self.lost = !lanes::take(store, id, &self.shared.holder, self.shared.until()).await?;
            return self.refresh().await.map(|()| false);
        }
        self.forget(bell).await
    }

    /// Forgets a lane that was given back, unless its bell rang meanwhile: then this process may
    /// have acquired it again, or cleared its time before it was given back, and must look.
    async fn forget(&mut self, bell: &Notify) -> Result<bool, StoreError> {
        let id = self.lane.endpoint_id;
        {
            let mut held = self.shared.lanes();
            if bell.notified().now_or_never().is_none() {
                held.remove(&id);
                return Ok(true);
            }
        }
        let store = self.shared.context.ledger.store();
        if lanes::take(store, id, &self.shared.holder, self.shared.until()).await? {
            return self.refresh().await.map(|()| false);
        }
        self.shared.lanes().remove(&id);
        Ok(true)
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

impl Endpoint {
    /// Says whether an event waits for the earlier ones of its job.
    fn ordered(&self) -> bool {
        self.state.settings.ordering == Ordering::PerJob
    }
}
