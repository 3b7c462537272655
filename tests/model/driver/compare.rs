//! Both sides, row by row: balances, lots, holds, jobs, submissions, transactions and accounts.

use crate::run::Run;
use firsthand_domain::jobs::{CancelReason, Job, JobStatus as Status};
use firsthand_domain::submissions::{Submission, SubmissionStatus};
use firsthand_domain::{State, StreamId, Timestamp};
use firsthand_eventstore::codec::decode_state;
use firsthand_eventstore::verify::{self, Report};
use firsthand_model::{Book as Model, JobStatus, Movement, Stage};
use futures_util::future::{join3, join4};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Row;

const LOTS: &str = "select lot_id, origin, issued_cents, remaining_cents, held_cents, spent_cents,
    expired_cents, charged_back_cents, expires_at
    from credit_lots
    where part = $1 and book = $2 and ($3 or remaining_cents <> 0 or held_cents <> 0)
    order by lot_id";
const TRANSACTIONS: &str = "select type, amount_cents, available_delta_cents, held_delta_cents,
    balance_after_cents, held_after_cents, lot_id, job_id, submission_id, position
    from credit_transactions
    where part = $1 and book = $2 and position > $3 order by position";
const STREAMS: &str = "select stream, state from streams where part = $1 and stream = any($2)";
const ALL_STREAMS: &str = "select stream, state from streams
    where part = $1 and book = $2 and kind in ('job', 'submission')";
const ACCOUNTS: &str = "select account, sum(amount_cents)::bigint from journal
    where part = $1 and book = $2 and position > $3 group by account having sum(amount_cents) <> 0";

/// What is asked again and again.
pub const QUERIES: [&str; 5] = [LOTS, TRANSACTIONS, STREAMS, ALL_STREAMS, ACCOUNTS];

/// A lot in one line.
fn lot_line(row: &Row) -> String {
    let cents = |column| row.get::<_, i64>(column);
    format!(
        "{} {} issued {} remaining {} held {} spent {} expired {} taken back {} until {:?}",
        row.get::<_, &str>(0),
        row.get::<_, &str>(1),
        cents(2),
        cents(3),
        cents(4),
        cents(5),
        cents(6),
        cents(7),
        row.get::<_, Option<i64>>(8)
    )
}

/// The model's lots in the same lines.
fn lot_lines(book: &Model, all: bool) -> Vec<String> {
    let lots = book.lots.iter().filter(|(_, lot)| all || lot.remaining != 0 || lot.held != 0);
    lots.map(|(id, lot)| {
        format!(
            "{id} {} issued {} remaining {} held {} spent {} expired {} taken back {} until {:?}",
            lot.origin.name(),
            lot.issued,
            lot.remaining,
            lot.held,
            lot.spent,
            lot.expired,
            lot.taken_back,
            lot.expires_at
        )
    })
    .collect()
}

/// A transaction in one line.
fn transaction_line(row: &Row) -> String {
    let cents = |column| row.get::<_, i64>(column);
    let id = |column| row.get::<_, Option<String>>(column);
    format!(
        "{} {}: available {} to {}, held {} to {}, {:?} {:?} {:?}",
        row.get::<_, &str>(0),
        cents(1),
        cents(2),
        cents(4),
        cents(3),
        cents(5),
        id(6),
        id(7),
        id(8)
    )
}

/// The model's movements in the same lines.
fn movement_lines(movements: &[Movement]) -> Vec<String> {
    let lines = movements.iter().map(|movement| {
        format!(
            "{} {}: available {} to {}, held {} to {}, {:?} {:?} {:?}",
            movement.kind,
            movement.amount(),
            movement.available,
            movement.balance,
            movement.held,
            movement.held_balance,
            movement.lot,
            movement.job,
            movement.submission
        )
    });
    lines.collect()
}

/// A job in one line: status, counts, rating, and what it holds of which lots.
fn job_line(job: &Job) -> String {
    let status = match (job.status, job.cancel_reason) {
        (Status::Open, _) => JobStatus::Open,
        (Status::Filled, _) => JobStatus::Filled,
        (Status::InProgress, _) => JobStatus::InProgress,
        (Status::Completed, _) => JobStatus::Completed,
        (Status::Cancelled, Some(CancelReason::Deadline)) => JobStatus::Lapsed,
        (Status::Cancelled, _) => JobStatus::Cancelled,
    };
    let held = job.escrow.held.iter();
    let held: Vec<_> =
        held.map(|draw| (draw.lot_id.to_string(), draw.amount_cents.get())).collect();
    format!(
        "{status:?}, {} approved, {} reserved, rated {:?}, holds {held:?}",
        job.files_approved, job.files_reserved, job.buyer_rating
    )
}

