//! What commits publish to the rest of the process: heads, changed streams, and the few states that
//! every request needs (keys, workers, balances).

use crate::codec::Recorded;
use crate::recent::Recent;
use bytes::Bytes;
use firsthand_domain::{State, StreamId};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::{Notify, OnceCell, watch};

/// Published states beyond this number are dropped and loaded again when needed.
const CAPACITY: usize = 262_144;
/// From so many streams that are waited for on, those that nobody waits for any more are dropped.
const SWEPT_FROM: usize = 8_192;

/// Published states. The epoch grows whenever they are forgotten, so that a state that was loaded
/// before that is not put back.
#[derive(Debug, Default)]
struct States {
    epoch: u64,
    by_stream: FxHashMap<StreamId, Arc<State>>,
}

impl States {
    fn forget(&mut self) {
        self.epoch += 1;
        self.by_stream.clear();
    }
}

/// The next change of a stream, shared by all who wait for it.
#[derive(Debug, Default)]
pub struct Change {
    /// Notifies all of them when it has happened.
    pub notify: Notify,
    /// What one of them read, and made of it, after waiting had begun: the others need not. It holds
    /// as long as the change has not happened.
    pub seen: OnceCell<(Arc<State>, Bytes)>,
}

/// The shared side of the ledger.
#[derive(Debug)]
pub(crate) struct Published {
    heads: BTreeMap<i16, watch::Sender<i64>>,
    /// Where each part ends once the batches that are on their way have landed.
    expected: BTreeMap<i16, AtomicI64>,
    recent: BTreeMap<i16, Mutex<Recent>>,
    latest_batch: AtomicUsize,
    states: RwLock<States>,
    waiters: Mutex<FxHashMap<StreamId, Arc<Change>>>,
}

impl Published {
    /// Begins with the parts' heads unknown.
    pub(crate) fn new(parts: &[i16]) -> Self {
        let recent = || Mutex::new(Recent::new(parts.len()));
        Self {
            heads: parts.iter().map(|part| (*part, watch::Sender::new(0))).collect(),
            expected: parts.iter().map(|part| (*part, AtomicI64::new(0))).collect(),
            recent: parts.iter().map(|part| (*part, recent())).collect(),
            latest_batch: AtomicUsize::new(0),
            states: RwLock::default(),
            waiters: Mutex::default(),
        }
    }

    /// Says whether a stream's state is worth publishing: those that requests are authorized or quoted by.
    pub(crate) fn wants(stream: StreamId) -> bool {
        matches!(
            stream,
            StreamId::ApiKey(_)
                | StreamId::Organization(_)
                | StreamId::Worker(_)
                | StreamId::Credits(..)
                | StreamId::TestClock(_)
        )
    }

    /// Notes where a part will end when a batch that this process sends has landed; or, after a
    /// failure, where it does end.
    pub(crate) fn expect(&self, part: i16, head: i64) {
        if let Some(expected) = self.expected.get(&part) {
            expected.store(head, Ordering::Release);
        }
    }

    /// Says whether a head that was read can only stem from another process. One that a batch on
    /// its way explains is either that batch, or somebody else's and then the batch fails, which
    /// makes its writer forget everything.
    pub(crate) fn is_foreign(&self, part: i16, head: i64) -> bool {
        self.expected.get(&part).is_none_or(|expected| head > expected.load(Ordering::Acquire))
    }

    /// Says whether a part is known to go on beyond a head.
    pub(crate) fn is_behind(&self, part: i16, head: i64) -> bool {
        self.heads.get(&part).is_some_and(|known| *known.borrow() > head)
    }

    /// Announces a part's head. Returns whether it is news.
    pub(crate) fn advance(&self, part: i16, head: i64) -> bool {
        self.heads.get(&part).is_some_and(|sender| {
            sender.send_if_modified(|known| {
                let newer = head > *known;
                if newer {
                    *known = head;
                }
                newer
            })
        })
    }

    /// Returns a part's head as last committed or seen by this process, to be watched.
    pub(crate) fn head(&self, part: i16) -> Option<watch::Receiver<i64>> {
        self.heads.get(&part).map(watch::Sender::subscribe)
    }

    /// Notes how many commands a batch that has landed held.
    pub(crate) fn landed(&self, commands: usize) {
        self.latest_batch.store(commands, Ordering::Relaxed);
    }

    /// Returns how many commands the latest batch held: how many wait at a time.
    pub(crate) fn pressure(&self) -> usize {
        self.latest_batch.load(Ordering::Relaxed)
    }

    /// Keeps committed events of a part, in order, for those who follow closely.
    pub(crate) fn remember(&self, part: i16, committed: Vec<Arc<Recorded>>) {
        if let Some(recent) = self.recent.get(&part) {
            recent.lock().unwrap_or_else(PoisonError::into_inner).push(committed);
        }
    }

    /// Returns up to `limit` events of a part above a position, if they are in memory.
    pub(crate) fn recent(&self, part: i16, after: i64, limit: i64) -> Option<Vec<Arc<Recorded>>> {
        let recent = self.recent.get(&part)?;
        recent.lock().unwrap_or_else(PoisonError::into_inner).after(after, limit)
    }

    /// Publishes the state of a stream after a commit.
    pub(crate) fn put(&self, stream: StreamId, state: Arc<State>) {
        let mut states = self.states.write().unwrap_or_else(PoisonError::into_inner);
        if states.by_stream.len() >= CAPACITY {
            states.forget();
        }
        states.by_stream.insert(stream, state);
    }

    /// Returns the epoch, to be taken before a state is loaded.
    pub(crate) fn epoch(&self) -> u64 {
        self.states.read().unwrap_or_else(PoisonError::into_inner).epoch
    }

    /// Publishes a state that was loaded since `epoch`, unless a commit was faster or states were
    /// forgotten meanwhile.
    pub(crate) fn put_loaded(&self, epoch: u64, stream: StreamId, state: &Arc<State>) {
        let mut states = self.states.write().unwrap_or_else(PoisonError::into_inner);
        if states.epoch == epoch {
            states.by_stream.entry(stream).or_insert_with(|| Arc::clone(state));
        }
    }

    /// Returns a published state.
    pub(crate) fn get(&self, stream: StreamId) -> Option<Arc<State>> {
        let states = self.states.read().unwrap_or_else(PoisonError::into_inner);
        states.by_stream.get(&stream).cloned()
    }

    /// Forgets all states: another process has written, or may have.
    pub(crate) fn forget(&self) {
        for recent in self.recent.values() {
            recent.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        self.states.write().unwrap_or_else(PoisonError::into_inner).forget();
    }

    /// Wakes everybody who waits for any stream.
    pub(crate) fn wake_all(&self) {
        let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, change) in waiters.drain() {
            change.notify.notify_waiters();
        }
    }

    /// Wakes those who wait for a stream to change.
    pub(crate) fn changed(&self, stream: StreamId) {
        let change = {
            let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
            if waiters.is_empty() {
                return;
            }
            waiters.remove(&stream)
        };
        if let Some(change) = change {
            change.notify.notify_waiters();
        }
    }

    /// Returns the next change of a stream.
    pub(crate) fn watch(&self, stream: StreamId) -> Arc<Change> {
        let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        // Entries whose waiters have all gone are swept when the map grows.
        if waiters.len() > SWEPT_FROM {
            waiters.retain(|_, change| Arc::strong_count(change) > 1);
        }
        Arc::clone(waiters.entry(stream).or_default())
    }
}
