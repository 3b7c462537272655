//! What a worker earns and is paid, against a model that adds up lists: random earnings, waits,
//! payouts, outcomes and reversals, each said as often as one likes.

use crate::ledger::Ledger;
use crate::world::World;
use firsthand_domain::credits::Account;
use firsthand_domain::decision::{Command, View};
use firsthand_domain::earnings::{Earnings, HOLD, Pay, SetPayoutAccount};
use firsthand_domain::ids::{JobId, PayoutId, Slot, SubmissionId, WorkerId};
use firsthand_domain::payouts::{
    CompletePayout, FailPayout, OpenPayout, Payout, PayoutStatus, ReversePayout,
};
use firsthand_domain::workers::{RecordOutcome, RegisterWorker};
use firsthand_domain::{Book, Cents, Rejection, State, StreamId, Timestamp};
use proptest::prelude::*;

const HOUR: i64 = 3_600_000_000;
const TWO_DAYS: i64 = 48 * HOUR;

/// One step.
#[derive(Debug, Clone)]
enum Step {
    /// An approval of so many hours ago is told, perhaps twice.
    Earn {
        cents: i64,
        hours_ago: i64,
        twice: bool,
    },
    Wait {
        hours: i64,
    },
    Account {
        same: bool,
    },
    Request {
        cents: Option<i64>,
    },
    Paid {
        pick: usize,
    },
    Failed {
        pick: usize,
    },
    Reversed {
        pick: usize,
        cents: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let cents = prop_oneof![3 => Just(None), 1 => (1_i64..2_000).prop_map(Some)];
    prop_oneof![
        8 => (8_i64..900, 0_i64..60, any::<bool>())
            .prop_map(|(cents, hours_ago, twice)| Step::Earn { cents, hours_ago, twice }),
        4 => (0_i64..60).prop_map(|hours| Step::Wait { hours }),
        2 => any::<bool>().prop_map(|same| Step::Account { same }),
        6 => cents.prop_map(|cents| Step::Request { cents }),
        4 => (0_usize..8).prop_map(|pick| Step::Paid { pick }),
        3 => (0_usize..8).prop_map(|pick| Step::Failed { pick }),
        2 => (0_usize..8, 1_i64..900)
            .prop_map(|(pick, cents)| Step::Reversed { pick, cents }),
    ]
}

/// A payout as the specification has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Paying {
    id: PayoutId,
    cents: i64,
    /// Whether it was paid, once that is known.
    outcome: Option<bool>,
    reversed: i64,
}

impl Paying {
    /// What it keeps from being paid out.
    fn takes(&self) -> i64 {
        if self.outcome == Some(false) { 0 } else { self.cents - self.reversed }
    }
}

/// A worker, in the crate and in the model.
struct Player {
    world: World,
    ledger: Ledger,
    worker: WorkerId,
    /// Amount, and from when on it can be paid out.
    earned: Vec<(i64, i64)>,
    payouts: Vec<Paying>,
    account: bool,
}

type Played = Result<(), TestCaseError>;

impl Player {
    fn new() -> Self {
        let mut world = World::new();
        let worker = world.worker();
        let register =
            RegisterWorker { worker_id: worker, region: None, secret_hash: "token".into() };
        world.run(&register).unwrap();
        let ledger = Ledger::default();
        Self { world, ledger, worker, earned: Vec::new(), payouts: Vec::new(), account: false }
    }

    fn now(&self) -> i64 {
        self.world.now.micros()
    }

    fn available(&self) -> i64 {
        let now = self.now();
        let ripe = self.earned.iter().filter(|(_, from)| *from <= now);
        let taken: i64 = self.payouts.iter().map(Paying::takes).sum();
        ripe.map(|(cents, _)| cents).sum::<i64>() - taken
    }

    /// Runs a command that must change something, or not, or be refused (`None`).
    fn must(&mut self, command: &dyn Command, changes: Option<bool>) -> Played {
        let answer = self.world.run(command);
        let found = answer.as_ref().ok().map(|events| !events.is_empty());
        prop_assert_eq!(found, changes, "{:?}", answer);
        let booked = self.ledger.book(&answer.unwrap_or_default());
        prop_assert_eq!(booked, Ok(()));
        Ok(())
    }

    fn earn(&mut self, cents: i64, hours_ago: i64, twice: bool) -> Played {
        let submission_id: SubmissionId = self.world.submission(Slot::of(ulid::Ulid(3)));
        let approved = self.now() - hours_ago * HOUR;
        let pay = Pay {
            job_id: JobId::default(),
            amount: Cents::new(cents),
            approved_at: Timestamp::from_micros(approved),
            hold: HOLD,
        };
        let told =
            RecordOutcome { worker_id: self.worker, submission_id, pay: Some(pay), strike: None };
        let earlier = self.earned.last().map_or(0, |(_, from)| *from);
        self.must(&told, Some(true))?;
        self.earned.push((cents, (approved + TWO_DAYS).max(earlier)));
        if twice { self.must(&told, Some(false)) } else { Ok(()) }
    }

