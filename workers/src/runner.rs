//! The task runner: leases what is due, performs it, and removes it, puts it off, or buries it.

use crate::reactors::kinds;
use crate::tasks::{self, Shelf};
use crate::turns::Turns;
use firsthand_adapters::payments::Payments;
use firsthand_adapters::storage::ObjectStore;
use firsthand_domain::time::Span;
use firsthand_eventstore::tasks::{self as queue, LeasedTask};
use firsthand_eventstore::{Clock, Ledger, StoreError};
use firsthand_projections::Follower;
use futures_util::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a lease lasts. A runner that lives extends it; one that was killed loses it soon.
const LEASE: Duration = Duration::from_secs(5);
/// How often a lease is extended.
const EXTEND: Duration = Duration::from_secs(2);
/// How often due tasks are looked for when nothing announced them.
const POLL: Duration = Duration::from_millis(500);
/// Tasks under way at a time.
const CONCURRENCY: usize = 8;
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Simulated workers of books with clocks of their own that may keep a slot while they wait for scores;
/// the others give theirs back, so that scores get on.
const PATIENT: usize = 3;

/// Submissions that are decoded at a time: each may take what the largest picture does.
const DECODERS: usize = 2;

/// Hints between those who owe tasks, do them and wait for them within a process. Never the truth.
#[derive(Debug)]
pub struct Bell {
    /// Rung where tasks are due that no reactor announced.
    pub(crate) owed: Notify,
    /// Rung where deliveries are due that no event announced.
    pub(crate) released: Notify,
    /// Grows whenever a task or a delivery has ended or was put off.
    pub(crate) done: watch::Sender<u64>,
    /// Who may keep a slot while he waits.
    pub(crate) patient: Semaphore,
    /// Who may decode.
    pub(crate) decoders: Semaphore,
    /// Whose job is being scored.
    pub(crate) turns: Turns,
}

impl Default for Bell {
    fn default() -> Self {
        Self {
            owed: Notify::new(),
            released: Notify::new(),
            done: watch::Sender::new(0),
            patient: Semaphore::new(PATIENT),
            decoders: Semaphore::new(DECODERS),
            turns: Turns::default(),
        }
    }
}

/// What tasks may touch.
#[derive(Clone)]
pub struct WorkerContext {
    /// Where outcomes are reported.
    pub ledger: Ledger,
    /// The read models' progress.
    pub read_models: Arc<Follower>,
    /// The reactors' progress.
    pub reactors: Arc<Follower>,
    /// The webhook events' progress.
    pub feed: Arc<Follower>,
    /// Wakes those who wait for tasks.
    pub bell: Arc<Bell>,
    /// Object storage.
    pub objects: ObjectStore,
    /// The payment provider.
    pub payments: Payments,
    /// The clock.
    pub clock: Clock,
    /// Where files are fetched to.
    pub scratch_dir: PathBuf,
    /// How long an earning can't be paid out.
    pub earnings_hold: Span,
    /// The sandbox's canned files.
    pub shelf: Arc<Shelf>,
    /// Told when the service stops: what takes long is put off.
    pub stop: CancellationToken,
}

impl std::fmt::Debug for WorkerContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerContext").finish_non_exhaustive()
    }
}

impl WorkerContext {
    /// Returns the time in microseconds since the epoch.
    pub fn now(&self) -> i64 {
        (self.clock)().micros()
    }
}

/// Why a task is not done.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It may work later.
    Retry(String),
    /// Nothing is wrong; it has more to do than one turn allows.
    GoOn,
    /// Nothing is wrong; there is nothing to do for so long.
    Later(Duration),
    /// It never will: a person must look.
    Dead(String),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Retry(error.to_string())
    }
}

