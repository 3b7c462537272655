//! Workers' strikes: three in 30 days suspend for seven days, five ban (specification section 5).

use crate::world::World;
use firsthand_domain::appeals::{Appeal, AppealStatus, DecideAppeal, OpenAppeal, Outcome};
use firsthand_domain::decision::View;
use firsthand_domain::earnings::{HOLD, Pay};
use firsthand_domain::ids::{AppealId, JobId, Slot, SubmissionId, WorkerId};
use firsthand_domain::submissions::RejectionCode;
use firsthand_domain::time::Span;
use firsthand_domain::workers::{RecordOutcome, RegisterWorker, Standing, StrikeStatus, Worker};
use firsthand_domain::{Cents, Event, Rejection, State, StreamId};
use ulid::Ulid;

struct Record {
    world: World,
    worker_id: WorkerId,
}

impl Record {
    fn new() -> Self {
        let mut world = World::new();
        let worker_id = world.worker();
        let register = RegisterWorker { worker_id, region: None, secret_hash: "token".into() };
        world.run(&register).unwrap();
        assert_eq!(world.run(&register), Err(Rejection::AlreadyExists { kind: "worker" }));
        Self { world, worker_id }
    }

    fn end(&mut self, earned: i64, strike: bool) {
        let submission_id: SubmissionId = self.world.submission(Slot::of(Ulid(0)));
        let outcome = RecordOutcome {
            worker_id: self.worker_id,
            submission_id,
            pay: (earned > 0).then(|| Pay {
                job_id: JobId::default(),
                amount: Cents::new(earned),
                approved_at: self.world.now,
                hold: HOLD,
            }),
            strike: strike.then_some(RejectionCode::OffTopic),
        };
        self.world.run(&outcome).unwrap();
    }

    /// Strikes so many times, a day apart.
    fn strike(&mut self, times: u32) {
        for _ in 0..times {
            self.world.now = self.world.now.after(Span::days(1));
            self.end(0, true);
        }
    }

    /// Appeals against a strike, counted from the first.
    fn appeal(&mut self, strike: usize) -> Result<AppealId, Rejection> {
        let submission_id = self.worker().strikes[strike].submission_id;
        self.appeal_of(submission_id)
    }

    fn appeal_of(&mut self, submission_id: SubmissionId) -> Result<AppealId, Rejection> {
        let appeal_id = AppealId::new(submission_id.ulid());
        let reason = "it shows what was asked for".to_owned();
        let worker_id = self.worker_id;
        let appeal = OpenAppeal { appeal_id, worker_id, submission_id, reason };
        self.world.run(&appeal).map(|_events| appeal_id)
    }

    fn decide(&mut self, appeal_id: AppealId, outcome: Outcome) -> Result<usize, Rejection> {
        let events = self.world.run(&DecideAppeal { appeal_id, outcome, note: None })?;
        let restored = |(_, event): &&(StreamId, Event)| event.name() == "worker.reinstated";
        Ok(events.iter().filter(restored).count())
    }

    /// Has a strike lifted. Returns whether the standing changed.
    fn lift(&mut self, strike: usize) -> bool {
        let appeal_id = self.appeal(strike).unwrap();
        self.decide(appeal_id, Outcome::Lifted).unwrap() == 1
    }

    fn state_of(&self, appeal_id: AppealId) -> &Appeal {
        match self.world.state(StreamId::Appeal(appeal_id)) {
            Some(State::Appeal(appeal)) => appeal,
            other => panic!("{appeal_id} is {other:?}"),
        }
    }

    fn worker(&self) -> &Worker {
        match self.world.state(StreamId::Worker(self.worker_id)) {
            Some(State::Worker(worker)) => worker,
            other => panic!("{} is {other:?}", self.worker_id),
        }
    }
}

#[test]
fn two_strikes_leave_a_worker_in_good_standing() {
    let mut record = Record::new();
    record.strike(2);
    assert_eq!(record.worker().standing, Standing::Good);
}

#[test]
fn three_strikes_suspend_for_seven_days() {
    let mut record = Record::new();
    record.strike(3);
    let until = record.world.now.after(Span::days(7));
    assert_eq!(record.worker().standing, Standing::Suspended { until });
}

