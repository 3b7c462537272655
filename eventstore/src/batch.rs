//! A batch: commands decided one after the other against the states in memory, and the rows that
//! they amount to.

use crate::append::{PartRows, StateRows};
use crate::cache::{Cache, Cached};
use crate::codec::{self, Recorded, encode_event, encode_state};
use crate::error::{ExecuteError, StoreError};
use crate::idempotency::{RecentKeys, StoredAnswer};
use crate::ledger::{Meta, Reply};
use crate::writer::Envelope;
use bytes::Bytes;
use firsthand_domain::merkle::Hash;
use firsthand_domain::{Book, Changes, Command, Context, Rejection, StreamId, Timestamp, decision};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Up to which length a new state gets room to grow: a row of 2 kB and more would be compressed or moved
/// out of its page, and not be longer for its room.
const WITH_ROOM: usize = 1_600;
const ZEROS: [u8; WITH_ROOM] = [0; WITH_ROOM];

/// Where a part of the log ends.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Head {
    /// The last position.
    pub position: i64,
    /// The last time that was recorded.
    pub recorded_at: i64,
    /// The leaf of the last event; zeros before the first.
    pub leaf: Hash,
}

/// What the writer knows: the end of each of its parts, the states and the latest keys.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub heads: BTreeMap<i16, Head>,
    pub cache: Cache,
    pub keys: RecentKeys,
    /// Number of parts of the log.
    pub parts: u16,
    /// Number of the batch that is being decided.
    pub batch: u64,
}

impl Memory {
    /// Returns when the next event of a part happens, by a clock that says `now`: after the last one.
    pub(crate) fn next_time(&self, part: i16, now: Timestamp) -> Timestamp {
        let last = self.heads.get(&part).map_or(0, |head| head.recorded_at);
        now.max(Timestamp::from_micros(last.saturating_add(1)))
    }
}

/// An answer that waits for its batch.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) envelope: Envelope,
    pub(crate) reply: Result<Reply, ExecuteError>,
    /// Whether the batch holds an event or a key of this command. One that wrote nothing rests on
    /// the batches before it, and on its part's head as its own found it: if one of those fails, it is
    /// decided again, whatever became of its own batch.
    pub(crate) wrote: bool,
}

/// Commands that were decided together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    parts: BTreeMap<i16, Building>,
    /// The answers, in order of decision.
    pub waiting: Vec<Waiting>,
    scratch: Vec<u8>,
}

#[derive(Debug, Default)]
struct Building {
    rows: PartRows,
    recorded: Vec<Arc<Recorded>>,
    touched: BTreeMap<StreamId, Book>,
}

/// What a command was decided to change.
#[derive(Debug)]
struct Decided {
    part: i16,
    book: Book,
    changes: Changes,
    now: Timestamp,
}

/// What became of a command in a batch.
#[derive(Debug)]
pub(crate) enum Step {
    /// It is decided; its answer waits in the batch.
    Decided,
    /// It needs streams that are not in memory: decide it in the next batch.
    Deferred(Envelope),
}

impl Batch {
    /// Decides one command and applies it to the states in memory.
    pub(crate) fn decide(
        &mut self,
        memory: &mut Memory,
        envelope: Envelope,
        now: Timestamp,
    ) -> Result<Step, StoreError> {
        let meta = &envelope.request.meta;
        if let Some(key) = &meta.key
            && let Some(known) = memory.keys.get(&key.digest)
        {
            let reply = if known.request_hash == key.request_hash {
                Ok(Reply::Replayed {
                    status: known.status,
                    sealed: known.sealed,
                    body: known.body.clone(),
                })
            } else {
                Err(ExecuteError::KeyReused)
            };
            self.waiting.push(Waiting { envelope, reply, wrote: false });
            return Ok(Step::Decided);
        }
        let part = envelope.part;
        let now = memory.next_time(part, now);
        if !missing(memory, &envelope, now).is_empty() {
            return Ok(Step::Deferred(envelope));
        }
        let command = &envelope.request.command;
        let book = command.book(&memory.cache);
        let mut wrote = false;
        let context = context(memory, command.as_ref(), book, now);
        let outcome = match command.decide(&memory.cache, &context) {
            Ok(changes) => {
                wrote = !changes.is_empty();
                let decided = Decided { part, book: book.unwrap_or_default(), changes, now };
                self.apply(memory, decided, meta)?;
                Ok(())
            }
            Err(rejection) => Err(rejection),
        };
        let answer = (envelope.request.render)(&memory.cache, &outcome);
        if let Some(key) = meta.key.as_ref().filter(|_| answer.keep) {
            let stored = StoredAnswer {
                request_hash: key.request_hash,
                status: answer.status,
                sealed: answer.sealed.is_some(),
                body: answer.sealed.clone().unwrap_or_else(|| answer.body.clone()),
            };
            self.store_key(memory, (part, book, now), key.digest, &stored);
            memory.keys.insert(key.digest, stored);
            wrote = true;
        }
        if !wrote {
            // What was decided must have been decided on the log as it is: the part's head is checked.
            self.building(memory, part);
        }
        let reply = Ok(Reply::Decided { outcome, answer });
        self.waiting.push(Waiting { envelope, reply, wrote });
        Ok(Step::Decided)
    }

