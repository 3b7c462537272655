//! Advance: take a test clock to where it is going, from one moment at which something is due to the
//! next. At each, everything that is due happens and everything that follows from it at once is
//! awaited, before the clock moves on. Where the clock is going stands in the log, so whoever takes the
//! task over goes on from where it stands.

use super::states;
use crate::runner::{Trouble, WorkerContext};
use crate::schedules::{command, request};
use firsthand_domain::ids::OrganizationId;
use firsthand_domain::test_clocks::{FinishAdvance, MoveTestClock};
use firsthand_domain::time::Span;
use firsthand_domain::{Book, Command, Environment, Rejection, State, StreamId, Timestamp};
use firsthand_eventstore::tasks::{self, DueTimer};
use firsthand_eventstore::{Answer, ExecuteError, Meta, Reply, Request, clocked, read};
use firsthand_projections::webhooks::clocked as deliveries;
use futures_util::future::join_all;
use std::time::Duration;

/// How long the followers may take to catch up before the task is put off.
const PATIENCE: Duration = Duration::from_secs(10);
/// Tasks that end in this process ring a bell; those of another one are looked for so often.
const LOOK: Duration = Duration::from_millis(250);
/// Deliveries that are due later than this by our time were owed before the book had a clock, and are
/// not waited for.
const SOON: Span = Span::seconds(10);
/// Commands that are sent without waiting for each other's answers.
const TOGETHER: usize = 16;

/// A clock on its way.
struct Advance<'a> {
    context: &'a WorkerContext,
    organization_id: OrganizationId,
    book: Book,
}

/// Takes an organization's test clock to where it is going.
pub(super) async fn perform(
    context: &WorkerContext,
    organization_id: OrganizationId,
) -> Result<(), Trouble> {
    let book = Book::Organization(organization_id, Environment::Test);
    let advance = Advance { context, organization_id, book };
    while let Some((now, target)) = advance.standing().await? {
        advance.settle(now).await?;
        match advance.next_due().await? {
            Some(due) if due <= target.micros() => {
                advance.step(now.max(Timestamp::from_micros(due))).await?;
            }
            _nothing_on_the_way => {
                advance.tell(FinishAdvance { organization_id, to: target }).await?;
            }
        }
    }
    Ok(())
}