#[test]
fn strikes_of_more_than_thirty_days_ago_do_not_count() {
    let mut record = Record::new();
    record.strike(2);
    record.world.now = record.world.now.after(Span::days(30));
    record.strike(2);
    assert_eq!(record.worker().standing, Standing::Good);
    record.strike(1);
    assert!(matches!(record.worker().standing, Standing::Suspended { .. }));
}

#[test]
fn a_strike_of_twenty_nine_days_ago_counts() {
    let mut record = Record::new();
    record.strike(1);
    record.world.now = record.world.now.after(Span::days(27));
    record.strike(2);
    assert!(matches!(record.worker().standing, Standing::Suspended { .. }));
}

#[test]
fn five_strikes_ban_for_good() {
    let mut record = Record::new();
    record.strike(4);
    assert!(matches!(record.worker().standing, Standing::Suspended { .. }));
    record.strike(1);
    assert_eq!(record.worker().standing, Standing::Banned);
    record.world.now = record.world.now.after(Span::days(400));
    record.strike(3);
    assert_eq!(record.worker().standing, Standing::Banned, "later strikes don't soften a ban");
}

#[test]
fn approvals_and_technical_rejections_are_no_strikes() {
    let mut record = Record::new();
    for _ in 0..10 {
        record.end(0, false);
        record.end(60, false);
    }
    let worker = record.worker();
    assert_eq!((worker.approved, worker.rejected, worker.earned), (10, 10, Cents::new(600)));
    assert_eq!((worker.standing, worker.strikes.len()), (Standing::Good, 0));
}

#[test]
fn a_suspension_falls_with_the_strike_that_it_rests_on() {
    let mut record = Record::new();
    record.strike(3);
    assert!(record.lift(1));
    assert_eq!(record.worker().standing, Standing::Good);
    record.strike(1);
    let until = record.world.now.after(Span::days(7));
    assert_eq!(record.worker().standing, Standing::Suspended { until }, "two and one are three");
}

#[test]
fn a_ban_without_its_fifth_strike_is_the_suspension_of_the_other_four() {
    let mut record = Record::new();
    record.strike(4);
    let Standing::Suspended { until } = record.worker().standing else { unreachable!() };
    record.strike(1);
    assert!(record.lift(4));
    assert_eq!(record.worker().standing, Standing::Suspended { until });
}

#[test]
fn a_strike_that_nothing_rests_on_is_lifted_alone() {
    let mut record = Record::new();
    record.strike(2);
    assert!(!record.lift(0));
    record.world.now = record.world.now.after(Span::days(40));
    record.strike(3);
    let before = record.worker().standing;
    assert!(!record.lift(1), "it is too old to count");
    assert_eq!(record.worker().standing, before);
    let counting = record.worker().counting().count();
    assert_eq!(counting, 3);
}

#[test]
fn an_appeal_is_made_and_decided_once() {
    let mut record = Record::new();
    record.strike(3);
    let appeal_id = record.appeal(2).unwrap();
    assert_eq!(record.appeal(2), Err(Rejection::AlreadyAppealed));
    assert!(matches!(record.worker().standing, Standing::Suspended { .. }), "it counts till then");
    assert_eq!(record.worker().strikes[2].status, StrikeStatus::Appealed);
    assert_eq!(record.decide(appeal_id, Outcome::Upheld), Ok(0));
    assert_eq!(record.state_of(appeal_id).status, AppealStatus::Upheld);
    assert_eq!(record.worker().strikes[2].status, StrikeStatus::Upheld);
    assert!(matches!(record.worker().standing, Standing::Suspended { .. }));
    for outcome in [Outcome::Lifted, Outcome::Upheld] {
        assert_eq!(record.decide(appeal_id, outcome), Err(Rejection::AlreadyDecided));
    }
    assert_eq!(record.appeal(2), Err(Rejection::AlreadyAppealed));
}

#[test]
fn nobody_appeals_against_what_is_no_strike_of_theirs() {
    let mut record = Record::new();
    record.strike(1);
    let other = record.world.submission(Slot::of(Ulid(0)));
    assert_eq!(record.appeal_of(other), Err(Rejection::NotFound { kind: "strike" }));
    let none = AppealId::new(Ulid(1));
    assert_eq!(record.decide(none, Outcome::Lifted), Err(Rejection::NotFound { kind: "appeal" }));
}
