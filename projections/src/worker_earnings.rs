//! What a worker has earned, submission by submission, and how much of it was paid out.
//!
//! Payouts take the oldest earnings first. Each row knows what was earned before it, so whether it is
//! paid follows from two totals of the worker, and a payout changes no row.

use crate::page::Page;
use firsthand_domain::earnings::{Earnings, EarningsEvent};
use firsthand_domain::ids::WorkerId;
use firsthand_domain::{Book, Event, Timestamp};
use firsthand_eventstore::codec::Recorded;
use firsthand_eventstore::{Store, StoreError};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One earning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarningRow {
    /// The submission.
    pub submission_id: String,
    /// The job.
    pub job_id: String,
    /// How much.
    pub amount_cents: i64,
    /// What was earned before it.
    pub before_cents: i64,
    /// When it was approved, in microseconds since the epoch.
    pub earned_at: i64,
    /// From when on it can be paid out.
    pub available_at: i64,
}

/// Writes the earnings of a batch.
pub(crate) async fn project(
    connection: &mut PgConnection,
    part: i16,
    events: &[Arc<Recorded>],
) -> Result<(), StoreError> {
    let earned: Vec<_> = events
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Event::Earnings(EarningsEvent::Earned(earned)) => Some((recorded, earned)),
            _ => None,
        })
        .collect();
    if earned.is_empty() {
        return Ok(());
    }
    let books: BTreeSet<String> = earned.iter().map(|(at, _)| at.book.to_string()).collect();
    let mut totals = totals(connection, part, &books.into_iter().collect::<Vec<_>>()).await?;
    let before: Vec<i64> = earned
        .iter()
        .map(|(recorded, earned)| {
            let total = totals.entry(recorded.book.to_string()).or_default();
            let before = *total;
            *total += earned.amount_cents.get();
            before
        })
        .collect();
    macro_rules! column {
        (|$at:ident, $row:ident| $value:expr) => {
            earned.iter().map(|($at, $row)| $value).collect::<Vec<_>>()
        };
    }
    sqlx::query!(
        "insert into worker_earnings
           (part, book, position, submission_id, job_id, amount_cents, before_cents, earned_at,
            available_at)
         select $1, t.*
         from unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[],
                     $7::bigint[], $8::bigint[], $9::bigint[]) as t",
        part,
        &column!(|at, _row| at.book.to_string()),
        &column!(|at, _row| at.position),
        &column!(|_at, row| row.submission_id.to_string()),
        &column!(|_at, row| row.job_id.to_string()),
        &column!(|_at, row| row.amount_cents.get()),
        &before,
        &column!(|_at, row| row.earned_at.micros()),
        &column!(|_at, row| row.available_at.micros())
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Reads what the batch's workers had earned before the batch.
async fn totals(
    connection: &mut PgConnection,
    part: i16,
    books: &[String],
) -> Result<BTreeMap<String, i64>, StoreError> {
    let rows = sqlx::query!(
        r#"select b.book as "book!", e.total as "total!"
           from unnest($2::text[]) as b(book)
           cross join lateral (
             select before_cents + amount_cents as total
             from worker_earnings
             where part = $1 and book = b.book
             order by position desc
             limit 1) as e"#,
        part,
        books
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.book, row.total)).collect())
}

/// How an earning stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EarningStatus {
    /// It is not old enough to be paid out.
    Pending,
    /// It can be paid out, or what is left of it can.
    Available,
    /// It is on its way.
    InTransit,
    /// It was paid out.
    PaidOut,
}

impl EarningStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Available, Self::InTransit, Self::PaidOut];

    /// Returns the public name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Available => "available",
            Self::InTransit => "in_transit",
            Self::PaidOut => "paid_out",
        }
    }
}

/// What of a worker's earnings is gone, the oldest first, and the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    paid: i64,
    taken: i64,
    now: i64,
}

