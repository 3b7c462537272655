//! A run: executes operations, one by one and in bursts, and has the model follow the order that the ledger chose.

use crate::operations::{Operation, code};
use crate::plan::{Planner, brink, leap, next_expiry, step};
use crate::report::{Counts, with_ids};
use crate::world::World;
use firsthand_domain::api_keys::{CreateApiKey, Scopes};
use firsthand_domain::ids::{
    ApiKeyId, Environment, LotId, OrganizationId, RequestId, Slot, WorkerId,
};
use firsthand_domain::organizations::SignUp;
use firsthand_domain::{Book, Command};
use firsthand_eventstore::codec::Recorded;
use firsthand_eventstore::tasks::{self, DueTimer};
use firsthand_eventstore::{Answer, Meta, Reply, Request};
use firsthand_model::{Book as Model, Outcome};
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use ulid::Ulid;

/// Organizations; every fourth has a sandbox too, and every fourth spends the free grant alone.
const ORGANIZATIONS: usize = 32;
/// Books that every second session is about.
const HOT: usize = 4;
const WORKERS: usize = 16;
/// How many of a book's last operations a failure shows.
const SHOWN: usize = 40;
/// Timers that are fired at a time.
const TIMERS: i64 = 100;

/// A book on both sides.
pub struct Account {
    /// The product's name of it.
    pub book: Book,
    /// The part that it lives in.
    pub part: i16,
    /// Whether it lives on the free grant alone.
    frugal: bool,
    /// The model of it.
    pub model: Model,
    /// What was tried last.
    pub recent: VecDeque<String>,
}

/// What was tried at one time, on which book, and what the product answered.
struct Tried {
    account: usize,
    operation: Operation,
    request: RequestId,
    outcome: Outcome,
}

/// A run.
pub struct Run {
    /// The product.
    pub world: World,
    /// Every book.
    pub accounts: Vec<Account>,
    /// Operations so far.
    pub done: u64,
    /// What happened, by name.
    pub counts: Counts,
    /// The seed of the dice.
    pub seed: u64,
    random: StdRng,
    workers: Vec<WorkerId>,
    /// How far the log of each part was looked at: the position, and the time of the last event.
    pub seen: BTreeMap<i16, (i64, i64)>,
    /// How far the transactions of each book were compared.
    pub compared: BTreeMap<usize, i64>,
}

/// Asks for a command, as the model's driver.
pub fn request(command: Box<dyn Command>, request_id: RequestId) -> Request {
    let request_id = request_id.to_string();
    let meta = Meta { actor: "system:model".to_owned(), request_id, key: None };
    Request { command, render: Box::new(|_view, _outcome| Answer::done()), meta }
}

impl Run {
    /// Starts everything, and signs the organizations up.
    pub async fn begin(seed: u64) -> Self {
        let world = World::start().await;
        let seen = world.ledger.store().all_parts().map(|part| (part, (0, 0))).collect();
        let mut random = StdRng::seed_from_u64(seed);
        let workers = (0..WORKERS).map(|_| WorkerId::new(Ulid(random.random()))).collect();
        let counts = Counts::default();
        let accounts = Vec::new();
        let compared = BTreeMap::new();
        let mut run =
            Self { world, accounts, done: 0, counts, seed, random, workers, seen, compared };
        for number in 0..ORGANIZATIONS {
            let id = OrganizationId::new(Ulid(run.random.random()));
            run.sign_up(id, number % 4 == 1).await;
            run.accounts.last_mut().expect("a book").frugal = number % 4 == 3;
        }
        run
    }

    async fn sign_up(&mut self, organization_id: OrganizationId, sandbox: bool) {
        let slot = organization_id.slot();
        let key = |environment, random: &mut StdRng| CreateApiKey {
            key_id: ApiKeyId::in_slot(Ulid(random.random()), slot),
            organization_id,
            environment,
            name: "first".to_owned(),
            scopes: Scopes::all(),
            granted_by: Scopes::all(),
            secret_hash: String::new(),
            last4: String::new(),
            expires_at: None,
            sandbox_lot: LotId::in_slot(Ulid(random.random()), slot),
        };
        let live = key(Environment::Live, &mut self.random);
        let test = key(Environment::Test, &mut self.random);
        let signed_up = SignUp { organization_id, name: "A".to_owned(), key: live };
        self.begin_book(
            Book::Organization(organization_id, Environment::Live),
            Box::new(signed_up),
        )
        .await;
        if sandbox {
            let lot = test.sandbox_lot.to_string();
            let book = Book::Organization(organization_id, Environment::Test);
            let at = self.begin_book(book, Box::new(test)).await;
            let account = self.accounts.last_mut().expect("the book");
            account.model.open_sandbox(&lot, at);
            self.compare(&BTreeMap::from([(self.accounts.len() - 1, BTreeSet::new())])).await;
        }
    }

