//! Ten thousand random histories, checked after each command.

use crate::actions::{Action, History, history};
use crate::check;
use crate::commands::AnyCommand;
use crate::coverage::Coverage;
use crate::ledger::Ledger;
use crate::model::{Facts, Model, Verdict};
use crate::resolve;
use crate::stored;
use crate::world::World;
use firsthand_domain::credits::CreditEvent;
use firsthand_domain::decision::Changes;
use firsthand_domain::earnings::{HOLD, Pay};
use firsthand_domain::ids::{OrganizationId, WorkerId};
use firsthand_domain::submissions::SubmissionEvent;
use firsthand_domain::workers::{RecordOutcome, RegisterWorker};
use firsthand_domain::{Book, Environment, Event, Rejection, StreamId, Timestamp};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};

const HISTORIES: u32 = 10_000;

/// A history while it is played.
pub(crate) struct Player {
    pub(crate) world: World,
    pub(crate) model: Model,
    ledger: Ledger,
    pub(crate) organizations: Vec<OrganizationId>,
    pub(crate) workers: Vec<WorkerId>,
    pub(crate) last_score: Option<AnyCommand>,
}

impl Player {
    /// Signs organizations up and registers workers.
    fn begin(organizations: usize, coverage: &mut Coverage) -> Result<Self, String> {
        let mut world = World::new();
        let organizations: Vec<_> = (0..organizations).map(|_| world.organization()).collect();
        let mut workers = Vec::new();
        for _ in 0..5 {
            let worker_id = world.worker();
            let registered =
                RegisterWorker { worker_id, region: None, secret_hash: "token".into() };
            world.run(&registered).map_err(|refused| refused.to_string())?;
            workers.push(worker_id);
        }
        let mut player = Self {
            world,
            model: Model::default(),
            ledger: Ledger::default(),
            organizations,
            workers,
            last_score: None,
        };
        for organization in player.organizations.clone() {
            let command = resolve::sign_up(&mut player, organization);
            player.command(&command, coverage)?;
        }
        Ok(player)
    }

    fn play(&mut self, action: &Action, coverage: &mut Coverage) -> Result<(), String> {
        match *action {
            Action::Wait { micros } => self.wait(micros),
            Action::WaitFor { pick, offset } => {
                let soonest = resolve::next_times(self);
                // The nearest ones, so that a history is not over after one step.
                let near = usize::from(pick).checked_rem(soonest.len().min(3)).unwrap_or(0);
                if let Some(time) = soonest.get(near) {
                    self.wait((time.micros() - self.world.now.micros() + offset).max(0));
                }
            }
            Action::Credit { book, cents, paid, ends_in_days } => {
                let (book, granted) = resolve::credit(self, book, cents, (paid, ends_in_days));
                let (origin, ends) = (granted.origin, granted.expires_at);
                let lot = granted.lot_id;
                let fact = Changes::none().append(book.stream(), CreditEvent::Granted(granted));
                let events = self.world.append(fact);
                self.ledger.book(&events)?;
                self.model.books.entry(book).or_default().issue(lot, origin, cents, ends);
            }
            _ => {
                let command = resolve::command(self, action);
                return self.command(&command, coverage);
            }
        }
        check::everything(&self.world, &self.model, &self.ledger)
    }

    fn wait(&mut self, micros: i64) {
        let now = self.world.now.micros() + micros;
        self.world.now = Timestamp::from_micros(now);
    }

    /// Runs a command on the crate and on the model, and compares everything.
    fn command(&mut self, command: &AnyCommand, coverage: &mut Coverage) -> Result<(), String> {
        let answer = self.world.run(command.as_command());
        let events = answer.as_deref().unwrap_or_default();
        match &answer {
            Err(rejection) => coverage.refused(rejection),
            Ok(events) => coverage.changed(&self.world, &self.model, events),
        }
        let covered = self.available(command);
        let verdict = self.model.step(command, self.world.now, &Facts(events))?;
        self.compare(verdict, &answer, covered)?;
        let closed = |(_, event): &(StreamId, Event)| event.name() == "job.cancelled";
        if matches!(command, AnyCommand::Score(_)) && events.iter().any(closed) {
            coverage.late_score();
        }
        self.ledger.book(events)?;
        self.carry(events)?;
        check::everything(&self.world, &self.model, &self.ledger)
    }

    /// What a create could spend, by the model, before it is run.
    fn available(&self, command: &AnyCommand) -> Option<i64> {
        match command {
            AnyCommand::Create(create) => {
                let book = self.model.books.get(&create.book);
                Some(book.map_or(0, |book| book.available_at(self.world.now)))
            }
            _ => None,
        }
    }