    fn request(&mut self, cents: Option<i64>) -> Played {
        let available = self.available();
        let wanted = cents.unwrap_or(available);
        let under_way = self.payouts.iter().any(|one| one.outcome.is_none());
        let possible = self.account && !under_way && wanted >= 500 && wanted <= available;
        let payout_id = self.world.payout(self.worker.slot());
        let amount = cents.map(Cents::new);
        let open = OpenPayout { worker_id: self.worker, payout_id, amount, batch_id: None };
        self.must(&open, possible.then_some(true))?;
        if possible {
            let paying = Paying { id: payout_id, cents: wanted, outcome: None, reversed: 0 };
            self.payouts.push(paying);
        }
        Ok(())
    }

    /// Says of a payout that it was paid, or that it failed.
    fn settle(&mut self, pick: usize, paid: bool) -> Played {
        let Some(one) = self.payouts.iter_mut().rev().nth(pick) else { return Ok(()) };
        let known = one.outcome;
        one.outcome = known.or(Some(paid));
        let payout_id = one.id;
        let changes = match known {
            None => Some(true),
            Some(known) if known == paid => Some(false),
            Some(_) => None,
        };
        if paid {
            self.must(&CompletePayout { payout_id, transfer: "tr_1".into() }, changes)
        } else {
            self.must(&FailPayout { payout_id, code: "account_closed".into() }, changes)
        }
    }

    fn reverse(&mut self, pick: usize, cents: i64) -> Played {
        let Some(one) = self.payouts.iter_mut().rev().nth(pick) else { return Ok(()) };
        let possible = one.outcome != Some(false) && cents <= one.cents;
        let before = one.clone();
        if possible {
            one.outcome = Some(true);
            one.reversed = one.reversed.max(cents);
        }
        let changes = possible.then_some(*one != before);
        let payout_id = one.id;
        let total = Cents::new(cents);
        self.must(&ReversePayout { payout_id, transfer: "tr_1".into(), total }, changes)
    }

    fn play(&mut self, step: &Step) -> Played {
        match *step {
            Step::Earn { cents, hours_ago, twice } => {
                // What can be paid out already is not remembered: the task's key guards it.
                let twice = twice && hours_ago < 48;
                self.earn(cents, hours_ago, twice)?;
            }
            Step::Wait { hours } => {
                self.world.now = Timestamp::from_micros(self.now() + hours * HOUR);
            }
            Step::Account { same } => {
                let account = if same { "acct_1" } else { "acct_2" }.to_owned();
                let known = self.state().account == Some(account.clone());
                let set = SetPayoutAccount { worker_id: self.worker, account };
                self.must(&set, Some(!known))?;
                self.account = true;
            }
            Step::Request { cents } => self.request(cents)?,
            Step::Paid { pick } => self.settle(pick, true)?,
            Step::Failed { pick } => self.settle(pick, false)?,
            Step::Reversed { pick, cents } => self.reverse(pick, cents)?,
        }
        self.compare()
    }

    fn state(&self) -> Earnings {
        match self.world.state(StreamId::Earnings(self.worker)) {
            Some(State::Earnings(earnings)) => (**earnings).clone(),
            _ => Earnings::default(),
        }
    }

    fn payout(&self, id: PayoutId) -> &Payout {
        match self.world.state(StreamId::Payout(id)) {
            Some(State::Payout(payout)) => payout,
            other => panic!("{id} is {other:?}"),
        }
    }

