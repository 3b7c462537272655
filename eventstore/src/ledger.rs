//! The handle that commands are given to.

use crate::codec::Recorded;
use crate::error::{ExecuteError, StoreError};
use crate::idempotency::{self, IdempotencyKey, StoredAnswer};
use crate::published::{Change, Published};
use crate::read;
use crate::store::Store;
use crate::writer::{self, Envelope};
use bytes::Bytes;
use firsthand_domain::{Command, Rejection, State, StreamId, Timestamp, View};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::task::TaskTracker;

/// Tells the time. The one place where the service's clock enters the log.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Turns a decision into the answer, from the states as they are right after it.
pub type Render = Box<dyn Fn(&dyn View, &Result<(), Rejection>) -> Answer + Send + Sync>;

/// Who asks, and under which name.
#[derive(Debug, Clone)]
pub struct Meta {
    /// Who causes the events: an identifier, or `system:…`.
    pub actor: String,
    /// The request.
    pub request_id: String,
    /// The idempotency key, if the request has one.
    pub key: Option<IdempotencyKey>,
}

/// An answer as the caller will send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
    /// What is stored under the key instead of the body, because the body holds a secret.
    pub sealed: Option<Bytes>,
    /// Whether the answer is stored under the key at all.
    pub keep: bool,
}

impl Answer {
    /// The answer to a command that nobody reads: stored, so that a key runs only once.
    pub fn done() -> Self {
        Self { status: 200, body: Bytes::new(), sealed: None, keep: true }
    }
}

/// A command with everything that belongs to it.
pub struct Request {
    /// What to do.
    pub command: Box<dyn Command>,
    /// How to answer.
    pub render: Render,
    /// Who asks.
    pub meta: Meta,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("meta", &self.meta).finish_non_exhaustive()
    }
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It was decided now.
    Decided {
        /// The decision.
        outcome: Result<(), Rejection>,
        /// The answer.
        answer: Answer,
    },
    /// Its key was answered before: this is that answer.
    Replayed {
        /// HTTP status.
        status: u16,
        /// Whether the body is sealed.
        sealed: bool,
        /// The body.
        body: Bytes,
    },
}

/// How the ledger runs.
#[derive(Debug, Clone)]
pub struct LedgerConfig {
    /// Number of writers; each has its share of the parts.
    pub writers: usize,
    /// Commands that may wait for one writer; more are refused at once.
    pub queue: usize,
}

impl Default for LedgerConfig {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self { writers: cores.max(2), queue: 4_096 }
    }
}

/// The ledger: the only way to change anything.
#[derive(Debug, Clone)]
pub struct Ledger {
    store: Store,
    published: Arc<Published>,
    writers: Arc<[mpsc::Sender<Envelope>]>,
}

impl Ledger {
    /// Starts the writers on the tracker. They end when every handle is dropped and what was
    /// queued has been answered.
    pub async fn open(
        store: &Store,
        clock: &Clock,
        config: &LedgerConfig,
        tracker: &TaskTracker,
    ) -> Result<Self, StoreError> {
        let published = Arc::new(Published::new(&store.all_parts().collect::<Vec<_>>()));
        let mut writers = Vec::new();
        let count = config.writers.clamp(1, usize::from(store.parts()).max(1));
        for n in 0..count {
            let parts = store
                .all_parts()
                .filter(|part| usize::try_from(*part).is_ok_and(|part| part % count == n))
                .collect();
            let (sender, receiver) = mpsc::channel(config.queue);
            let writer = writer::Writer::open(
                store.clone(),
                Arc::clone(&published),
                Arc::clone(clock),
                parts,
                tracker.clone(),
            )
            .await?;
            tracker.spawn(writer.run(receiver));
            writers.push(sender);
        }
        Ok(Self { store: store.clone(), published, writers: writers.into() })
    }

    /// Decides a command in the part that holds `stream`, commits it, and answers. The work goes
    /// on if the caller goes away.
    pub async fn execute(&self, stream: StreamId, request: Request) -> Result<Reply, ExecuteError> {
        let part = self.store.part_of(stream);
        let index = usize::try_from(part).unwrap_or(0) % self.writers.len().max(1);
        let (reply, answer) = oneshot::channel();
        let envelope = Envelope { part, request, reply, attempts: 0, doubts: Vec::new() };
        let writer = self.writers.get(index).ok_or(ExecuteError::Unavailable)?;
        writer.try_send(envelope).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => ExecuteError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => ExecuteError::Unavailable,
        })?;
        answer.await.unwrap_or(Err(ExecuteError::Unavailable))
    }

    /// Returns the same ledger, reading over the connections of this store.
    #[must_use]
    pub fn over(&self, store: &Store) -> Self {
        Self { store: store.clone(), ..self.clone() }
    }

    /// Returns the database.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns a part's head, to be watched: a hint to look, never the truth.
    pub fn head(&self, part: i16) -> Option<watch::Receiver<i64>> {
        self.published.head(part)
    }

    /// Tells the ledger about a head that somebody read from the database.
    pub fn saw_head(&self, part: i16, head: i64) {
        if self.published.is_foreign(part, head) && self.published.advance(part, head) {
            // Somebody else has written: what is in memory may be older, and nobody else will wake
            // those who wait for it.
            self.published.forget();
            self.published.wake_all();
        }
    }

    /// Returns how many commands the latest batch held: how hard the ledger is pressed, for those
    /// who can wait.
    pub fn pressure(&self) -> usize {
        self.published.pressure()
    }

    /// Returns up to `limit` events of a part above a position, if this process has written them
    /// lately; `None` says to read them from the database.
    pub fn recent(&self, part: i16, after: i64, limit: i64) -> Option<Vec<Arc<Recorded>>> {
        self.published.recent(part, after, limit)
    }

    /// Returns the stored answer to a key, or that the key was used for another request: for requests
    /// that are refused before they reach the writer and may be repeats of one that was answered.
    pub async fn replay(
        &self,
        stream: StreamId,
        key: &IdempotencyKey,
    ) -> Result<Option<Result<Reply, ExecuteError>>, StoreError> {
        let part = self.store.part_of(stream);
        let found = idempotency::find(&self.store, part, &key.digest).await?;
        Ok(found.map(|StoredAnswer { request_hash, status, sealed, body }| {
            if request_hash != key.request_hash {
                return Err(ExecuteError::KeyReused);
            }
            Ok(Reply::Replayed { status, sealed, body })
        }))
    }

    /// Returns the next change of a stream. Take it, and enable its notification, before reading the
    /// state.
    pub fn watch(&self, stream: StreamId) -> Arc<Change> {
        self.published.watch(stream)
    }

    /// Returns the committed state of a key, an organization, a worker or a credit account, from memory if
    /// it is there; an empty state if the stream has no events.
    pub async fn current(&self, stream: StreamId) -> Result<Arc<State>, StoreError> {
        if let Some(state) = self.published.get(stream) {
            return Ok(state);
        }
        let epoch = self.published.epoch();
        let part = self.store.part_of(stream);
        let loaded = read::states(&self.store, part, &[stream]).await?;
        let found = loaded.into_iter().next().map(|row| row.state);
        // That a book has no clock is asked for by every request; that a key does not exist is not.
        let kept = found.is_some() || matches!(stream, StreamId::TestClock(_));
        let state = Arc::new(found.unwrap_or_else(|| State::empty(stream)));
        if !kept {
            return Ok(state);
        }
        self.published.put_loaded(epoch, stream, &state);
        Ok(state)
    }
}