impl Advance<'_> {
    fn stream(&self) -> StreamId {
        StreamId::TestClock(self.organization_id)
    }

    /// Returns where the clock stands and where it is going; `None` once it is there.
    async fn standing(&self) -> Result<Option<(Timestamp, Timestamp)>, Trouble> {
        let clock = match states(self.context, &[self.stream()]).await?.into_iter().next() {
            Some((_, State::TestClock(clock))) => *clock,
            _ => return Err(Trouble::Dead(format!("{} has no clock", self.book))),
        };
        Ok(clock.now.zip(clock.target))
    }

    fn request(&self, command: impl Command + 'static) -> Request {
        Request {
            command: Box::new(command),
            render: Box::new(|_view, _outcome| Answer::done()),
            meta: Meta {
                actor: "system:test_clock".to_owned(),
                request_id: format!("test_clock:{}", self.organization_id),
                key: None,
            },
        }
    }

    /// Returns the next time at which something is due: a timer, a task or a repetition.
    async fn next_due(&self) -> Result<Option<i64>, Trouble> {
        let store = self.context.ledger.store();
        let (of_log, of_webhooks) = tokio::try_join!(
            clocked::next_due(store, self.book),
            deliveries::next_due(store, self.book)
        )?;
        Ok(of_log.into_iter().chain(of_webhooks).min())
    }

    /// Lets go what is due at a moment and not decided by a command. Returns whether anything is under
    /// way that the clock waits for.
    async fn release(&self, now: Timestamp) -> Result<bool, Trouble> {
        let (store, bell) = (self.context.ledger.store(), &self.context.bell);
        let (due, awake) = (now.micros(), self.context.now());
        if clocked::wake_tasks(store, self.book, due, awake).await? > 0 {
            bell.owed.notify_one();
        }
        if deliveries::release(store, self.book, due, awake).await? > 0 {
            bell.released.notify_one();
        }
        if clocked::busy(store, self.book).await? {
            return Ok(true);
        }
        let soon = Timestamp::from_micros(awake).after(SOON);
        Ok(deliveries::busy(store, self.book, soon.micros()).await?)
    }

    async fn tell(&self, command: impl Command + 'static) -> Result<(), Trouble> {
        decided(self.context.ledger.execute(self.stream(), self.request(command)).await)
    }

    /// Waits until everything has happened that is due at a moment, and all that follows from it at
    /// that moment. Whatever is owed is taken away only when what it leads to stands in the log: so
    /// after two looks at which nothing was owed, with the followers at the end of the log between
    /// them, nothing can follow any more.
    async fn settle(&self, now: Timestamp) -> Result<(), Trouble> {
        let store = self.context.ledger.store();
        let mut quiet = false;
        loop {
            if self.context.stop.is_cancelled() {
                return Err(Trouble::GoOn);
            }
            self.catch_up().await?;
            let due = clocked::due_timers(store, self.book, now.micros()).await?;
            if !due.is_empty() {
                self.fire(&due, now).await?;
                quiet = false;
                continue;
            }
            let mut done = self.context.bell.done.subscribe();
            if self.release(now).await? {
                drop(tokio::time::timeout(LOOK, done.changed()).await);
                quiet = false;
                continue;
            }
            if quiet {
                return Ok(());
            }
            quiet = true;
        }
    }

    /// Waits until tasks, timers and deliveries are those of the whole log.
    async fn catch_up(&self) -> Result<(), Trouble> {
        let store = self.context.ledger.store();
        let part = store.part_of_book(self.book);
        let head = read::head(store, part).await?;
        let (reactors, feed) = tokio::try_join!(
            self.context.reactors.reach(store, part, head, PATIENCE),
            self.context.feed.reach(store, part, head, PATIENCE)
        )?;
        if reactors && feed {
            return Ok(());
        }
        Err(Trouble::Retry("the reactors are behind".to_owned()))
    }

    /// Sets the clock to a moment and sends what is due then right behind it: the writer decides in
    /// this order.
    async fn step(&self, moment: Timestamp) -> Result<(), Trouble> {
        let store = self.context.ledger.store();
        let mut due = clocked::due_timers(store, self.book, moment.micros()).await?;
        due.truncate(TOGETHER);
        let to = MoveTestClock { organization_id: self.organization_id, to: moment };
        let moving = self.context.ledger.execute(self.stream(), self.request(to));
        let firing = join_all(due.iter().map(|timer| self.send(timer)));
        // Polled in this order, hence sent in this order.
        let (moved, fired) = futures_util::join!(moving, firing);
        decided(moved)?;
        // A timer that was decided before the clock stood there fires when everything is settled.
        let too_early = |fired: &Fired| matches!(fired, Fired::TooEarly);
        self.finish(&due, fired, moment, too_early).await
    }

    /// Fires timers that are due where the clock stands.
    async fn fire(&self, due: &[DueTimer], now: Timestamp) -> Result<(), Trouble> {
        for some in due.chunks(TOGETHER) {
            let fired = join_all(some.iter().map(|timer| self.send(timer))).await;
            let failed = fired.iter().find_map(|fired| match fired {
                Fired::Failed(error) => Some(error.to_string()),
                Fired::Done | Fired::TooEarly => None,
            });
            if let Some(error) = failed {
                return Err(Trouble::Retry(error));
            }
            self.finish(some, fired, now, |_never| false).await?;
        }
        Ok(())
    }

    async fn send(&self, timer: &DueTimer) -> Fired {
        let Some((stream, command)) = command(timer) else {
            tracing::error!(stream = timer.stream, kind = timer.kind, "an unknown timer");
            return Fired::Done;
        };
        match self.context.ledger.execute(stream, request(command, timer)).await {
            Ok(Reply::Decided { outcome: Err(Rejection::TooEarly), .. }) => Fired::TooEarly,
            Ok(_decided) => Fired::Done,
            Err(error) => Fired::Failed(error),
        }
    }

    /// Takes timers away that have fired. One that was set anew meanwhile is due later, and stays.
    async fn finish(
        &self,
        due: &[DueTimer],
        fired: Vec<Fired>,
        now: Timestamp,
        keep: impl Fn(&Fired) -> bool,
    ) -> Result<(), Trouble> {
        let store = self.context.ledger.store();
        for (timer, fired) in due.iter().zip(fired) {
            if !matches!(fired, Fired::Failed(_)) && !keep(&fired) {
                tasks::finish_timer(store, timer, now.micros()).await?;
            }
        }
        Ok(())
    }
}

/// What became of a timer's command.
#[derive(Debug)]
enum Fired {
    /// It was decided.
    Done,
    /// It was refused because its time had not come.
    TooEarly,
    /// It was not decided.
    Failed(ExecuteError),
}

/// Says whether the log took a command of the clock.
fn decided(reply: Result<Reply, ExecuteError>) -> Result<(), Trouble> {
    match reply {
        Ok(Reply::Decided { outcome: Ok(()), .. } | Reply::Replayed { .. }) => Ok(()),
        Ok(Reply::Decided { outcome: Err(refused), .. }) => Err(Trouble::Dead(refused.to_string())),
        Err(error) => Err(Trouble::Retry(error.to_string())),
    }
}
