//! A test clock's state.

use super::events::TestClockEvent;
use crate::rejection::Rejection;
use crate::state::Aggregate;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// A clock goes forward by no more than this at a time: two years.
pub const LONGEST_ADVANCE: Span = Span::days(731);

/// No clock goes beyond this, the first instant of the year 2200: what follows from its time, by months or
/// years, must stay a time that can be written.
pub(super) const LAST_INSTANT: Timestamp = Timestamp::from_micros(7_258_118_400_000_000);

/// The clock of a sandbox book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TestClock {
    /// The book's time; `None` if it has no clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Timestamp>,
    /// Where it is going.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Timestamp>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}

impl TestClock {
    /// Says whether the book has a clock.
    pub fn exists(&self) -> bool {
        self.now.is_some()
    }

    /// Refuses a time that a clock standing at `now` can't be sent to.
    pub(super) fn check(now: Timestamp, to: Timestamp) -> Result<(), Rejection> {
        if to < now {
            return Err(Rejection::ClockBackwards { now });
        }
        if to > now.after(LONGEST_ADVANCE) || to > LAST_INSTANT {
            return Err(Rejection::ClockTooFar);
        }
        Ok(())
    }
}

impl Aggregate for TestClock {
    type Event = TestClockEvent;

    fn evolve(&mut self, event: &TestClockEvent) {
        match event {
            TestClockEvent::Created(created) => {
                self.now = Some(created.at);
                self.created_at = Some(created.at);
            }
            TestClockEvent::AdvanceRequested(requested) => self.target = Some(requested.to),
            TestClockEvent::Moved(moved) => self.now = Some(moved.at),
            TestClockEvent::Advanced(advanced) => {
                self.now = Some(advanced.at);
                self.target = None;
            }
        }
    }
}