fn modelled_job(book: &Model, id: &str) -> Option<String> {
    let job = book.jobs.get(id)?;
    let draws = book.holds.get(id).into_iter().flatten();
    let held: Vec<_> = draws.map(|draw| (draw.lot.clone(), draw.amount)).collect();
    Some(format!(
        "{:?}, {} approved, {} reserved, rated {:?}, holds {held:?}",
        job.status, job.approved, job.reserved, job.rating
    ))
}

/// A submission in one line.
fn submission_line(submission: &Submission) -> String {
    let stage = match submission.status {
        SubmissionStatus::Accepted => Stage::Accepted,
        SubmissionStatus::PendingScore => Stage::Pending,
        SubmissionStatus::RetryPending => Stage::Retry,
        SubmissionStatus::Approved => Stage::Approved,
        SubmissionStatus::Rejected => Stage::Rejected,
        SubmissionStatus::Withdrawn => Stage::Withdrawn,
        SubmissionStatus::TimedOut => Stage::TimedOut,
    };
    let waits = matches!(stage, Stage::Accepted | Stage::Retry);
    let due = submission.expires_at.filter(|_| waits).map(Timestamp::micros);
    format!(
        "{stage:?}, {} files, {} attempts, due {due:?}",
        submission.files_reserved, submission.attempt
    )
}

fn modelled_submission(book: &Model, id: &str) -> Option<String> {
    let submission = book.submissions.get(id)?;
    let waits = matches!(submission.stage, Stage::Accepted | Stage::Retry);
    Some(format!(
        "{:?}, {} files, {} attempts, due {:?}",
        submission.stage,
        submission.files,
        submission.attempts,
        waits.then_some(submission.due)
    ))
}

/// What a stream amounts to, on both sides.
fn stream_lines(book: &Model, row: &Row) -> (String, Option<String>) {
    let name: &str = row.get(0);
    let stream: StreamId = name.parse().expect("a stream");
    match decode_state(stream, row.get(1)).expect("a state") {
        State::Job(job) => (job_line(&job), modelled_job(book, name)),
        State::Submission(submission) => {
            (submission_line(&submission), modelled_submission(book, name))
        }
        _ => panic!("{name} is no job and no submission"),
    }
}