    /// Returns the time of the decision.
    async fn begin_book(&mut self, book: Book, command: Box<dyn Command>) -> i64 {
        let part = self.world.ledger.store().part_of_book(book);
        let id = RequestId::new(Ulid(self.random.random()));
        let reply = self.world.ledger.execute(book.stream(), request(command, id)).await;
        assert!(matches!(reply, Ok(Reply::Decided { outcome: Ok(()), .. })), "{reply:?}");
        let at = self.time_in(part);
        let events = self.world.events(part, self.seen[&part].0).await;
        let last = events.last().expect("an event");
        self.seen.insert(part, (last.position, last.recorded_at));
        let (model, recent) = (Model::default(), VecDeque::new());
        self.compared.insert(self.accounts.len(), 0);
        self.accounts.push(Account { book, part, frugal: false, model, recent });
        at
    }

    /// When a command is decided in a part: the clock, or just after the part's last event.
    fn time_in(&self, part: i16) -> i64 {
        self.world.now().max(self.seen[&part].1 + 1)
    }

    fn planned(&mut self, account: usize) -> Operation {
        let now = self.time_in(self.accounts[account].part);
        let account = &self.accounts[account];
        let slot = Slot::of(match account.book {
            Book::Organization(id, _) => id.ulid(),
            Book::Worker(id) => id.ulid(),
        });
        let (book, workers, frugal) = (&account.model, &self.workers, account.frugal);
        Planner { random: &mut self.random, book, slot, frugal, workers, now }.next()
    }

    fn any_account(&mut self) -> usize {
        let among = if self.random.random() { HOT } else { self.accounts.len() };
        self.random.random_range(0..among)
    }

    /// Some operations, most of them on one book; then time passes, and perhaps timers fire. Now and then a session
    /// begins just when a lot of its book expires.
    pub async fn session(&mut self, most: u64) {
        let focus = self.any_account();
        if self.random.random_ratio(1, 6) {
            let (book, now) = (&self.accounts[focus].model, self.world.now());
            let at = next_expiry(&mut self.random, book, now);
            self.world.move_to(at.unwrap_or(now));
        }
        for _ in 0..self.random.random_range(10..60) {
            if self.done >= most {
                return;
            }
            let burst = self.random.random_ratio(1, 6);
            let count = if burst { self.random.random_range(2..=10) } else { 1 };
            let spread = burst && self.random.random_ratio(1, 4);
            let mut tries = Vec::new();
            for _ in 0..count {
                let other = spread || self.random.random_ratio(1, 20);
                let account = if other { self.any_account() } else { focus };
                tries.push((account, self.planned(account)));
            }
            self.execute(tries).await;
            self.pass(focus);
        }
        let leap = leap(&mut self.random);
        self.world.move_to(self.world.now() + leap);
        if self.random.random_ratio(1, 3) {
            self.fire_timers().await;
        }
    }

    /// Time passes: a little, or just up to when something falls due.
    fn pass(&mut self, focus: usize) {
        let now = self.time_in(self.accounts[focus].part);
        let near = self.random.random_ratio(1, 60);
        let to = brink(&mut self.random, &self.accounts[focus].model, now).filter(|_| near);
        let to = to.unwrap_or_else(|| self.world.now() + step(&mut self.random));
        self.world.move_to(to);
    }

    /// Executes operations at the same time, lets the model follow, and compares.
    async fn execute(&mut self, tries: Vec<(usize, Operation)>) {
        let requests: Vec<_> =
            tries.iter().map(|_| RequestId::new(Ulid(self.random.random()))).collect();
        let (ledger, accounts) = (&self.world.ledger, &self.accounts);
        let replies = join_all(tries.iter().zip(&requests).map(|((account, operation), id)| {
            let book = accounts[*account].book;
            ledger.execute(book.stream(), request(operation.command(book), *id))
        }));
        let replies = replies.await;
        let mut parts = BTreeMap::<i16, Vec<Tried>>::new();
        for (((account, operation), request), reply) in tries.into_iter().zip(requests).zip(replies)
        {
            let outcome = match reply {
                Ok(Reply::Decided { outcome, .. }) => {
                    outcome.map(|()| false).map_err(|rejection| code(&rejection))
                }
                other => panic!("{operation:?}: {other:?}"),
            };
            self.done += 1;
            let part = self.accounts[account].part;
            parts.entry(part).or_default().push(Tried { account, operation, request, outcome });
        }
        let mut touched = BTreeMap::<usize, BTreeSet<String>>::new();
        for (part, tried) in parts {
            self.follow(part, &tried).await;
            for Tried { account, operation, .. } in tried {
                let streams = operation.streams(&self.accounts[account].model);
                touched.entry(account).or_default().extend(streams);
            }
        }
        self.compare(&touched).await;
    }

