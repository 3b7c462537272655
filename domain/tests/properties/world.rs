//! The streams of a small installation in memory, and how a command is run against them.

use firsthand_domain::decision::{Changes, Command, Context, View};
use firsthand_domain::ids::{ApiKeyId, FileId, JobId, LotId, OrganizationId, PayoutId, Slot};
use firsthand_domain::ids::{SubmissionId, WorkerId};
use firsthand_domain::{Event, Rejection, State, StreamId, Timestamp};
use std::collections::BTreeMap;
use ulid::Ulid;

/// Where every history begins.
const BEGINNING: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

/// Everything that was ever appended, and what it amounts to.
pub(crate) struct World {
    streams: BTreeMap<StreamId, State>,
    log: Vec<(StreamId, Event)>,
    minted: u128,
    /// The clock; tests move it.
    pub(crate) now: Timestamp,
}

impl View for World {
    fn state(&self, stream: StreamId) -> Option<&State> {
        self.streams.get(&stream)
    }
}

/// What a writer sees that started cold: only the streams that the command named.
struct Cold<'world> {
    world: &'world World,
    named: BTreeMap<StreamId, State>,
}

impl View for Cold<'_> {
    fn state(&self, stream: StreamId) -> Option<&State> {
        let empty = self.named.get(&stream)?;
        Some(self.world.streams.get(&stream).unwrap_or(empty))
    }
}

impl<'world> Cold<'world> {
    /// Loads what the command needs, until it needs nothing more.
    fn load(world: &'world World, command: &dyn Command) -> Self {
        let mut cold = Self { world, named: BTreeMap::new() };
        loop {
            let missing = command.needs_at(&cold, world.now);
            if missing.is_empty() {
                return cold;
            }
            for stream in missing {
                let before = cold.named.insert(stream, State::empty(stream));
                assert!(before.is_none(), "{stream:?} was named twice");
            }
        }
    }
}

/// What a writer sees that has everything in memory.
struct Warm<'world>(Cold<'world>);

impl View for Warm<'_> {
    fn state(&self, stream: StreamId) -> Option<&State> {
        self.0.world.streams.get(&stream).or_else(|| self.0.state(stream))
    }
}

impl World {
    /// A world in which nothing has happened.
    pub(crate) fn new() -> Self {
        Self { streams: BTreeMap::new(), log: Vec::new(), minted: 0, now: BEGINNING }
    }

    /// Runs a command now. Returns what it appended, or why it was refused.
    pub(crate) fn run(
        &mut self,
        command: &dyn Command,
    ) -> Result<Vec<(StreamId, Event)>, Rejection> {
        let context = Context { now: self.now };
        let cold = Cold::load(self, command);
        let decided = command.decide(&cold, &context);
        let book = command.book(&cold);
        let named: Vec<StreamId> =
            cold.named.keys().copied().chain(book.map(firsthand_domain::Book::stream)).collect();
        // A decision depends on the streams that it names, not on what else is in memory.
        let again = command.decide(&Warm(cold), &context);
        assert_eq!(decided, again, "a warm writer decides otherwise");
        let changes = decided?;
        if !changes.is_empty() {
            // Design D4: all streams of a command lie in one part, and its book is known.
            let slot = book.map(firsthand_domain::Book::slot);
            assert!(changes.events().iter().all(|(stream, _)| Some(stream.slot()) == slot));
            // The writer takes what was not named for new, and numbers its events from one.
            for (stream, _) in changes.events() {
                let new = !self.streams.contains_key(stream);
                assert!(new || named.contains(stream), "{stream} is not new and was not named");
            }
        }
        Ok(self.append(changes))
    }

    /// Which streams a writer that starts cold looks up for a command now.
    pub(crate) fn named(&self, command: &dyn Command) -> Vec<StreamId> {
        Cold::load(self, command).named.into_keys().collect()
    }

    /// Appends facts that no command of this crate decides (yet), a purchase for example.
    pub(crate) fn append(&mut self, changes: Changes) -> Vec<(StreamId, Event)> {
        let events = changes.into_events();
        for (stream, event) in &events {
            self.streams.entry(*stream).or_insert_with(|| State::empty(*stream)).evolve(event);
        }
        self.log.extend(events.iter().cloned());
        events
    }

    /// Every event so far, in order.
    pub(crate) fn log(&self) -> &[(StreamId, Event)] {
        &self.log
    }

    /// Every stream's state.
    pub(crate) fn streams(&self) -> &BTreeMap<StreamId, State> {
        &self.streams
    }

    fn mint(&mut self) -> Ulid {
        self.minted += 1;
        Ulid(self.minted << 10)
    }

    pub(crate) fn organization(&mut self) -> OrganizationId {
        let ulid = self.mint();
        // Organizations get different slots, so that a mix-up of two books shows.
        let slot = Slot::of(Ulid(self.minted));
        OrganizationId::in_slot(ulid, slot)
    }

    pub(crate) fn worker(&mut self) -> WorkerId {
        WorkerId::new(self.mint())
    }

    pub(crate) fn lot(&mut self, slot: Slot) -> LotId {
        LotId::in_slot(self.mint(), slot)
    }

    pub(crate) fn job(&mut self, slot: Slot) -> JobId {
        JobId::in_slot(self.mint(), slot)
    }

    pub(crate) fn submission(&mut self, slot: Slot) -> SubmissionId {
        SubmissionId::in_slot(self.mint(), slot)
    }

    pub(crate) fn payout(&mut self, slot: Slot) -> PayoutId {
        PayoutId::in_slot(self.mint(), slot)
    }

    pub(crate) fn key(&mut self, slot: Slot) -> ApiKeyId {
        ApiKeyId::in_slot(self.mint(), slot)
    }

    pub(crate) fn file(&mut self, slot: Slot) -> FileId {
        FileId::in_slot(self.mint(), slot)
    }
}