    /// The crate, the model and the books tell the same story.
    fn compare(&self) -> Played {
        let found = self.state();
        let (now, available) = (self.world.now, self.available());
        let earned: i64 = self.earned.iter().map(|(cents, _)| cents).sum();
        let waiting = |one: &&Paying| one.outcome.is_none();
        let transit: i64 = self.payouts.iter().filter(waiting).map(|one| one.cents).sum();
        let paid = |one: &&Paying| one.outcome == Some(true);
        let paid: i64 = self.payouts.iter().filter(paid).map(Paying::takes).sum();
        prop_assert!(available >= 0, "{} available", available);
        prop_assert_eq!(found.earned.get(), earned);
        prop_assert_eq!(found.available_at(now).get(), available);
        prop_assert_eq!(found.pending_at(now).get(), earned - available - transit - paid);
        prop_assert_eq!((found.in_transit.get(), found.paid.get()), (transit, paid));
        prop_assert!(found.adds_up(), "{:?}", found);
        prop_assert!(found.payout.is_some() == (transit > 0));
        for one in &self.payouts {
            let payout = self.payout(one.id);
            let status = match one.outcome {
                None => PayoutStatus::InTransit,
                Some(false) => PayoutStatus::Failed,
                Some(true) if one.reversed == one.cents => PayoutStatus::Reversed,
                Some(true) => PayoutStatus::Paid,
            };
            prop_assert_eq!(payout.status, status);
            prop_assert_eq!(
                (payout.amount.get(), payout.reversed.get()),
                (one.cents, one.reversed)
            );
        }
        let book = Book::Worker(self.worker);
        let mut balances = vec![
            (Account::WorkerSettlement, -earned),
            (Account::Earnings, earned - transit - paid),
            (Account::PayoutClearing, paid),
        ];
        for one in self.payouts.iter().filter(|one| one.outcome.is_none()) {
            balances.push((Account::PayoutTransit(one.id), one.cents));
        }
        balances.retain(|(_, cents)| *cents != 0);
        balances.sort();
        let booked: Vec<_> = self.ledger.open_accounts(book).collect();
        prop_assert_eq!(booked, balances);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_worker_is_paid_what_was_earned_and_no_more(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let mut player = Player::new();
        for step in &steps {
            player.play(step)?;
        }
        crate::stored::replayed(&player.world).map_err(TestCaseError::fail)?;
    }
}

/// A worker who can be paid so much now.
fn rich(cents: i64) -> Player {
    let mut player = Player::new();
    player.play(&Step::Account { same: true }).unwrap();
    player.earn(cents, 48, false).unwrap();
    player
}

impl Player {
    fn open(&mut self, amount: Option<i64>) -> Result<PayoutId, Rejection> {
        let payout_id = self.world.payout(self.worker.slot());
        let amount = amount.map(Cents::new);
        let open = OpenPayout { worker_id: self.worker, payout_id, amount, batch_id: None };
        self.world.run(&open).map(|_events| payout_id)
    }
}

#[test]
fn an_earning_can_be_paid_out_after_forty_eight_hours_to_the_microsecond() {
    let mut player = Player::new();
    player.play(&Step::Account { same: true }).unwrap();
    player.earn(500, 0, false).unwrap();
    player.world.now = Timestamp::from_micros(player.now() + TWO_DAYS - 1);
    let early = Rejection::PayoutBelowMinimum { minimum: Cents::new(500), available: Cents::ZERO };
    assert_eq!(player.open(None), Err(early));
    player.world.now = Timestamp::from_micros(player.now() + 1);
    assert!(player.open(None).is_ok());
}

#[test]
fn each_refusal_says_what_is_missing() {
    let mut player = Player::new();
    player.earn(700, 48, false).unwrap();
    assert_eq!(player.open(None), Err(Rejection::NoPayoutAccount));
    player.play(&Step::Account { same: true }).unwrap();
    let (minimum, available) = (Cents::new(500), Cents::new(700));
    let below = Err(Rejection::PayoutBelowMinimum { minimum, available });
    assert_eq!(player.open(Some(499)), below);
    let requested = Cents::new(701);
    let more = Err(Rejection::InsufficientEarnings { requested, available });
    assert_eq!(player.open(Some(701)), more);
    let payout_id = player.open(Some(500)).unwrap();
    assert_eq!(player.open(None), Err(Rejection::PayoutInFlight { payout_id }));
    let nobody =
        OpenPayout { worker_id: WorkerId::default(), payout_id, amount: None, batch_id: None };
    assert_eq!(player.world.run(&nobody), Err(Rejection::NotFound { kind: "worker" }));
}

#[test]
fn a_failure_gives_the_money_back_once_and_a_paid_one_can_t_fail() {
    let mut player = rich(900);
    let payout_id = player.open(None).unwrap();
    let fail = FailPayout { payout_id, code: "account_closed".into() };
    let complete = CompletePayout { payout_id, transfer: "tr_1".into() };
    assert_eq!(player.world.run(&fail).unwrap().len(), 2);
    assert_eq!(player.world.run(&fail), Ok(Vec::new()));
    let settled = |status| Err(Rejection::PayoutSettled { status });
    assert_eq!(player.world.run(&complete), settled("failed"));
    assert_eq!(player.state().available_at(player.world.now), Cents::new(900));
    let payout_id = player.open(None).unwrap();
    let complete = CompletePayout { payout_id, transfer: "tr_2".into() };
    player.world.run(&complete).unwrap();
    let fail = FailPayout { payout_id, code: "account_closed".into() };
    assert_eq!(player.world.run(&fail), settled("paid"));
    assert_eq!(player.state().paid, Cents::new(900));
}

#[test]
fn a_reversal_that_overtakes_its_transfer_books_both() {
    let mut player = rich(900);
    let payout_id = player.open(None).unwrap();
    let reverse =
        |cents| ReversePayout { payout_id, transfer: "tr_1".into(), total: Cents::new(cents) };
    assert_eq!(player.world.run(&reverse(200)).unwrap().len(), 4);
    let complete = CompletePayout { payout_id, transfer: "tr_1".into() };
    assert_eq!(player.world.run(&complete), Ok(Vec::new()));
    assert_eq!(player.payout(payout_id).status, PayoutStatus::Paid);
    assert_eq!(player.world.run(&reverse(150)), Ok(Vec::new()), "an older total is no news");
    let (expected, found) = (Cents::new(900), Cents::new(901));
    let beyond = Err(Rejection::AmountMismatch { expected, found });
    assert_eq!(player.world.run(&reverse(901)), beyond);
    player.world.run(&reverse(900)).unwrap();
    assert_eq!(player.payout(payout_id).status, PayoutStatus::Reversed);
    assert_eq!(player.state().available_at(player.world.now), Cents::new(900));
}