impl Watermarks {
    /// Reads them from the worker's account.
    pub fn of(earnings: &Earnings, now: Timestamp) -> Self {
        let paid = earnings.paid.get();
        Self { paid, taken: paid + earnings.in_transit.get(), now: now.micros() }
    }

    /// Returns how an earning stands.
    pub fn status(self, row: &EarningRow) -> EarningStatus {
        let end = row.before_cents + row.amount_cents;
        if end <= self.paid {
            EarningStatus::PaidOut
        } else if end <= self.taken {
            EarningStatus::InTransit
        } else if row.available_at <= self.now {
            EarningStatus::Available
        } else {
            EarningStatus::Pending
        }
    }

    /// Returns how much of an earning was paid out.
    pub fn paid_out(self, row: &EarningRow) -> i64 {
        (self.paid - row.before_cents).clamp(0, row.amount_cents)
    }

    /// Returns between which ends, and before or after which time, rows of a status lie.
    fn bounds(self, status: Option<EarningStatus>) -> (i64, i64, i64, i64) {
        match status {
            None => (0, i64::MAX, 0, i64::MAX),
            Some(EarningStatus::PaidOut) => (0, self.paid, 0, i64::MAX),
            Some(EarningStatus::InTransit) => (self.paid, self.taken, 0, i64::MAX),
            Some(EarningStatus::Available) => (self.taken, i64::MAX, 0, self.now),
            Some(EarningStatus::Pending) => {
                (self.taken, i64::MAX, self.now.saturating_add(1), i64::MAX)
            }
        }
    }
}

/// Lists a worker's earnings, newest first; `after` is the submission of the last one seen.
pub async fn list(
    store: &Store,
    worker: WorkerId,
    (marks, status): (Watermarks, Option<EarningStatus>),
    after: Option<&str>,
    limit: i64,
) -> Result<Page<EarningRow>, StoreError> {
    let book = Book::Worker(worker);
    let (above, up_to, from, until) = marks.bounds(status);
    let rows = sqlx::query_as!(
        EarningRow,
        "select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
           select submission_id, job_id, amount_cents, before_cents, earned_at, available_at
           from worker_earnings
           where part = $1 and book = tenant.book
             and before_cents + amount_cents > $3 and before_cents + amount_cents <= $4
             and available_at >= $5 and available_at <= $6
             and ($7::text is null
                  or position < (select position from worker_earnings
                                 where part = $1 and book = tenant.book and submission_id = $7))
           order by position desc
           limit $8
           offset 0) as r",
        store.part_of_book(book),
        book.to_string(),
        above,
        up_to,
        from,
        until,
        after,
        limit + 1
    )
    .fetch_all(store.tenants())
    .await?;
    Ok(Page::of(rows, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(before_cents: i64, available_at: i64) -> EarningRow {
        EarningRow {
            submission_id: String::new(),
            job_id: String::new(),
            amount_cents: 100,
            before_cents,
            earned_at: 0,
            available_at,
        }
    }

    #[test]
    fn a_payout_takes_the_oldest_first() {
        let marks = Watermarks { paid: 150, taken: 320, now: 10 };
        let shown = |before, at| {
            let row = row(before, at);
            let status = marks.status(&row);
            // A list that is filtered by the status shows the row, and no other list does.
            let shown_by = EarningStatus::ALL.into_iter().filter(|status| {
                let (above, up_to, from, until) = marks.bounds(Some(*status));
                let end = before + 100;
                end > above && end <= up_to && at >= from && at <= until
            });
            assert_eq!(shown_by.collect::<Vec<_>>(), [status]);
            (status, marks.paid_out(&row))
        };
        assert_eq!(shown(0, 5), (EarningStatus::PaidOut, 100));
        assert_eq!(shown(100, 5), (EarningStatus::InTransit, 50));
        assert_eq!(shown(200, 5), (EarningStatus::InTransit, 0));
        assert_eq!(shown(300, 10), (EarningStatus::Available, 0));
        assert_eq!(shown(400, 11), (EarningStatus::Pending, 0));
    }
}