    fn compare(
        &self,
        verdict: Verdict,
        answer: &Result<Vec<(StreamId, Event)>, Rejection>,
        covered: Option<i64>,
    ) -> Result<(), String> {
        if let Err(Rejection::InsufficientCredits { available, .. }) = answer
            && Some(available.get()) != covered
        {
            return Err(format!("refused for {available} where {covered:?} cents are available"));
        }
        if let Err(Rejection::OutOfBalance { .. } | Rejection::AmountOverflow) = answer {
            return Err(format!("the books are broken: {answer:?}"));
        }
        let agrees = match (verdict, answer) {
            (Verdict::Refused | Verdict::NoEffect, Err(_)) => true,
            (Verdict::Unchanged | Verdict::NoEffect, Ok(events)) => events.is_empty(),
            (Verdict::Changed, Ok(events)) => !events.is_empty(),
            (Verdict::Refused, Ok(_)) | (Verdict::Unchanged | Verdict::Changed, Err(_)) => false,
        };
        if agrees {
            Ok(())
        } else {
            Err(format!("{}: must be {verdict:?}, is {answer:?}", self.world.now))
        }
    }

    /// Carries each submission's end to its worker, as the service does.
    fn carry(&mut self, events: &[(StreamId, Event)]) -> Result<(), String> {
        for (stream, event) in events {
            let (StreamId::Submission(submission_id), Event::Submission(event)) = (*stream, event)
            else {
                continue;
            };
            let (pay, strike) = match event {
                SubmissionEvent::Approved(approved) => {
                    let amount = approved.worker_cents;
                    let (job_id, approved_at) = (approved.job_id, approved.at);
                    (Some(Pay { job_id, amount, approved_at, hold: HOLD }), None)
                }
                SubmissionEvent::Rejected(rejected) => {
                    (None, rejected.strike.then_some(rejected.code))
                }
                _ => continue,
            };
            let one = self.model.submissions.get(&submission_id);
            let worker_id = one.map(|one| one.worker).unwrap_or_default();
            let outcome = RecordOutcome { worker_id, submission_id, pay, strike };
            let told = self.world.run(&outcome).map_err(|refused| refused.to_string())?;
            self.ledger.book(&told)?;
        }
        Ok(())
    }

    /// Returns a book by the two bits that an action carries.
    pub(crate) fn book(&self, bits: u8) -> Book {
        let environment = if bits & 1 == 1 { Environment::Test } else { Environment::Live };
        let which = usize::from(bits >> 1) % self.organizations.len();
        Book::Organization(self.organizations[which], environment)
    }
}

/// Plays one history; the error says at which step which rule broke.
fn play(history: &History, coverage: &mut Coverage) -> Result<(), String> {
    let mut player = Player::begin(history.organizations, coverage)?;
    for (step, action) in history.actions.iter().enumerate() {
        player.play(action, coverage).map_err(|error| {
            let log = player.world.log().iter().rev().take(12).rev();
            let last: Vec<_> = log.map(|(stream, event)| format!("{stream}: {event:?}")).collect();
            format!("step {step}, {action:?}: {error}\nlast events:\n{}", last.join("\n"))
        })?;
    }
    stored::replayed(&player.world)
}

/// A fresh seed for each run; `FIRSTHAND_PROPERTY_SEED` repeats one.
fn seed() -> u64 {
    std::env::var("FIRSTHAND_PROPERTY_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| RandomState::new().hash_one("a history"))
}

#[test]
fn ten_thousand_random_histories_keep_the_books() {
    let seed = seed();
    let config = Config {
        cases: HISTORIES,
        failure_persistence: None,
        max_shrink_iters: 5_000,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    };
    let coverage = RefCell::new(Coverage::default());
    let outcome = TestRunner::new(config).run(&history(), |history| {
        play(&history, &mut coverage.borrow_mut()).map_err(TestCaseError::fail)
    });
    match outcome {
        Ok(()) => (),
        Err(TestError::Fail(reason, history)) => {
            panic!("FIRSTHAND_PROPERTY_SEED={seed}\n{reason}\nshortest history: {history:#?}")
        }
        Err(aborted) => panic!("FIRSTHAND_PROPERTY_SEED={seed}: {aborted}"),
    }
    let coverage = coverage.into_inner();
    assert_eq!(coverage.missing(), [], "FIRSTHAND_PROPERTY_SEED={seed}: {coverage:#?}");
}