impl Run {
    async fn rows(&self, sql: &str, of: &[&(dyn tokio_postgres::types::ToSql + Sync)]) -> Vec<Row> {
        self.world
            .client
            .query(&self.world.prepared[sql], of)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// Compares what operations touched: books, and jobs and submissions in them.
    pub async fn compare(&mut self, touched: &BTreeMap<usize, BTreeSet<String>>) {
        for (number, streams) in touched {
            let part = self.accounts[*number].part;
            self.world.reach(part, self.seen[&part].0).await;
            let streams: Vec<&str> = streams.iter().map(String::as_str).collect();
            let (book, from) = (self.accounts[*number].book.to_string(), self.compared[number]);
            let (lots, transactions, states, accounts) = join4(
                self.rows(LOTS, &[&part, &book, &false]),
                self.rows(TRANSACTIONS, &[&part, &book, &from]),
                self.rows(STREAMS, &[&part, &streams]),
                self.rows(ACCOUNTS, &[&part, &book, &from]),
            )
            .await;
            self.compare_account(*number).await;
            self.compare_lots(*number, &lots, false);
            let shown: Vec<_> = transactions.iter().map(transaction_line).collect();
            let movements = std::mem::take(&mut self.accounts[*number].model.movements);
            movements.iter().for_each(|movement| self.counts.transaction(movement.kind));
            let expected = movement_lines(&movements);
            self.same(*number, "transactions", &shown, &expected);
            let posted = std::mem::take(&mut self.accounts[*number].model.posted);
            self.compare_accounts(*number, &accounts, posted);
            self.compared.insert(*number, self.seen[&part].0);
            self.compare_streams(*number, &states);
        }
    }

    fn same(&self, number: usize, what: &str, product: &[String], model: &[String]) {
        self.must(number, product == model, || {
            let only = |these: &[String], those: &[String]| {
                let lines = these.iter().filter(|line| !those.contains(line));
                lines.map(|line| format!("  {line}\n")).collect::<String>()
            };
            format!(
                "{what} differ; the product alone has:\n{}the model alone has:\n{}",
                only(product, model),
                only(model, product)
            )
        });
    }

    /// The balances, as the account's state has them, and the lots in it in the order of their issue.
    async fn compare_account(&self, number: usize) {
        let account = &self.accounts[number];
        let state = self.world.ledger.current(account.book.stream()).await.expect("a state");
        let State::Credits(credits) = &*state else { panic!("{state:?}") };
        let model = &account.model;
        let now = self.world.now();
        let spendable = credits.available_at(Timestamp::from_micros(now));
        let shown =
            [credits.available, credits.held, credits.debt, spendable].map(|cents| cents.get());
        let expected = [model.available(), model.held(), model.debt, model.spendable(now)];
        self.must(number, shown == expected, || {
            format!("available, held, debt, spendable: {shown:?}, the model says {expected:?}")
        });
        let mut live: Vec<_> = model.lots.iter().collect();
        live.retain(|(_, lot)| lot.remaining != 0 || lot.held != 0);
        live.sort_by_key(|(_, lot)| lot.age);
        let live: Vec<String> = live.into_iter().map(|(id, _)| id.clone()).collect();
        let lots: Vec<String> = credits.lots.iter().map(|lot| lot.lot_id.to_string()).collect();
        self.same(number, "the account's lots", &lots, &live);
        let broken = model.broken();
        self.must(number, broken.is_none(), || format!("the model contradicts itself: {broken:?}"));
    }

    fn compare_lots(&self, number: usize, rows: &[Row], all: bool) {
        let shown: Vec<_> = rows.iter().map(lot_line).collect();
        self.same(number, "lots", &shown, &lot_lines(&self.accounts[number].model, all));
    }

    /// The sums of postings to each account; what adds up to nothing is left out on both sides.
    fn compare_accounts(&self, number: usize, rows: &[Row], mut model: BTreeMap<String, i64>) {
        model.retain(|_, amount| *amount != 0);
        let shown: BTreeMap<String, i64> =
            rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let lines = |sums: &BTreeMap<String, i64>| {
            let lines = sums.iter().map(|(account, amount)| format!("{account} {amount}"));
            lines.collect::<Vec<_>>()
        };
        self.same(number, "postings", &lines(&shown), &lines(&model));
    }

    fn compare_streams(&self, number: usize, rows: &[Row]) {
        for row in rows {
            let (shown, expected) = stream_lines(&self.accounts[number].model, row);
            self.must(number, expected.as_ref() == Some(&shown), || {
                format!("{}: {shown}; the model says {expected:?}", row.get::<_, &str>(0))
            });
        }
    }

    /// Compares every book wholly, and has the product verify its log.
    pub async fn compare_wholly(&mut self) {
        for number in 0..self.accounts.len() {
            self.compare(&BTreeMap::from([(number, BTreeSet::new())])).await;
            let part = self.accounts[number].part;
            let book = self.accounts[number].book.to_string();
            let (lots, states, accounts) = join3(
                self.rows(LOTS, &[&part, &book, &true]),
                self.rows(ALL_STREAMS, &[&part, &book]),
                self.rows(ACCOUNTS, &[&part, &book, &0_i64]),
            )
            .await;
            self.compare_lots(number, &lots, true);
            self.compare_streams(number, &states);
            let model = &self.accounts[number].model;
            let counted = model.jobs.len() + model.submissions.len();
            self.must(number, states.len() == counted, || {
                format!("{} jobs and submissions, the model has {counted}", states.len())
            });
            self.compare_accounts(number, &accounts, model.accounts.clone());
        }
        self.verify().await;
    }

    /// Has the product replay its log and compare with everything that it derived.
    async fn verify(&self) {
        let mut report = Report::default();
        for part in self.world.ledger.store().all_parts() {
            let mut transaction = self.world.ledger.store().begin().await.expect("a transaction");
            verify::snapshot(&mut transaction).await.expect("a snapshot");
            verify::verify_part(&mut transaction, part, &mut report).await.expect("a log");
        }
        assert!(report.findings.is_empty(), "seed {}: {:#?}", self.seed, report.findings);
    }
}