    fn building(&mut self, memory: &Memory, part: i16) -> &mut Building {
        self.parts.entry(part).or_insert_with(|| {
            let head = memory.heads.get(&part).copied().unwrap_or_default();
            Building {
                rows: PartRows {
                    part,
                    expected_head: head.position,
                    expected_leaf: head.leaf,
                    recorded_at: head.recorded_at,
                    ..PartRows::default()
                },
                recorded: Vec::new(),
                touched: BTreeMap::new(),
            }
        })
    }

    fn apply(
        &mut self,
        memory: &mut Memory,
        decided: Decided,
        meta: &Meta,
    ) -> Result<(), StoreError> {
        let Decided { part, book, changes, now } = decided;
        if changes.is_empty() {
            return Ok(());
        }
        let book_name = book.to_string();
        self.building(memory, part);
        let Some(building) = self.parts.get_mut(&part) else { return Ok(()) };
        let rows = &mut building.rows.events;
        // Everything is encoded before anything is applied: a failure leaves memory untouched.
        let first = rows.payload.len();
        for (_, event) in changes.events() {
            if let Err(error) = rows.payload.push_with(|bytes| encode_event(event, bytes)) {
                rows.payload.truncate(first);
                return Err(error);
            }
        }
        let request_id = meta.request_id.parse().ok();
        let numbered = (now.micros()..).zip(first..).zip(changes.into_events());
        for ((recorded_at, index), (stream, event)) in numbered {
            let cached = memory.cache.get_or_new(stream);
            cached.version += 1;
            cached.state.evolve(&event);
            cached.used_in = memory.batch;
            let version = cached.version;
            // After the event: one that moves the clock happens where it leads to.
            let effective_at = decision::time_of(&memory.cache, book).map(Timestamp::micros);
            let of_book = memory.cache.get_or_new(book.stream());
            of_book.used_in = memory.batch;
            let sequence = i64::try_from(of_book.frontier.size() + 1).unwrap_or(i64::MAX);
            let stream_name = stream.to_string();
            let envelope = codec::Envelope {
                book: &book_name,
                sequence,
                stream: &stream_name,
                version,
                event_type: event.name(),
                schema_version: event.schema_version(),
                recorded_at,
                effective_at,
                actor: &meta.actor,
                request_id: &meta.request_id,
            };
            let leaf = codec::leaf(&envelope, rows.payload.get(index), &mut self.scratch);
            of_book.frontier.push(leaf);
            rows.push(&envelope, event.name(), leaf);
            building.touched.insert(stream, book);
            let head = memory.heads.entry(part).or_default();
            head.position += 1;
            head.recorded_at = recorded_at;
            head.leaf = leaf;
            building.rows.recorded_at = recorded_at;
            building.recorded.push(Arc::new(Recorded {
                part,
                position: head.position,
                book,
                sequence,
                stream,
                version,
                recorded_at,
                effective_at,
                request_id,
                event,
            }));
        }
        building.touched.insert(book.stream(), book);
        Ok(())
    }

    fn store_key(
        &mut self,
        memory: &Memory,
        (part, book, now): (i16, Option<Book>, Timestamp),
        digest: [u8; 32],
        stored: &StoredAnswer,
    ) {
        let rows = &mut self.building(memory, part).rows;
        rows.answered_at = now.micros();
        let keys = &mut rows.keys;
        keys.digest.push(digest);
        match book {
            Some(book) => keys.book.push_text(book),
            None => keys.book.push(""),
        }
        keys.request_hash.push(stored.request_hash);
        keys.status.push(i16::try_from(stored.status).unwrap_or(i16::MAX));
        keys.sealed.push(stored.sealed);
        keys.body.push(&stored.body);
    }

