//! Aggregates in memory, bounded: the writer decides against these.

use firsthand_domain::merkle::Frontier;
use firsthand_domain::{State, StreamId, View};
use rustc_hash::FxHashMap;

/// A stream in memory.
#[derive(Debug, Clone)]
pub(crate) struct Cached {
    /// The state after `version` events.
    pub state: State,
    /// Number of events.
    pub version: i64,
    /// The Merkle frontier of the book that this stream stands for.
    pub frontier: Frontier,
    /// The last batch that touched or read the stream.
    pub used_in: u64,
    /// Whether the stream has a row, or a batch on its way writes one.
    pub stored: bool,
}

impl Cached {
    /// A stream without events.
    pub(crate) fn empty(stream: StreamId) -> Self {
        Self {
            state: State::empty(stream),
            version: 0,
            frontier: Frontier::default(),
            used_in: 0,
            stored: false,
        }
    }
}

/// The streams in memory.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    streams: FxHashMap<StreamId, Cached>,
}

/// So many streams are kept for each writer; more are swept out, least recently used first.
const CAPACITY: usize = 131_072;

impl Cache {
    /// Returns a stream.
    pub(crate) fn get(&self, stream: StreamId) -> Option<&Cached> {
        self.streams.get(&stream)
    }

    /// Returns a stream for change.
    pub(crate) fn get_mut(&mut self, stream: StreamId) -> Option<&mut Cached> {
        self.streams.get_mut(&stream)
    }

    /// Returns a stream for change; one that is not in memory is new.
    pub(crate) fn get_or_new(&mut self, stream: StreamId) -> &mut Cached {
        self.streams.entry(stream).or_insert_with(|| Cached::empty(stream))
    }

    /// Puts a stream in that was loaded.
    pub(crate) fn insert(&mut self, stream: StreamId, cached: Cached) {
        self.streams.insert(stream, cached);
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.streams.clear();
    }

    /// Makes room: drops what no batch since `oldest_in_flight` has used, starting with the least
    /// recent half.
    pub(crate) fn sweep(&mut self, now: u64, oldest_in_flight: u64) {
        let mut horizon = now.next_power_of_two();
        while self.streams.len() > CAPACITY && horizon > 0 {
            horizon /= 2;
            let limit = now.saturating_sub(horizon).min(oldest_in_flight);
            self.streams.retain(|_, cached| cached.used_in >= limit);
        }
    }
}

impl View for Cache {
    fn state(&self, stream: StreamId) -> Option<&State> {
        self.streams.get(&stream).map(|cached| &cached.state)
    }
}
