//! Move a test clock forward: ask for it, go from moment to moment, arrive.

use super::events::{TestClockAdvanceRequested, TestClockAdvanced, TestClockEvent, TestClockMoved};
use super::state::TestClock;
use crate::decision::{Changes, Command, Context, View, need};
use crate::ids::{Book, Environment, OrganizationId, StreamId};
use crate::rejection::Rejection;
use crate::state::State;
use crate::time::{Span, Timestamp};

/// How far a clock is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// By a span.
    By(Span),
    /// To an instant.
    To(Timestamp),
}

fn book(id: OrganizationId) -> Book {
    Book::Organization(id, Environment::Test)
}

fn needs(view: &dyn View, id: OrganizationId) -> Vec<StreamId> {
    let mut missing = Vec::new();
    need(view, StreamId::TestClock(id), &mut missing);
    missing
}

/// Returns a clock that exists, and its time.
fn clock(view: &dyn View, id: OrganizationId) -> Result<(&TestClock, Timestamp), Rejection> {
    match view.state(StreamId::TestClock(id)) {
        Some(State::TestClock(clock)) => clock.now.map(|now| (&**clock, now)),
        _ => None,
    }
    .ok_or(Rejection::NotFound { kind: "test clock" })
}

/// Asks for a clock to go forward. Refused while it is on its way; does nothing if it is there.
#[derive(Debug, Clone)]
pub struct AdvanceTestClock {
    /// Whose.
    pub organization_id: OrganizationId,
    /// How far.
    pub forward: Forward,
}

impl Command for AdvanceTestClock {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(book(self.organization_id))
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        needs(view, self.organization_id)
    }

    fn decide(&self, view: &dyn View, _context: &Context) -> Result<Changes, Rejection> {
        let (clock, now) = clock(view, self.organization_id)?;
        if clock.target.is_some() {
            return Err(Rejection::ClockAdvancing);
        }
        let to = match self.forward {
            Forward::By(span) => now.after(span),
            Forward::To(to) => to,
        };
        if to == now {
            return Ok(Changes::none());
        }
        TestClock::check(now, to)?;
        let requested = TestClockAdvanceRequested { to, at: now };
        let stream = StreamId::TestClock(self.organization_id);
        Ok(Changes::none().append(stream, TestClockEvent::AdvanceRequested(requested)))
    }
}

/// Sets a clock on its way to the next moment at which something is due. Does nothing for a moment
/// that is over or beyond where the clock is going, so that it may be sent twice.
#[derive(Debug, Clone)]
pub struct MoveTestClock {
    /// Whose.
    pub organization_id: OrganizationId,
    /// The moment.
    pub to: Timestamp,
}

impl Command for MoveTestClock {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(book(self.organization_id))
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        needs(view, self.organization_id)
    }

    fn decide(&self, view: &dyn View, _context: &Context) -> Result<Changes, Rejection> {
        let (clock, now) = clock(view, self.organization_id)?;
        if self.to <= now || clock.target.is_none_or(|target| self.to > target) {
            return Ok(Changes::none());
        }
        let moved = TestClockEvent::Moved(TestClockMoved { at: self.to });
        Ok(Changes::none().append(StreamId::TestClock(self.organization_id), moved))
    }
}

/// Ends an advance: nothing is due any more up to where the clock was going. Does nothing if the
/// clock is not going there.
#[derive(Debug, Clone)]
pub struct FinishAdvance {
    /// Whose.
    pub organization_id: OrganizationId,
    /// Where it was going.
    pub to: Timestamp,
}

impl Command for FinishAdvance {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(book(self.organization_id))
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        needs(view, self.organization_id)
    }

    fn decide(&self, view: &dyn View, _context: &Context) -> Result<Changes, Rejection> {
        let (clock, _now) = clock(view, self.organization_id)?;
        if clock.target != Some(self.to) {
            return Ok(Changes::none());
        }
        let advanced = TestClockEvent::Advanced(TestClockAdvanced { at: self.to });
        Ok(Changes::none().append(StreamId::TestClock(self.organization_id), advanced))
    }
}