/// Runs tasks until it is told to stop.
#[derive(Debug)]
pub struct Runner {
    context: WorkerContext,
    slots: Arc<Semaphore>,
    tracker: TaskTracker,
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Returns the pause after so many attempts: doubling from half a second, spread by the task's own
/// name so that tasks that failed together don't come back together.
fn pause(task: &LeasedTask) -> Duration {
    let doublings = u32::try_from(task.attempts.clamp(1, 12)).unwrap_or(1) - 1;
    let base = Duration::from_millis(500).saturating_mul(1 << doublings).min(LONGEST_PAUSE);
    let spread: u32 = task.task_id.bytes().map(u32::from).sum::<u32>() % 50;
    base + base * spread / 100
}

impl Runner {
    /// Makes a runner; nothing runs yet.
    pub fn new(context: WorkerContext, tracker: TaskTracker) -> Self {
        Self { context, slots: Arc::new(Semaphore::new(CONCURRENCY)), tracker }
    }

    /// Looks for due tasks whenever the reactors have moved, and now and then.
    pub async fn run(&self, stop: &CancellationToken) {
        let mut moved = self.context.reactors.moved();
        loop {
            if let Err(error) = self.round(stop).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "tasks can't be leased");
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.context.bell.owed.notified() => (),
                changed = tokio::time::timeout(POLL, moved.changed()) => drop(changed),
            }
        }
    }

    /// Leases as much as there are free slots, until nothing is due.
    async fn round(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        let store = self.context.ledger.store();
        loop {
            let mut begun = 0;
            for part in queue::due_parts(store, self.context.now()).await? {
                if stop.is_cancelled() {
                    return Ok(());
                }
                let permit = self.permit().await?;
                let now = self.context.now();
                let free = i64::try_from(self.slots.available_permits()).unwrap_or(0) + 1;
                let leased = queue::lease(store, part, now, now + micros(LEASE), free).await?;
                begun += leased.len();
                let mut first = Some(permit);
                for task in leased {
                    let permit = match first.take() {
                        Some(permit) => permit,
                        None => self.permit().await?,
                    };
                    // Whoever waits for tasks must not keep them from a slot.
                    let permit = (task.kind != kinds::ADVANCE).then_some(permit);
                    let context = self.context.clone();
                    self.tracker.spawn(async move {
                        work(&context, task).await;
                        drop(permit);
                    });
                }
            }
            if begun == 0 {
                return Ok(());
            }
        }
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        Arc::clone(&self.slots).acquire_owned().await.map_err(StoreError::corrupt)
    }
}

/// Performs one task while its lease is extended, and writes down how it went.
async fn work(context: &WorkerContext, task: LeasedTask) {
    let store = context.ledger.store();
    let performed = {
        let performing = AssertUnwindSafe(tasks::perform(context, &task)).catch_unwind();
        let mut performing = std::pin::pin!(performing.map(|performed| {
            performed.unwrap_or_else(|_panic| Err(Trouble::Dead("it panicked".to_owned())))
        }));
        loop {
            tokio::select! {
                biased;
                result = &mut performing => break result,
                () = tokio::time::sleep(EXTEND) => {
                    let until = context.now() + micros(LEASE);
                    // A lease that can't be extended runs out: the task is done twice at worst.
                    drop(queue::extend(store, &task, until).await);
                }
            }
        }
    };
    let now = context.now();
    let written = match performed {
        Ok(()) => queue::finish(store, &task).await,
        Err(Trouble::Retry(error)) => {
            tracing::warn!(
                task.id = task.task_id,
                task.attempts,
                error,
                "a task will be tried again"
            );
            let due = now + micros(pause(&task));
            queue::retry(store, &task, due, &error).await
        }
        Err(Trouble::GoOn) => queue::retry(store, &task, now, "").await,
        Err(Trouble::Later(wait)) => queue::retry(store, &task, now + micros(wait), "").await,
        Err(Trouble::Dead(error)) => {
            tracing::error!(task.id = task.task_id, error, "a task is dead");
            queue::bury(store, &task, now, &error).await
        }
    };
    if let Err(error) = written {
        tracing::warn!(error = &error as &dyn std::error::Error, "a task's end was not written");
    }
    context.bell.done.send_modify(|count| *count = count.wrapping_add(1));
}
