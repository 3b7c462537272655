//! Workers' strikes: three in 30 days suspend for seven days, five ban (specification section 5).

use crate::world::World;
use firsthand_domain::decision::View;
use firsthand_domain::ids::{Slot, SubmissionId, WorkerId};
use firsthand_domain::time::Span;
use firsthand_domain::workers::{RecordOutcome, RegisterWorker, Standing, Worker};
use firsthand_domain::{Cents, Rejection, State, StreamId};
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
            approved: earned > 0,
            earned: Cents::new(earned),
            strike,
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
