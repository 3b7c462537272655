//! The writer: takes what is queued, loads what is missing, decides, commits, answers.
//!
//! Up to two batches are on their way to the database at a time. A batch is decided as if those
//! before it had committed; if one fails, those behind it fail too, everything in memory is dropped
//! and their commands are decided again (design D5).
//!
//! Where another process writes to the same parts, whoever is quicker would win each time, and the other one's
//! callers would be told that the log can't be written. So a writer that was beaten holds the heads of its
//! parts before it decides, for as long as it finds others at work: the database gives each its turn.

use crate::append::{Appender, Committed, PartRows};
use crate::batch::{Batch, Head, Memory, Step, Waiting, is_alarming, missing};
use crate::cache::Cached;
use crate::canary::{Canary, seeded};
use crate::codec::Recorded;
use crate::error::{ExecuteError, StoreError};
use crate::idempotency::KeyDigest;
use crate::ledger::{Clock, Reply, Request};
use crate::lookup::Lookup;
use crate::published::Published;
use crate::read::StateRow;
use crate::store::Store;
use firsthand_domain::merkle::Hash;
use firsthand_domain::{State, StreamId, Timestamp};
use futures_util::FutureExt as _;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

/// Most commands in one batch.
const BATCH: usize = 1_024;
/// Batches that may be on their way at a time.
const IN_FLIGHT: usize = 2;
/// A second batch is sent while one is on its way only if so many commands wait.
const SECOND_FROM: usize = 24;
/// How often a command is decided before its caller is told that the log can't be written.
const ATTEMPTS: u8 = 5;
/// For how long after it was beaten a writer holds heads before it decides.
const CONTENDED: std::time::Duration = std::time::Duration::from_secs(1);
/// The pause between two attempts to reconnect.
const RECONNECT: std::time::Duration = std::time::Duration::from_millis(50);

/// A command on its way through the writer.
#[derive(Debug)]
pub(crate) struct Envelope {
    /// The part that it is decided in.
    pub part: i16,
    /// The command.
    pub request: Request,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<Reply, ExecuteError>>,
    /// How often it was decided before.
    pub attempts: u8,
    /// Answers of batches of which it is not known whether they were committed, with what proves
    /// that they were. A commit may land after it was looked for, so none is ever forgotten.
    pub doubts: Vec<(Witness, Result<Reply, ExecuteError>)>,
}

/// What proves that a batch is in the log: a part, a position and the leaf that stands there.
pub(crate) type Witness = (i16, i64, Hash);

/// What a batch tells the rest of the process: which streams it touches, and each part's events.
type News = (Vec<StreamId>, Vec<(i16, Vec<Arc<Recorded>>)>);

struct Flight {
    committed: Committed,
    waiting: Vec<Waiting>,
    changed: Vec<(StreamId, Option<Arc<State>>)>,
    recorded: Vec<(i16, Vec<Arc<Recorded>>)>,
    heads: Vec<(i16, i64)>,
    witness: Option<Witness>,
    number: u64,
    early: bool,
}

/// One writer, with its share of the parts.
pub(crate) struct Writer {
    store: Store,
    published: Arc<Published>,
    clock: Clock,
    parts: Vec<i16>,
    tracker: TaskTracker,
    appender: Arc<Appender>,
    lookup: Lookup,
    memory: Memory,
    flights: VecDeque<Flight>,
    again: VecDeque<Envelope>,
    contended_until: Option<Instant>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("parts", &self.parts).finish_non_exhaustive()
    }
}

impl Writer {
    /// Connects and reads where its parts end.
    pub(crate) async fn open(
        store: Store,
        published: Arc<Published>,
        clock: Clock,
        parts: Vec<i16>,
        tracker: TaskTracker,
    ) -> Result<Self, StoreError> {
        let appender = Arc::new(Appender::connect(&store, &tracker).await?);
        let lookup = Lookup::connect(&store, &tracker).await?;
        let memory = Memory { parts: store.parts(), ..Memory::default() };
        let mut writer = Self {
            store,
            published,
            clock,
            parts,
            tracker,
            appender,
            lookup,
            memory,
            flights: VecDeque::new(),
            again: VecDeque::new(),
            contended_until: None,
        };
        writer.read_heads().await?;
        Ok(writer)
    }

