//! How consumers follow the log.

use firsthand_eventstore::canary::{Canary, seeded};
use firsthand_eventstore::codec::Recorded;
use firsthand_eventstore::read::events_after;
use firsthand_eventstore::{Ledger, Store, StoreError, subscription};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::PgConnection;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// Events that are read and folded at a time when nobody else needs the machine.
pub const PAGE: i64 = 5_000;

/// Events that are projected at a time behind a running ledger: a longer page would hold a thread and
/// a connection for so long that requests notice.
const SHORT_PAGE: i64 = 1_000;

/// The log goes first: after a step that took a time `t`, a follower rests for `t` times the number of
/// commands in the ledger's latest batch divided by this, unless a reader waits for the rows. So it
/// takes all it needs of an idle machine and about a ninth of a loaded one.
const PRESSURE: usize = 6;

/// Nobody rests longer than so many times as long as he worked: what is owed must not fall behind for
/// as long as the load lasts.
const PRESSURE_MAX: usize = 8;

/// The shortest and the longest rest: events of a short while are projected together.
const SHORTEST_REST: Duration = Duration::from_millis(5);
const LONGEST_REST: Duration = Duration::from_millis(500);

/// The pause before a cursor that somebody holds is tried again: as a rule it is held for a moment.
const HELD: Duration = Duration::from_millis(20);

/// How often a waiting reader looks at the stored cursor: another process may be following.
const LOOK: Duration = Duration::from_millis(100);

/// Counts somebody who waits for rows, until dropped: a reader may go away at any time.
struct Waiting<'a>(&'a watch::Sender<usize>);

impl<'a> Waiting<'a> {
    fn register(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// The result of projecting a batch.
pub type Rows<'a> = BoxFuture<'a, Result<(), StoreError>>;

/// Writes the rows of a batch of events of one part, in the caller's transaction.
pub type Project =
    dyn for<'a> Fn(&'a mut PgConnection, i16, &'a [Arc<Recorded>]) -> Rows<'a> + Send + Sync;

/// Derives the rows of one table.
#[derive(Clone, Copy)]
pub struct Projector {
    /// The table, which also names the projector.
    pub table: &'static str,
    /// Writes its rows.
    pub project: &'static Project,
}

impl Projector {
    /// Makes a projector that goes by a setting. A follower runs as long as its process, and so does
    /// what it runs: nothing is ever given back.
    pub fn built<P>(table: &'static str, project: P) -> Self
    where
        P: for<'a> Fn(&'a mut PgConnection, i16, &'a [Arc<Recorded>]) -> Rows<'a>
            + Send
            + Sync
            + 'static,
    {
        Self { table, project: Box::leak(Box::new(project)) }
    }
}

impl std::fmt::Debug for Projector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Projector").field("table", &self.table).finish_non_exhaustive()
    }
}

/// What the followers of a process share: one of them is at work at a time, and all know whether a
/// reader waits. So together they take a bounded share of a busy machine.
#[derive(Debug, Clone)]
pub struct Pace {
    turn: Arc<Semaphore>,
    waiting: watch::Sender<usize>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { turn: Arc::new(Semaphore::new(1)), waiting: watch::Sender::new(0) }
    }
}

/// Runs projectors over all parts, with one cursor for each part.
#[derive(Debug)]
pub struct Follower {
    cursor: &'static str,
    projectors: Cow<'static, [Projector]>,
    positions: BTreeMap<i16, watch::Sender<i64>>,
    page: i64,
    pace: Pace,
    moved: watch::Sender<u64>,
}

impl Follower {
    /// Makes a follower; nothing runs yet.
    pub fn new(
        store: &Store,
        cursor: &'static str,
        projectors: impl Into<Cow<'static, [Projector]>>,
        pace: &Pace,
    ) -> Self {
        Self {
            cursor,
            projectors: projectors.into(),
            positions: store.all_parts().map(|part| (part, watch::Sender::new(0))).collect(),
            page: SHORT_PAGE,
            pace: pace.clone(),
            moved: watch::Sender::new(0),
        }
    }

