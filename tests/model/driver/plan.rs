//! What is tried next: mostly what makes sense in the book as the model has it, now and then what does not.

use crate::operations::Operation;
use firsthand_domain::ids::{JobId, LotId, PurchaseId, Slot, SubmissionId, WorkerId};
use firsthand_model::{Book as Model, Job, JobStatus, PACKS, Paid, Posting, Score, Stage};
use rand::RngExt;
use rand::rngs::StdRng;
use ulid::Ulid;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// More jobs at a time are not begun.
const ACTIVE_JOBS: usize = 12;
/// One choice in so many takes anything, whether or not it makes sense.
const ODD: u32 = 12;

/// Chooses operations for one book.
pub struct Planner<'a> {
    /// The dice.
    pub random: &'a mut StdRng,
    /// The book.
    pub book: &'a Model,
    /// Where its ids live.
    pub slot: Slot,
    /// Whether it lives on the free grant alone.
    pub frugal: bool,
    /// Who works.
    pub workers: &'a [WorkerId],
    /// The time.
    pub now: i64,
}

fn parse<T: std::str::FromStr>(id: &str) -> T {
    id.parse().unwrap_or_else(|_| panic!("{id} is no id of that kind"))
}

impl Planner<'_> {
    fn ulid(&mut self) -> Ulid {
        Ulid(self.random.random())
    }

    fn lot(&mut self) -> LotId {
        LotId::in_slot(self.ulid(), self.slot)
    }

    fn odd(&mut self) -> bool {
        self.random.random_ratio(1, ODD)
    }

    /// One of the ids that pass, or now and then of all.
    fn one_of<T>(
        &mut self,
        things: &std::collections::BTreeMap<String, T>,
        fits: impl Fn(&T) -> bool,
    ) -> Option<String> {
        let any = self.odd();
        let ids: Vec<_> =
            things.iter().filter(|(_, thing)| any || fits(thing)).map(|(id, _)| id).collect();
        (!ids.is_empty()).then(|| ids[self.random.random_range(0..ids.len())].clone())
    }

    /// The next operation.
    pub fn next(&mut self) -> Operation {
        loop {
            let chosen = match self.random.random_range(0..100) {
                0 => (!self.book.sandbox).then(|| Operation::Verify { lot: self.lot() }),
                1..=10 if self.frugal => {
                    (!self.book.verified).then(|| Operation::Verify { lot: self.lot() })
                }
                1..=3 => Some(self.give()),
                4..=6 => Some(self.open()),
                7..=10 => self.pay(),
                11 => self.fail(),
                12..=14 => self.reverse(),
                15..=26 => self.create(),
                27..=29 => self.job().map(|job| Operation::Cancel { job }),
                30 => self.rate(),
                31 => self.job().map(|job| Operation::Deadline { job }),
                32..=48 => self.accept(),
                49..=71 => self.upload(),
                72 => self.withdraw(),
                73 => self.time_out(),
                74 => self.expire(),
                _ => self.score(),
            };
            if let Some(operation) = chosen {
                return operation;
            }
        }
    }

    fn give(&mut self) -> Operation {
        let amount = match self.random.random_range(0..20) {
            0 => 0,
            1 => -100,
            2..=9 => self.random.random_range(1..200),
            _ => self.random.random_range(200..20_000),
        };
        Operation::Give { lot: self.lot(), amount }
    }

    fn open(&mut self) -> Operation {
        let (pack, _) = PACKS[self.random.random_range(0..PACKS.len())];
        Operation::Open { purchase: PurchaseId::in_slot(self.ulid(), self.slot), pack }
    }

    fn pay(&mut self) -> Option<Operation> {
        let id = self.one_of(&self.book.purchases, |purchase| purchase.paid != Paid::Yes)?;
        let wrong = i64::from(self.odd());
        let amount = self.book.purchases[&id].amount + wrong;
        let lots = [self.lot(), self.lot()];
        Some(Operation::Pay { purchase: parse(&id), amount, lots })
    }

    fn fail(&mut self) -> Option<Operation> {
        let id = self.one_of(&self.book.purchases, |purchase| purchase.paid == Paid::Not)?;
        Some(Operation::Fail { purchase: parse(&id) })
    }

    fn reverse(&mut self) -> Option<Operation> {
        let id = self.one_of(&self.book.purchases, |purchase| purchase.paid == Paid::Yes)?;
        let amount = self.book.purchases[&id].amount;
        let total = match self.random.random_range(0..10) {
            0 | 1 => 0,
            2 | 3 => amount,
            4 => amount + 1,
            _ => self.random.random_range(1..=amount),
        };
        let name = ["re_1", "re_2", "du_1"][self.random.random_range(0..3)];
        let lots = [self.lot(), self.lot()];
        Some(Operation::Reverse { purchase: parse(&id), name, total, lots })
    }

    fn create(&mut self) -> Option<Operation> {
        if self.book.jobs.values().filter(|job| job.active()).count() >= ACTIVE_JOBS {
            return None;
        }
        let files = match self.random.random_range(0..10) {
            0..=3 => self.random.random_range(1..=2),
            4..=8 => self.random.random_range(3..=9),
            _ => self.random.random_range(10..=40),
        };
        let price = match self.random.random_range(0..10) {
            0..=4 => self.random.random_range(10..=60),
            5..=8 => self.random.random_range(60..=1_000),
            _ => self.random.random_range(1_000..=50_000),
        };
        // Sometimes all that there is, or a cent more.
        let spendable = self.book.spendable(self.now);
        let price = if self.odd() { price } else { price.min((spendable / files).max(10)) };
        let (files, price) = match self.random.random_range(0..12) {
            0 if (10..=50_000).contains(&spendable) => (1, spendable),
            1 if (10..50_000).contains(&spendable) => (1, spendable + 1),
            _ => (files, price),
        };
        let wait = match self.random.random_range(0..6) {
            0 => Some(self.random.random_range(1..2 * HOUR)),
            1 => Some(self.random.random_range(HOUR..5 * DAY)),
            2 => Some(self.random.random_range(DAY..300 * DAY)),
            _ => None,
        };
        let posting = Posting {
            files,
            price,
            batch: self.random.random_range(1..=5),
            threshold: self.random.random_range(1..=5),
            deadline: wait.map(|wait| self.now + wait),
            max_workers: self.random.random_ratio(1, 4).then(|| self.random.random_range(1..=3)),
        };
        Some(Operation::Create { job: JobId::in_slot(self.ulid(), self.slot), posting })
    }

    fn job(&mut self) -> Option<JobId> {
        self.one_of(&self.book.jobs, |job| job.active()).map(|id| parse(&id))
    }

    fn rate(&mut self) -> Option<Operation> {
        let done = |job: &Job| job.rating.is_none() && matches!(job.status, JobStatus::Completed);
        let job = parse(&self.one_of(&self.book.jobs, done)?);
        Some(Operation::Rate { job, stars: self.random.random_range(1..=5) })
    }

    fn accept(&mut self) -> Option<Operation> {
        let job = parse(&self.one_of(&self.book.jobs, |job| job.active() && job.open_files() > 0)?);
        let submission = SubmissionId::in_slot(self.ulid(), self.slot);
        let worker = self.workers[self.random.random_range(0..self.workers.len())];
        Some(Operation::Accept { job, submission, worker })
    }

    /// One of the submissions at a stage, whose it is, and the files that it reserves.
    fn submission(&mut self, stage: Stage) -> Option<(SubmissionId, WorkerId, i64)> {
        let now = self.now;
        let id = self.one_of(&self.book.submissions, |submission| {
            submission.stage == stage && !submission.late(now)
        })?;
        let found = &self.book.submissions[&id];
        let worker =
            if self.random.random_ratio(1, 40) { self.workers[0] } else { parse(&found.worker) };
        Some((parse(&id), worker, found.files))
    }

    fn upload(&mut self) -> Option<Operation> {
        let retry = self.random.random_ratio(1, 3);
        let stage = if retry { Stage::Retry } else { Stage::Accepted };
        let (submission, worker, reserved) = self.submission(stage)?;
        let files = match self.random.random_range(0..12) {
            0 => 0,
            1 => reserved + 1,
            2 | 3 => self.random.random_range(1..=reserved),
            _ => reserved,
        };
        Some(Operation::Upload { submission, worker, retry, files })
    }

    fn withdraw(&mut self) -> Option<Operation> {
        let (submission, worker, _) = self.submission(Stage::Accepted)?;
        Some(Operation::Withdraw { submission, worker })
    }

    fn time_out(&mut self) -> Option<Operation> {
        let stage = if self.random.random() { Stage::Accepted } else { Stage::Retry };
        let (submission, _, _) = self.submission(stage)?;
        Some(Operation::TimeOut { submission })
    }

    fn expire(&mut self) -> Option<Operation> {
        let lot = parse(&self.one_of(&self.book.lots, |lot| lot.remaining > 0)?);
        Some(Operation::Expire { lot })
    }

    fn score(&mut self) -> Option<Operation> {
        let (submission, _, _) = self.submission(Stage::Pending)?;
        let found = &self.book.submissions[&submission.to_string()];
        let (stages, threshold) = (found.attempts, self.book.jobs[&found.job].threshold);
        let attempt = if self.odd() { self.random.random_range(0..=3) } else { stages };
        let score = match self.random.random_range(0..10) {
            0 => Score::Technical,
            1..=4 => Score::Stars(self.random.random_range(1..=5)),
            _ => Score::Stars(self.random.random_range(threshold..=5)),
        };
        Some(Operation::Score { submission, attempt, score })
    }
}

