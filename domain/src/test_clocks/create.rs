//! Give a sandbox book a clock.

use super::events::{TestClockAdvanceRequested, TestClockCreated, TestClockEvent};
use super::state::TestClock;
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{Book, Environment, OrganizationId, StreamId};
use crate::rejection::Rejection;
use crate::state::State;
use crate::time::Timestamp;

/// Makes the clock of an organization's sandbox, which stands still from then on. It begins at the
/// time at which it is made, so that nothing that is due is skipped, and goes forward if a later time
/// was asked for.
#[derive(Debug, Clone)]
pub struct CreateTestClock {
    /// Whose.
    pub organization_id: OrganizationId,
    /// Where it is to stand; at the present if `None`.
    pub frozen_time: Option<Timestamp>,
}

impl Command for CreateTestClock {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(Book::Organization(self.organization_id, Environment::Test))
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
        need(view, StreamId::Organization(self.organization_id), &mut missing);
        need(view, StreamId::TestClock(self.organization_id), &mut missing);
        missing
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        decision::organization(view, self.organization_id)?;
        let stream = StreamId::TestClock(self.organization_id);
        if matches!(view.state(stream), Some(State::TestClock(clock)) if clock.exists()) {
            return Err(Rejection::AlreadyExists { kind: "test clock" });
        }
        let at = context.now;
        let to = self.frozen_time.unwrap_or(at);
        TestClock::check(at, to)?;
        let mut changes =
            Changes::none().append(stream, TestClockEvent::Created(TestClockCreated { at }));
        if to > at {
            let requested = TestClockAdvanceRequested { to, at };
            changes.push(stream, TestClockEvent::AdvanceRequested(requested));
        }
        Ok(changes)
    }
}
