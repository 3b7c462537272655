//! Worker payables: what buyers' books owe each worker, and what the worker's own book says of it.

use super::{Scope, position};
use firsthand_domain::ids::{SubmissionId, WorkerId};
use firsthand_domain::submissions::SubmissionStatus;
use firsthand_domain::{Book, Environment, State, StreamId, Timestamp};
use firsthand_eventstore::verify::snapshot;
use firsthand_eventstore::{Store, StoreError, read};
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

/// Returns what is owed to each worker at an instant, in microseconds since the epoch, or now.
pub async fn worker_payables(
    store: &Store,
    instant: Option<i64>,
) -> Result<BTreeMap<WorkerId, Payable>, StoreError> {
    let mut payables: BTreeMap<WorkerId, Payable> = BTreeMap::new();
    for part in store.all_parts() {
        let mut transaction = store.begin().await?;
        snapshot(&mut transaction).await?;
        let until = position::bound(&mut transaction, part, None, instant).await?;
        for (worker, kind, cents) in of_part(&mut transaction, part, until).await? {
            let worker: WorkerId = worker.parse().map_err(StoreError::corrupt)?;
            payables.entry(worker).or_default().add(&kind, cents);
        }
        transaction.commit().await?;
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

/// Names a worker's approved submissions that the worker's book was not told of at an instant, or
/// now, oldest first.
pub async fn untold(
    store: &Store,
    worker: WorkerId,
    instant: Option<i64>,
) -> Result<Vec<Untold>, StoreError> {
    let book = Book::Worker(worker);
    let part = store.part_of_book(book);
    let mut connection = store.single().acquire().await?;
    let until = position::bound(&mut connection, part, None, instant).await?;
    let ids = sqlx::query_scalar!(
        "select s.submission_id
         from worker_submissions s
         where s.worker_id = $2
           and not exists (
             select from worker_earnings e
             where e.part = $1 and e.book = $2 and e.submission_id = s.submission_id
               and e.position <= $3)
         order by s.submission_id",
        part,
        worker.to_string(),
        until
    )
    .fetch_all(&mut *connection)
    .await?;
    drop(connection);
    let mut by_part: BTreeMap<i16, Vec<StreamId>> = BTreeMap::new();
    for id in ids {
        let stream: StreamId = id.parse().map_err(StoreError::corrupt)?;
        by_part.entry(store.part_of(stream)).or_default().push(stream);
    }
    let mut found = Vec::new();
    for (part, streams) in by_part {
        for row in read::states(store, part, &streams).await? {
            let (StreamId::Submission(id), State::Submission(submission)) = (row.stream, row.state)
            else {
                continue;
            };
            let then = |at: Timestamp| instant.is_none_or(|instant| at.micros() <= instant);
            let approved = submission.status == SubmissionStatus::Approved
                && !submission.book.is_sandbox()
                && submission.scored_at.is_some_and(then);
            if approved {
                found.push(Untold {
                    submission_id: id,
                    amount_cents: submission.worker_cents.get(),
                    approved_at: submission.scored_at,
                });
            }
        }
    }
    found.sort_by_key(|one| one.submission_id);
    found.truncate(MOST_NAMED);
    Ok(found)
}
