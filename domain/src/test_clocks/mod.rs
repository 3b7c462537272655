//! Test clocks: a sandbox book that has one is decided at its clock's time, which stands still until
//! it is moved forward.

mod advance;
mod create;
mod events;
mod state;

pub use advance::{AdvanceTestClock, FinishAdvance, Forward, MoveTestClock};
pub use create::CreateTestClock;
pub use events::{
    TestClockAdvanceRequested, TestClockAdvanced, TestClockCreated, TestClockEvent, TestClockMoved,
};
pub use state::{LONGEST_ADVANCE, TestClock};
