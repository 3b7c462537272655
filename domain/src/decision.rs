//! How a command is decided: purely, over as many streams of one part as it needs (design D4).

use crate::api_keys::ApiKey;
use crate::appeals::Appeal;
use crate::credits::CreditAccount;
use crate::earnings::Earnings;
use crate::event::Event;
use crate::ids::{
    ApiKeyId, AppealId, Book, JobId, OrganizationId, PayoutId, PurchaseId, StreamId, SubmissionId,
    WorkerId,
};
use crate::jobs::Job;
use crate::organizations::Organization;
use crate::payouts::Payout;
use crate::purchases::Purchase;
use crate::rejection::Rejection;
use crate::state::State;
use crate::submissions::Submission;
use crate::time::Timestamp;
use crate::workers::Worker;

/// What a decision may know besides the streams: the time.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The time of the decision.
    pub now: Timestamp,
}

/// What a command wants to append, in order, to which streams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    events: Vec<(StreamId, Event)>,
}

impl Changes {
    /// Nothing: the command has no effect (any more).
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds an event to the end of a stream.
    #[must_use]
    pub fn append(mut self, stream: StreamId, event: impl Into<Event>) -> Self {
        self.push(stream, event);
        self
    }

    /// Adds an event to the end of a stream.
    pub fn push(&mut self, stream: StreamId, event: impl Into<Event>) {
        self.events.push((stream, event.into()));
    }

    /// Returns the events in order.
    pub fn events(&self) -> &[(StreamId, Event)] {
        &self.events
    }

    /// Returns the events in order.
    pub fn into_events(self) -> Vec<(StreamId, Event)> {
        self.events
    }

    /// Says whether the command changes nothing.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

/// A request to change something. All its streams live in one part.
pub trait Command: Send + Sync {
    /// Returns the book that the command acts in: its events are leaves of that book's log.
    fn book(&self, view: &dyn View) -> Option<Book>;

    /// Names the streams that the decision needs and that are not yet in `view`. Asked again after
    /// they were loaded, until nothing is missing, so that one stream may lead to others. A stream
    /// whose id was just minted need not be named.
    fn needs(&self, view: &dyn View) -> Vec<StreamId>;

    /// Names the streams that a decision at `now` needs: the same at any time, but for commands that
    /// close what has passed its deadline, which would else look up all of it each time.
    fn needs_at(&self, view: &dyn View, _now: Timestamp) -> Vec<StreamId> {
        self.needs(view)
    }

    /// Says whether it is decided at the process's time even in a book with a clock of its own: what
    /// guards access to the service must end when it ends for everybody.
    fn by_real_time(&self) -> bool {
        false
    }

    /// Decides. Checks in one order: exists, authority, state, money.
    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection>;
}

/// The streams that are in memory.
pub trait View {
    /// Returns a stream's state; `None` if it is not loaded, an empty state if it has no events.
    fn state(&self, stream: StreamId) -> Option<&State>;
}

/// Adds a stream to what a command needs, unless it is there.
pub fn need(view: &dyn View, stream: StreamId, missing: &mut Vec<StreamId>) {
    if view.state(stream).is_none() && !missing.contains(&stream) {
        missing.push(stream);
    }
}

macro_rules! readers {
    ($($(#[$meta:meta])* $name:ident($id:ident: $id_type:ty) -> $variant:ident($state:ty), $stream:expr, $kind:literal;)*) => {$(
        $(#[$meta])*
        pub fn $name(view: &dyn View, $id: $id_type) -> Result<&$state, Rejection> {
            match view.state($stream) {
                Some(State::$variant(state)) if state.exists() => Ok(state),
                _ => Err(Rejection::NotFound { kind: $kind }),
            }
        }
    )*};
}

readers! {
    /// Returns an organization that exists.
    organization(id: OrganizationId) -> Organization(Organization), StreamId::Organization(id), "organization";
    /// Returns an API key that exists.
    api_key(id: ApiKeyId) -> ApiKey(ApiKey), StreamId::ApiKey(id), "api key";
    /// Returns a job that exists.
    job(id: JobId) -> Job(Job), StreamId::Job(id), "job";
    /// Returns a submission that exists.
    submission(id: SubmissionId) -> Submission(Submission), StreamId::Submission(id), "submission";
    /// Returns a purchase that was opened.
    purchase(id: PurchaseId) -> Purchase(Purchase), StreamId::Purchase(id), "purchase";
    /// Returns a payout that was opened.
    payout(id: PayoutId) -> Payout(Payout), StreamId::Payout(id), "payout";
    /// Returns an appeal that was made.
    appeal(id: AppealId) -> Appeal(Appeal), StreamId::Appeal(id), "appeal";
    /// Returns a worker that exists.
    worker(id: WorkerId) -> Worker(Worker), StreamId::Worker(id), "worker";
}

/// Returns a book's credit account; an empty one if nothing was ever booked.
pub fn credits(view: &dyn View, book: Book) -> Result<&CreditAccount, Rejection> {
    match view.state(book.stream()) {
        Some(State::Credits(account)) => Ok(account),
        _ => Err(Rejection::NotFound { kind: "credit account" }),
    }
}

/// Returns what a worker has earned; an empty account if nothing was ever booked.
pub fn earnings(view: &dyn View, id: WorkerId) -> Result<&Earnings, Rejection> {
    match view.state(StreamId::Earnings(id)) {
        Some(State::Earnings(earnings)) => Ok(earnings),
        _ => Err(Rejection::NotFound { kind: "earnings" }),
    }
}

/// Returns the time of a book that has a clock of its own; `None` for every other book. The clock's
/// stream must be in memory.
pub fn time_of(view: &dyn View, book: Book) -> Option<Timestamp> {
    match view.state(book.clock()?) {
        Some(State::TestClock(clock)) => clock.now,
        _ => None,
    }
}

/// Returns a job of that book. Another book's job does not exist for this one.
pub fn job_of(view: &dyn View, id: JobId, book: Book) -> Result<&Job, Rejection> {
    let found = job(view, id)?;
    if found.book == book { Ok(found) } else { Err(Rejection::NotFound { kind: "job" }) }
}
