//! Worker payables: what buyers' books owe each worker, and what the worker's own book says of it.

use super::Scope;
use super::position::Positions;
use firsthand_domain::ids::{SubmissionId, WorkerId};
use firsthand_domain::submissions::{Submission, SubmissionStatus};
use firsthand_domain::{Book, Environment, State, StreamId, Timestamp};
use firsthand_eventstore::codec::decode_state;
use firsthand_eventstore::{Store, StoreError};
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// Submissions of a worker that are named at most.
const MOST_NAMED: usize = 100;

/// What is owed to one worker, in cents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Payable {
    /// What live books captured for the worker.
    pub captured: i64,
    /// What the worker's own book was told.
    pub earned: i64,
    /// What was earned and neither paid out nor set aside.
    pub balance: i64,
    /// What is on its way.
    pub in_transit: i64,
    /// What was paid out.
    pub paid: i64,
}

impl Payable {
    /// Returns what was captured and not told, or told and not captured.
    pub fn difference(&self) -> i64 {
        self.captured - self.earned
    }

    /// Says whether what was told is where the worker's book says.
    pub fn adds_up(&self) -> bool {
        self.earned == self.balance + self.in_transit + self.paid
    }

    /// Adds another worker's.
    pub fn join(&mut self, other: &Self) {
        self.captured += other.captured;
        self.earned += other.earned;
        self.balance += other.balance;
        self.in_transit += other.in_transit;
        self.paid += other.paid;
    }

    fn add(&mut self, kind: &str, cents: i64) {
        match kind {
            "worker_payable" => self.captured += cents,
            "worker_settlement" => self.earned -= cents,
            "earnings" => self.balance += cents,
            "payout_transit" => self.in_transit += cents,
            "payout_clearing" => self.paid += cents,
            _ => (),
        }
    }
}

/// Adds up a part: what live books owe workers, and the books of its own workers.
async fn of_part(
    connection: &mut PgConnection,
    part: i16,
    until: i64,
) -> Result<Vec<(String, String, i64)>, StoreError> {
    let live = Scope::Environment(Environment::Live).pattern();
    let rows = sqlx::query!(
        r#"select case when book like $2 then split_part(account, ':', 2) else book end
                    as "worker!",
                  split_part(account, ':', 1) as "kind!",
                  sum(amount_cents)::bigint as "cents!"
           from journal
           where part = $1 and position <= $3
             and (book like $2 and account like 'worker\_payable:%' or book like 'wkr\_%')
           group by 1, 2"#,
        part,
        live,
        until
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.worker, row.kind, row.cents)).collect())
}

/// Returns what is owed to each worker up to a position of each part, which the read models have got to.
pub async fn worker_payables(
    store: &Store,
    positions: &Positions,
) -> Result<BTreeMap<WorkerId, Payable>, StoreError> {
    let mut payables: BTreeMap<WorkerId, Payable> = BTreeMap::new();
    // Postings up to a position that was got to never change: no snapshot is needed.
    let mut connection = store.single().acquire().await?;
    for (&part, &until) in positions {
        for (worker, kind, cents) in of_part(&mut connection, part, until).await? {
            let worker: WorkerId = worker.parse().map_err(StoreError::corrupt)?;
            payables.entry(worker).or_default().add(&kind, cents);
        }
    }
    Ok(payables)
}

/// An approval that the worker's book was not told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// The submission.
    pub submission_id: SubmissionId,
    /// What it earned, in cents.
    pub amount_cents: i64,
    /// When it was approved.
    pub approved_at: Option<Timestamp>,
}

/// The approvals that a worker's book was not told of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllUntold {
    /// The first of them, oldest first.
    pub named: Vec<Untold>,
    /// What all of them earned, named or not, in cents.
    pub amount_cents: i64,
}

/// Returns a worker's approved submissions that the worker's book was not told of at an instant, in
/// microseconds since the epoch, at which the parts had got to these positions.
pub async fn untold(
    store: &Store,
    worker: WorkerId,
    (instant, positions): (i64, &Positions),
) -> Result<AllUntold, StoreError> {
    let mut found = Vec::new();
    for (part, submissions) in candidates(store, worker, (instant, positions)).await? {
        // What was captured goes by the position, so this does: it is recorded after it was decided.
        let until = positions.get(&part).copied().unwrap_or(0);
        for (submission_id, submission) in approved(store, part, &submissions, until).await? {
            if !submission.book.is_sandbox() {
                found.push(Untold {
                    submission_id,
                    amount_cents: submission.worker_cents.get(),
                    approved_at: submission.scored_at,
                });
            }
        }
    }
    found.sort_by_key(|one| one.submission_id);
    let amount_cents = found.iter().map(|one| one.amount_cents).sum();
    found.truncate(MOST_NAMED);
    Ok(AllUntold { named: found, amount_cents })
}

/// Returns the submissions, by their parts, that a worker had accepted by an instant and has no earnings
/// of by then. `worker_submissions` is no table of a part: a worker works for books of all parts.
async fn candidates(
    store: &Store,
    worker: WorkerId,
    (instant, positions): (i64, &Positions),
) -> Result<BTreeMap<i16, Vec<String>>, StoreError> {
    let book = Book::Worker(worker);
    let part = store.part_of_book(book);
    let until = positions.get(&part).copied().unwrap_or(0);
    let ids = sqlx::query_scalar!(
        "select s.submission_id
         from worker_submissions s
         where s.worker_id = $2 and s.accepted_at <= $4
           and not exists (
             select from worker_earnings e
             where e.part = $1 and e.book = $2 and e.submission_id = s.submission_id
               and e.position <= $3)
         order by s.submission_id",
        part,
        worker.to_string(),
        until,
        instant
    )
    .fetch_all(store.single())
    .await?;
    let mut by_part: BTreeMap<i16, Vec<String>> = BTreeMap::new();
    for id in ids {
        let stream: StreamId = id.parse().map_err(StoreError::corrupt)?;
        by_part.entry(store.part_of(stream)).or_default().push(id);
    }
    Ok(by_part)
}

/// Reads those of a part's submissions that had been paid for by a position; most that earned nothing never were.
async fn approved(
    store: &Store,
    part: i16,
    submissions: &[String],
    until: i64,
) -> Result<Vec<(SubmissionId, Box<Submission>)>, StoreError> {
    let rows = sqlx::query!(
        r#"select s.stream as "stream!", s.state as "state!"
           from unnest($2::text[]) as submissions(stream)
           cross join lateral (
             select stream, parent, status, state
             from streams
             where part = $1 and stream >= submissions.stream
             order by stream
             limit 1) as s
           where s.stream = submissions.stream and s.status = $3
             and exists (
               select from credit_transactions t
               where t.part = $1 and t.job_id = s.parent and t.position <= $4
                 and t.submission_id = s.stream)"#,
        part,
        submissions,
        SubmissionStatus::Approved.as_str(),
        until
    )
    .fetch_all(store.single())
    .await?;
    let mut found = Vec::new();
    for row in rows {
        let stream: StreamId = row.stream.parse().map_err(StoreError::corrupt)?;
        if let (StreamId::Submission(id), State::Submission(submission)) =
            (stream, decode_state(stream, &row.state)?)
        {
            found.push((id, submission));
        }
    }
    Ok(found)
}