/// The next moment at which something of a book falls due, or one microsecond beside it.
pub fn brink(random: &mut StdRng, book: &Model, now: i64) -> Option<i64> {
    let jobs = book.jobs.values().filter(|job| job.active());
    let submissions = book.submissions.values().filter(|submission| submission.active());
    let ends = jobs.filter_map(|job| job.deadline);
    let ends = ends.chain(submissions.map(|submission| submission.due));
    beside(random, ends, now)
}

/// The same of a book's lots: months may pass until then.
pub fn next_expiry(random: &mut StdRng, book: &Model, now: i64) -> Option<i64> {
    let lots = book.lots.values().filter(|lot| lot.remaining > 0);
    beside(random, lots.filter_map(|lot| lot.expires_at), now)
}

fn beside(random: &mut StdRng, ends: impl Iterator<Item = i64>, now: i64) -> Option<i64> {
    let next = ends.filter(|end| *end > now + 1).min()?;
    Some(next + random.random_range(-1..=1))
}

/// How far the clock moves between two operations on a book.
pub fn step(random: &mut StdRng) -> i64 {
    match random.random_range(0..100) {
        0..=59 => 0,
        60..=84 => random.random_range(1..1_000),
        85..=95 => random.random_range(1_000..MINUTE),
        96..=98 => random.random_range(MINUTE..40 * MINUTE),
        _ => random.random_range(HOUR..30 * HOUR),
    }
}

/// How far the clock moves before another book has its turn.
pub fn leap(random: &mut StdRng) -> i64 {
    match random.random_range(0..100) {
        0..=39 => random.random_range(0..8 * HOUR),
        40..=79 => random.random_range(8 * HOUR..7 * DAY),
        80..=94 => random.random_range(7 * DAY..42 * DAY),
        _ => random.random_range(42 * DAY..120 * DAY),
    }
}