    /// Adds the state rows of everything that was touched, once each, and returns what to write.
    pub(crate) fn rows(&mut self, memory: &mut Memory) -> Result<Vec<PartRows>, StoreError> {
        let mut parts = Vec::with_capacity(self.parts.len());
        for (_, mut building) in std::mem::take(&mut self.parts) {
            for (stream, book) in &building.touched {
                if let Some(cached) = memory.cache.get_mut(*stream) {
                    let rows = &mut building.rows;
                    let rows = if cached.stored { &mut rows.changed } else { &mut rows.created };
                    push_state(rows, *stream, *book, cached)?;
                    cached.stored = true;
                }
            }
            parts.push(building.rows);
        }
        Ok(parts)
    }

    /// Takes the events of each part, to be kept in memory once they are committed.
    pub(crate) fn recorded(&mut self) -> Vec<(i16, Vec<Arc<Recorded>>)> {
        let take = |(part, building): (&i16, &mut Building)| {
            (*part, std::mem::take(&mut building.recorded))
        };
        self.parts.iter_mut().map(take).collect()
    }

    /// Returns the streams that the batch touches.
    pub(crate) fn touched(&self) -> Vec<StreamId> {
        self.parts.values().flat_map(|building| building.touched.keys().copied()).collect()
    }
}

fn push_state(
    rows: &mut StateRows,
    stream: StreamId,
    book: Book,
    cached: &Cached,
) -> Result<(), StoreError> {
    let listed = cached.state.listed();
    rows.state.push_with(|bytes| encode_state(&cached.state, bytes))?;
    let length = rows.state.last().map_or(0, <[u8]>::len);
    rows.stream.push_text(stream);
    rows.version.push(cached.version);
    rows.status.push(listed.status);
    rows.sequence.push(i64::try_from(cached.frontier.size()).unwrap_or(i64::MAX));
    rows.frontier.push(cached.frontier.to_bytes());
    rows.kind.push(stream.kind());
    rows.book.push_text(book);
    if !cached.stored {
        // It never changes.
        rows.parent.push_option(listed.parent);
        let room = cached.state.growth().min(WITH_ROOM.saturating_sub(length));
        rows.room.push(ZEROS.get(..room).unwrap_or_default());
    }
    Ok(())
}

/// Returns what a decision may know: the time of its book if that has a clock of its own, else ours.
fn context(memory: &Memory, command: &dyn Command, book: Option<Book>, now: Timestamp) -> Context {
    let of_book = book
        .filter(|_book| !command.by_real_time())
        .and_then(|book| decision::time_of(&memory.cache, book));
    Context { now: of_book.unwrap_or(now) }
}

/// Returns the streams that a command needs and that are not in memory: its own, and the one that
/// stands for its book. A stream of another part can't be loaded here, however often it is asked
/// for: the command is decided without it, as if it did not exist.
pub(crate) fn missing(memory: &Memory, envelope: &Envelope, now: Timestamp) -> Vec<StreamId> {
    let command = envelope.request.command.as_ref();
    let book = command.book(&memory.cache);
    let now = context(memory, command, book, now).now;
    let mut missing = command.needs_at(&memory.cache, now);
    if let Some(book) = book {
        decision::need(&memory.cache, book.stream(), &mut missing);
        if let Some(clock) = book.clock() {
            decision::need(&memory.cache, clock, &mut missing);
        }
    }
    missing.retain(|stream| stream.slot().part(memory.parts) == envelope.part);
    missing
}

/// Returns the body of a stored answer.
pub(crate) fn stored(
    request_hash: &[u8],
    status: i16,
    sealed: bool,
    body: &[u8],
) -> Result<StoredAnswer, StoreError> {
    Ok(StoredAnswer {
        request_hash: request_hash.try_into().map_err(StoreError::corrupt)?,
        status: u16::try_from(status).map_err(StoreError::corrupt)?,
        sealed,
        body: Bytes::copy_from_slice(body),
    })
}

/// Says that a rule refused although it never should: the books would not balance.
pub(crate) fn is_alarming(outcome: &Result<(), Rejection>) -> bool {
    matches!(outcome, Err(Rejection::OutOfBalance { .. }))
}
