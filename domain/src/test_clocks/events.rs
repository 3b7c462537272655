//! What can happen to a test clock.

use crate::event::events;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

events! {
    /// An event of a test clock.
    TestClockEvent {
        /// The book has a clock from here on.
        Created(TestClockCreated) = "test_clock.created", 1;
        /// The clock is to go forward.
        AdvanceRequested(TestClockAdvanceRequested) = "test_clock.advance_requested", 1;
        /// On its way it stands at a moment at which something is due.
        Moved(TestClockMoved) = "test_clock.moved", 1;
        /// It has arrived.
        Advanced(TestClockAdvanced) = "test_clock.advanced", 1;
    }
}

/// The book has a clock from here on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestClockCreated {
    /// Where it stands first: the time at which it was made.
    pub at: Timestamp,
}

/// The clock is to go forward; everything that is due on the way happens at its moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestClockAdvanceRequested {
    /// How far.
    pub to: Timestamp,
    /// Where it stands.
    pub at: Timestamp,
}

/// The clock stands at a moment at which something is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestClockMoved {
    /// The moment.
    pub at: Timestamp,
}

/// The clock has arrived, and nothing is due any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestClockAdvanced {
    /// Where it stands.
    pub at: Timestamp,
}