    /// Has the model do what the ledger did, in the order of the log.
    async fn follow(&mut self, part: i16, tried: &[Tried]) {
        let events = self.world.events(part, self.seen[&part].0).await;
        let mut by_request = BTreeMap::<RequestId, Vec<&Arc<Recorded>>>::new();
        for event in &events {
            by_request.entry(event.request_id.expect("a request")).or_default().push(event);
        }
        let (mut wrote, mut silent): (Vec<&Tried>, Vec<&Tried>) =
            tried.iter().partition(|tried| by_request.contains_key(&tried.request));
        wrote.sort_by_key(|tried| by_request[&tried.request][0].position);
        self.explain(part, &mut silent, wrote.is_empty());
        for one in wrote {
            let now = self.time_in(part);
            let written = &by_request[&one.request];
            let at = written[0].recorded_at;
            let expected = one.operation.apply(&mut self.accounts[one.account].model, now);
            self.note(one, now, &Ok(true));
            self.must(one.account, at == now, || format!("decided at {at}, not at {now}"));
            self.must(one.account, one.outcome.is_ok(), || {
                format!("events, but {:?}", one.outcome)
            });
            self.must(one.account, expected == Ok(true), || {
                format!("the ledger did it, the model says {expected:?}")
            });
            let last = written[written.len() - 1];
            self.seen.insert(part, (last.position, last.recorded_at));
            self.explain(part, &mut silent, false);
        }
        for one in silent {
            let now = self.time_in(part);
            let expected = one.operation.apply(&mut self.accounts[one.account].model.clone(), now);
            self.note(one, now, &one.outcome);
            let said = &one.outcome;
            self.must(one.account, false, || {
                format!("the ledger says {said:?}, the model says {expected:?}")
            });
        }
    }

    /// Drops those that the model answers as the ledger did, at this point of the log.
    fn explain(&mut self, part: i16, silent: &mut Vec<&Tried>, last: bool) {
        let now = self.time_in(part);
        silent.retain(|one| {
            let model = &mut self.accounts[one.account].model;
            // What changes nothing needs no copy; what would is a failure if nothing else can explain it.
            let expected = if last {
                one.operation.apply(model, now)
            } else {
                one.operation.apply(&mut model.clone(), now)
            };
            let explained = expected == one.outcome;
            if explained {
                self.note(one, now, &expected);
            }
            !explained
        });
    }

    fn note(&mut self, one: &Tried, now: i64, outcome: &Outcome) {
        self.counts.count(&one.operation, outcome);
        let recent = &mut self.accounts[one.account].recent;
        let shown = with_ids(&format!("{:?}", one.operation));
        recent.push_back(format!("{now} {shown}: {outcome:?}"));
        if recent.len() > SHOWN {
            recent.pop_front();
        }
    }

    /// Fires what is due as the service would, and looks whether anything was forgotten.
    pub async fn fire_timers(&mut self) {
        for part in self.world.ledger.store().all_parts() {
            loop {
                let position = self.seen[&part].0;
                self.world.catch_up(&self.world.reactors, part, position).await;
                let (store, now) = (self.world.ledger.store(), self.world.now());
                let due = tasks::due_timers(store, part, now, TIMERS).await.expect("timers");
                if due.is_empty() {
                    break;
                }
                let fired = due.iter().map(|timer| self.timer(timer)).collect();
                self.execute(fired).await;
                for timer in &due {
                    let store = self.world.ledger.store();
                    tasks::finish_timer(store, timer, now).await.expect("a timer ends");
                }
            }
        }
        let now = self.world.now();
        for number in 0..self.accounts.len() {
            let forgotten = self.accounts[number].model.due(now);
            self.must(number, forgotten.is_empty(), || format!("no timer ended {forgotten:?}"));
        }
    }

    /// The operation that a timer asks for.
    fn timer(&self, timer: &DueTimer) -> (usize, Operation) {
        let subject = timer.subject.as_str();
        let lot = || subject.parse().expect("a lot");
        let operation = match timer.kind.as_str() {
            "deadline" => Operation::Deadline { job: timer.stream.parse().expect("a job") },
            "submission" => {
                Operation::TimeOut { submission: timer.stream.parse().expect("a submission") }
            }
            "expiry" => Operation::Expire { lot: lot() },
            "notice" => Operation::Announce { lot: lot() },
            other => panic!("a timer of kind {other}"),
        };
        let owns = |account: &Account| {
            account.book.stream().to_string() == timer.stream
                || account.model.jobs.contains_key(&timer.stream)
                || account.model.submissions.contains_key(&timer.stream)
        };
        let number = self.accounts.iter().position(owns);
        (number.unwrap_or_else(|| panic!("nobody's timer: {timer:?}")), operation)
    }
}