    /// Runs until every handle is dropped and everything that was queued is answered.
    pub(crate) async fn run(mut self, mut queue: mpsc::Receiver<Envelope>) {
        let mut taken = Vec::with_capacity(BATCH);
        let mut open = true;
        while open || !taken.is_empty() || !self.again.is_empty() || !self.flights.is_empty() {
            if self.flights.is_empty() || taken.len() >= self.enough_for_another() {
                // What must be decided again goes first.
                taken.splice(0..0, self.again.drain(..));
            }
            if !taken.is_empty() && taken.len() >= self.enough_for_another() {
                if AssertUnwindSafe(self.take(&mut taken)).catch_unwind().await.is_err() {
                    // A defect of ours must not stop the part: those of the batch are told that the log can't be
                    // written, and what is in memory is read anew.
                    tracing::error!("a batch panicked");
                    self.appender.abandon();
                    self.recover(std::mem::take(&mut taken), true).await;
                }
                continue;
            }
            let room = BATCH.saturating_sub(taken.len());
            tokio::select! {
                biased;
                result = landed(&mut self.flights), if !self.flights.is_empty() => {
                    self.land(result).await;
                }
                // While a batch is on its way, the next one gathers.
                count = queue.recv_many(&mut taken, room), if open && room > 0 => {
                    open = count > 0;
                }
            }
        }
    }

    /// Returns how many commands make it worth while to send a batch now. While one is on its way,
    /// a small one behind it would cost more than the wait, and a large one keeps the database busy
    /// while this process decides.
    fn enough_for_another(&self) -> usize {
        match self.flights.back() {
            None => 1,
            // Heads are held for one batch at a time.
            Some(_) if self.flights.len() >= most_in_flight() || self.is_contended() => usize::MAX,
            Some(flight) => SECOND_FROM.max(flight.waiting.len() / 2),
        }
    }

    /// Says whether another process was lately found to write to the same parts.
    fn is_contended(&self) -> bool {
        self.contended_until.is_some_and(|until| Instant::now() < until)
    }

    /// Holds the heads of the commands' parts, and forgets what is older than they are.
    async fn hold(&mut self, taken: &[Envelope]) -> Result<(), StoreError> {
        let parts: BTreeSet<i16> = taken.iter().map(|envelope| envelope.part).collect();
        let parts: Vec<i16> = parts.into_iter().collect();
        for (part, head) in self.appender.hold(&parts).await? {
            let known = self.memory.heads.insert(part, head);
            if known.is_none_or(|known| (known.position, known.leaf) != (head.position, head.leaf))
            {
                self.contended_until = Some(Instant::now() + CONTENDED);
                self.memory.cache.clear();
                self.published.expect(part, head.position);
                self.published.advance(part, head.position);
                self.published.forget();
                self.published.wake_all();
            }
        }
        Ok(())
    }

    /// Loads what the commands need that is not in memory; where others write too, of a log that stands still.
    async fn prepare(&mut self, taken: &mut Vec<Envelope>) -> Result<(), StoreError> {
        if self.flights.is_empty() && self.is_contended() {
            self.hold(taken).await?;
            // A batch of ours that was in doubt may be what moved a head.
            let landed = landed_of(&self.appender, taken).await?;
            let undecided = std::mem::take(taken).into_iter();
            taken.extend(undecided.filter_map(|envelope| answered(envelope, &landed)));
        }
        self.load(taken).await
    }