    /// Projects fewer events at a time: for projectors that write many rows for one event.
    #[must_use]
    pub fn with_page(mut self, page: i64) -> Self {
        self.page = page;
        self
    }

    /// Returns a counter that grows whenever a part was projected further.
    pub fn moved(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// Returns how far each part is, as this process knows.
    pub fn position(&self, part: i16) -> i64 {
        self.positions.get(&part).map_or(0, |position| *position.borrow())
    }

    /// Waits until a part is projected up to a position, so that who wrote reads what he wrote.
    /// Where another process follows the part, its cursor is read. Gives up after `patience` and
    /// returns `false`.
    pub async fn reach(
        &self,
        store: &Store,
        part: i16,
        position: i64,
        patience: Duration,
    ) -> Result<bool, StoreError> {
        let Some(sender) = self.positions.get(&part) else { return Ok(false) };
        let mut reached = sender.subscribe();
        if *reached.borrow() >= position {
            return Ok(true);
        }
        let _waiting = Waiting::register(&self.pace.waiting);
        let until = tokio::time::Instant::now() + patience;
        loop {
            let waited =
                tokio::time::timeout(LOOK, reached.wait_for(|at| *at >= position)).await.is_ok();
            if waited {
                return Ok(true);
            }
            let stored = sqlx::query_scalar!(
                "select position from cursors where part = $1 and projector = $2",
                part,
                self.cursor
            )
            .fetch_optional(store.single())
            .await?;
            self.announce(part, stored.unwrap_or(0));
            if tokio::time::Instant::now() > until {
                return Ok(self.position(part) >= position);
            }
        }
    }

    /// Follows one part until it is told to stop. Failures are logged and tried again.
    pub async fn follow(&self, ledger: &Ledger, part: i16, stop: &CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                passed = AssertUnwindSafe(self.pass(ledger, part)).catch_unwind() => match passed {
                    Ok(Ok(())) => (),
                    Ok(Err(error)) => {
                        tracing::error!(
                            error = &error as &dyn std::error::Error, part,
                            projector = self.cursor, "a projection failed"
                        );
                        tokio::time::sleep(LONGEST_REST).await;
                    }
                    Err(_panic) => {
                        tracing::error!(part, projector = self.cursor, "a projection panicked");
                        tokio::time::sleep(LONGEST_REST).await;
                    }
                }
            }
        }
    }

    /// Waits for events and projects what is there; rests in proportion, so that the ledger keeps
    /// its share of the machine under load.
    async fn pass(&self, ledger: &Ledger, part: i16) -> Result<(), StoreError> {
        let at = self.position(part);
        let head = subscription::wait_above(ledger, part, at).await?;
        if head <= at && at > 0 {
            return Ok(());
        }
        let Ok(turn) = self.pace.turn.acquire().await else { return Ok(()) };
        let begun = tokio::time::Instant::now();
        let recent = |at| ledger.recent(part, at, self.page);
        let projected = self.project(ledger.store(), part, (self.page, false), recent).await?;
        if projected.is_none() {
            // A rebuild holds the cursor for long: the others must get their turn meanwhile.
            drop(turn);
            tokio::time::sleep(HELD).await;
            return Ok(());
        }
        // A log that stood still meanwhile presses nobody, whatever its latest batch was.
        let moved = ledger.head(part).is_some_and(|now| *now.borrow() > head);
        let pressure = if moved { ledger.pressure() / PRESSURE } else { 0 };
        let pressure = pressure.min(PRESSURE_MAX);
        let pressure = u32::try_from(pressure).unwrap_or(u32::MAX);
        let rest = begun.elapsed().saturating_mul(pressure).clamp(SHORTEST_REST, LONGEST_REST);
        let mut waiting = self.pace.waiting.subscribe();
        // A reader who waits ends the rest.
        drop(tokio::time::timeout(rest, waiting.wait_for(|count| *count > 0)).await);
        Ok(())
    }

    /// Projects one page of a part: rows and cursor in one transaction. Returns how many events. Waits for
    /// whoever holds the cursor.
    pub async fn step(&self, store: &Store, part: i16) -> Result<usize, StoreError> {
        Ok(self.project(store, part, (PAGE, true), |_at| None).await?.unwrap_or(0))
    }

    /// Does a step of a page, with the events above the cursor from memory if `recent` has them. Returns
    /// `None` if somebody else holds the cursor, unless it is to be waited for.
    async fn project(
        &self,
        store: &Store,
        part: i16,
        (page, patient): (i64, bool),
        recent: impl FnOnce(i64) -> Option<Vec<Arc<Recorded>>> + Send,
    ) -> Result<Option<usize>, StoreError> {
        let mut transaction = store.begin().await?;
        let Some(at) = self.lock(&mut transaction, part, patient).await? else {
            let made = sqlx::query!(
                "insert into cursors (part, projector) values ($1, $2) on conflict do nothing",
                part,
                self.cursor
            )
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await?;
            return Ok((made.rows_affected() > 0).then_some(0));
        };
        let mut events = match recent(at) {
            Some(events) => events,
            None => events_after(&mut transaction, part, at, page).await?,
        };
        if seeded(Canary::PollingBySequence) {
            // The bug: what is not seen at the first look is never looked for again.
            events.retain(|event| event.position % 17 != 0);
        }
        let Some(last) = events.last().map(|event| event.position) else {
            self.announce(part, at);
            return Ok(Some(0));
        };
        if seeded(Canary::OffsetBeforeEffect) {
            // The bug: the cursor is saved before the rows.
            let mut early = store.begin().await?;
            drop(transaction);
            self.save(&mut early, part, last).await?;
            early.commit().await?;
            let mut late = store.begin().await?;
            for projector in self.projectors.iter() {
                (projector.project)(&mut late, part, &events).await?;
            }
            late.commit().await?;
            self.announce(part, last);
            return Ok(Some(events.len()));
        }
        for projector in self.projectors.iter() {
            (projector.project)(&mut transaction, part, &events).await?;
        }
        self.save(&mut transaction, part, last).await?;
        transaction.commit().await?;
        self.announce(part, last);
        Ok(Some(events.len()))
    }

    /// Locks the cursor, which keeps a second process from projecting the same events, and returns where it
    /// is; `None` if there is none yet or, unless it is to be waited for, if somebody else has locked it.
    async fn lock(
        &self,
        connection: &mut PgConnection,
        part: i16,
        patient: bool,
    ) -> Result<Option<i64>, StoreError> {
        let locked = if patient {
            sqlx::query_scalar!(
                "select position from cursors where part = $1 and projector = $2 for update",
                part,
                self.cursor
            )
            .fetch_optional(connection)
            .await?
        } else {
            sqlx::query_scalar!(
                "select position from cursors where part = $1 and projector = $2
                 for update skip locked",
                part,
                self.cursor
            )
            .fetch_optional(connection)
            .await?
        };
        Ok(locked)
    }

    async fn save(
        &self,
        connection: &mut PgConnection,
        part: i16,
        position: i64,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "update cursors set position = $3 where part = $1 and projector = $2",
            part,
            self.cursor,
            position
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    fn announce(&self, part: i16, position: i64) {
        if let Some(sender) = self.positions.get(&part) {
            let further = sender.send_if_modified(|known| {
                let moved = position > *known;
                if moved {
                    *known = position;
                }
                moved
            });
            if further {
                self.moved.send_modify(|count| *count += 1);
            }
        }
    }
}

/// Reads how far a cursor is behind, over all parts: events that are not projected yet.
pub async fn lag(store: &Store, cursor: &str) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select coalesce(sum(p.head - coalesce(c.position, 0)), 0)::bigint as "lag!"
           from parts p left join cursors c on c.part = p.part and c.projector = $1"#,
        cursor
    )
    .fetch_one(store.single())
    .await?)
}