    /// Decides a batch and sends it on its way.
    async fn take(&mut self, taken: &mut Vec<Envelope>) {
        if let Err(error) = self.prepare(taken).await {
            tracing::error!(error = &error as &dyn std::error::Error, "states can't be loaded");
            self.recover(std::mem::take(taken), true).await;
            return;
        }
        self.memory.batch += 1;
        let mut batch = Batch::default();
        let now = (self.clock)();
        for envelope in taken.drain(..) {
            match batch.decide(&mut self.memory, envelope, now) {
                Ok(Step::Decided) => (),
                Ok(Step::Deferred(envelope)) => self.again.push_back(envelope),
                Err(error) => {
                    // An event of ours that can't be written as JSON: nothing of it is in memory
                    // that a reload would not cure, and its caller is told.
                    tracing::error!(error = &error as &dyn std::error::Error, "undecidable");
                }
            }
        }
        let touched = batch.touched();
        let recorded = batch.recorded();
        match batch.rows(&mut self.memory) {
            Ok(rows) => self.fly(batch, (touched, recorded), rows).await,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "unwritable batch");
                let lost = batch.waiting.into_iter().map(|waiting| waiting.envelope).collect();
                self.recover(lost, true).await;
            }
        }
    }

    async fn fly(&mut self, batch: Batch, (touched, recorded): News, rows: Vec<PartRows>) {
        let heads: Vec<_> =
            rows.iter().map(|part| (part.part, part.expected_head + part.count())).collect();
        for (part, head) in &heads {
            self.published.expect(*part, *head);
        }
        let witness = rows.iter().find_map(PartRows::witness);
        // Only where jobs change: with sign-ups and grants, the bug would show before the first crash.
        let early = seeded(Canary::AnswerBeforeCommit)
            && touched.iter().any(|stream| matches!(stream, StreamId::Job(_)));
        let changed = touched
            .into_iter()
            .map(|stream| {
                let cached = self.memory.cache.get(stream).filter(|_| Published::wants(stream));
                (stream, cached.map(|cached| Arc::new(cached.state.clone())))
            })
            .collect();
        let mut waiting = batch.waiting;
        if early {
            for Waiting { envelope, reply, .. } in waiting.drain(..) {
                drop(envelope.reply.send(reply));
            }
        }
        let mut committed = seeded_append(&self.appender, rows);
        // The first poll sends everything, so that batches arrive in the order of their decision.
        if let std::task::Poll::Ready(result) = futures_util::poll!(committed.as_mut()) {
            committed = Box::pin(std::future::ready(result));
        }
        let number = self.memory.batch;
        self.flights.push_back(Flight {
            committed,
            waiting,
            changed,
            recorded,
            heads,
            witness,
            number,
            early,
        });
    }

    /// Handles the end of the oldest batch on its way.
    async fn land(&mut self, result: Result<(), StoreError>) {
        let Some(flight) = self.flights.pop_front() else { return };
        match result {
            Ok(()) => self.release(flight),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a batch failed");
                let mut lost = Vec::new();
                doubt(flight, &mut lost);
                while let Some(mut behind) = self.flights.pop_front() {
                    // It is waited for so that nothing is on its way when the heads are read again.
                    match behind.committed.as_mut().await {
                        Ok(()) => {
                            // It wrote to other parts than the failed batch. What it decided
                            // without writing may rest on the failed batch.
                            let waiting = std::mem::take(&mut behind.waiting);
                            let (wrote, not): (Vec<_>, Vec<_>) =
                                waiting.into_iter().partition(|waiting| waiting.wrote);
                            behind.waiting = wrote;
                            lost.extend(not.into_iter().map(|waiting| waiting.envelope));
                            self.release(behind);
                        }
                        Err(_also_failed) => doubt(behind, &mut lost),
                    }
                }
                self.contended_until = Some(Instant::now() + CONTENDED);
                self.recover(lost, false).await;
            }
        }
    }

    /// Sends the answers of a committed batch and tells the process what changed.
    fn release(&mut self, flight: Flight) {
        for (stream, state) in flight.changed {
            if let Some(state) = state {
                self.published.put(stream, state);
            }
            self.published.changed(stream);
        }
        self.published.landed(flight.waiting.len());
        for (part, recorded) in flight.recorded {
            self.published.remember(part, recorded);
        }
        for (part, head) in flight.heads {
            if self.published.is_behind(part, head) {
                // Another process has written since: what was put may be older.
                self.published.forget();
            }
            self.published.advance(part, head);
        }
        for Waiting { envelope, reply, .. } in flight.waiting {
            if let Ok(Reply::Decided { outcome, .. }) = &reply
                && is_alarming(outcome)
            {
                tracing::error!(request.id = %envelope.request.meta.request_id, "out of balance");
            }
            // The caller may be gone; what was decided stays.
            drop(envelope.reply.send(reply));
        }
        debug_assert!(!flight.early || cfg!(feature = "canary"), "answered before the commit");
        let oldest = self.flights.front().map_or(self.memory.batch, |flight| flight.number);
        self.memory.cache.sweep(self.memory.batch, oldest);
    }

    /// Drops what is in memory, finds out which batches are in the log all the same, answers
    /// those, and puts the other commands back in front of the queue.
    async fn recover(&mut self, lost: Vec<Envelope>, charge: bool) {
        // If the connection is gone, so is what it held.
        drop(self.appender.let_go().await);
        for part in &self.parts {
            // Until the heads are read again, none is explained by a batch of ours.
            self.published.expect(*part, 0);
        }
        let landed = loop {
            self.memory.cache.clear();
            self.memory.keys.clear();
            match self.reconnect(&lost).await {
                Ok(landed) => break landed,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "reconnecting");
                    tokio::time::sleep(RECONNECT).await;
                    if self.tracker.is_closed() {
                        return;
                    }
                }
            }
        };
        // Only now: what was published before the heads were read again may be older than what a
        // batch in doubt has written.
        self.published.forget();
        for mut envelope in lost.into_iter().filter_map(|envelope| answered(envelope, &landed)) {
            envelope.attempts += 1;
            if envelope.attempts >= ATTEMPTS || (charge && envelope.attempts >= 2) {
                drop(envelope.reply.send(Err(ExecuteError::Unavailable)));
            } else {
                self.again.push_back(envelope);
            }
        }
        self.published.wake_all();
    }

    async fn reconnect(&mut self, lost: &[Envelope]) -> Result<BTreeSet<Witness>, StoreError> {
        if self.appender.is_closed() {
            self.appender = Arc::new(Appender::connect(&self.store, &self.tracker).await?);
        }
        if self.lookup.is_closed() {
            self.lookup = Lookup::connect(&self.store, &self.tracker).await?;
        }
        self.read_heads().await?;
        landed_of(&self.appender, lost).await
    }

    async fn read_heads(&mut self) -> Result<(), StoreError> {
        let rows = sqlx::query!(
            "select part, head, recorded_at, leaf from parts where part = any($1)",
            &self.parts
        )
        .fetch_all(self.store.single())
        .await?;
        self.memory.heads = rows
            .into_iter()
            .map(|row| {
                self.published.expect(row.part, row.head);
                self.published.advance(row.part, row.head);
                let leaf = Hash::try_from(row.leaf.as_slice()).map_err(StoreError::corrupt)?;
                let head = Head { position: row.head, recorded_at: row.recorded_at, leaf };
                Ok((row.part, head))
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(())
    }

    /// Loads the keys and streams that the commands need and that are not in memory: one flight of
    /// look-ups for each round, however many commands and parts.
    async fn load(&mut self, taken: &[Envelope]) -> Result<(), StoreError> {
        let mut keys: BTreeMap<i16, Vec<KeyDigest>> = BTreeMap::new();
        for envelope in taken {
            if let Some(key) = &envelope.request.meta.key
                && self.memory.keys.get(&key.digest).is_none()
            {
                keys.entry(envelope.part).or_default().push(key.digest);
            }
        }
        let now = (self.clock)();
        let mut asked = BTreeSet::new();
        let mut wanted = self.wanted(taken, now, &mut asked);
        // Keys and the first round of streams travel together.
        let (answers, mut rows) =
            tokio::try_join!(self.lookup.keys(&keys), self.lookup.states(&wanted))?;
        for (digest, answer) in answers {
            self.memory.keys.insert(digest, answer);
        }
        while !wanted.is_empty() {
            for stream in wanted.into_values().flatten() {
                self.memory.cache.insert(stream, Cached::empty(stream));
            }
            for StateRow { stream, version, state, frontier } in rows {
                let used_in = self.memory.batch;
                let cached = Cached { state, version, frontier, used_in, stored: true };
                self.memory.cache.insert(stream, cached);
            }
            wanted = self.wanted(taken, now, &mut asked);
            rows = self.lookup.states(&wanted).await?;
        }
        Ok(())
    }

    fn wanted(
        &self,
        taken: &[Envelope],
        now: Timestamp,
        asked: &mut BTreeSet<StreamId>,
    ) -> BTreeMap<i16, Vec<StreamId>> {
        let mut wanted: BTreeMap<i16, Vec<StreamId>> = BTreeMap::new();
        for envelope in taken {
            let now = self.memory.next_time(envelope.part, now);
            for stream in missing(&self.memory, envelope, now) {
                if self.store.part_of(stream) == envelope.part && asked.insert(stream) {
                    wanted.entry(envelope.part).or_default().push(stream);
                }
            }
        }
        wanted
    }
}

/// The bugs that write a batch in two steps need it to be alone on its way.
fn most_in_flight() -> usize {
    let alone = seeded(Canary::IdempotencyAfterCommit) || seeded(Canary::TwoTransactions);
    if alone { 1 } else { IN_FLIGHT }
}

/// Returns which of the batches in doubt are in the log after all.
async fn landed_of(
    appender: &Appender,
    doubtful: &[Envelope],
) -> Result<BTreeSet<Witness>, StoreError> {
    let doubts = doubtful.iter().flat_map(|envelope| &envelope.doubts);
    let witnesses: BTreeSet<Witness> = doubts.map(|(witness, _)| *witness).collect();
    let mut landed = BTreeSet::new();
    for witness in witnesses {
        if appender.holds(witness).await? {
            landed.insert(witness);
        }
    }
    Ok(landed)
}

/// Answers a command whose batch is in the log after all; returns any other.
fn answered(mut envelope: Envelope, landed: &BTreeSet<Witness>) -> Option<Envelope> {
    let Some(found) = envelope.doubts.iter().position(|(witness, _)| landed.contains(witness))
    else {
        return Some(envelope);
    };
    let (_witness, reply) = envelope.doubts.swap_remove(found);
    drop(envelope.reply.send(reply));
    None
}

/// Takes the commands of a batch that may or may not be in the log.
fn doubt(flight: Flight, lost: &mut Vec<Envelope>) {
    for Waiting { mut envelope, reply, wrote } in flight.waiting {
        if let Some(witness) = flight.witness.filter(|_| wrote) {
            envelope.doubts.push((witness, reply));
        }
        lost.push(envelope);
    }
}

/// Waits for the oldest batch on its way.
async fn landed(flights: &mut VecDeque<Flight>) -> Result<(), StoreError> {
    match flights.front_mut() {
        Some(flight) => flight.committed.as_mut().await,
        None => std::future::pending().await,
    }
}

/// Sends a batch; with a seeded bug, in the wrong way that the harness must catch.
fn seeded_append(appender: &Arc<Appender>, mut rows: Vec<PartRows>) -> Committed {
    let mut behind = Vec::new();
    if seeded(Canary::IdempotencyAfterCommit) || seeded(Canary::TwoTransactions) {
        for part in &mut rows {
            let mut later = PartRows {
                part: part.part,
                expected_head: part.expected_head + part.count(),
                expected_leaf: Hash::try_from(part.last_leaf()).unwrap_or_default(),
                recorded_at: part.recorded_at,
                ..PartRows::default()
            };
            if seeded(Canary::IdempotencyAfterCommit) {
                later.keys = std::mem::take(&mut part.keys);
            } else {
                later.created = std::mem::take(&mut part.created);
                later.changed = std::mem::take(&mut part.changed);
            }
            behind.push(later);
        }
    }
    let first = appender.append(rows.into());
    if behind.is_empty() {
        return first;
    }
    let second = appender.append(behind.into());
    Box::pin(async move {
        first.await?;
        second.await
    })
}
