//! Escrow ageing: since when jobs hold what they hold.

use super::{Scope, position};
use firsthand_domain::time::Span;
use firsthand_eventstore::verify::snapshot;
use firsthand_eventstore::{Store, StoreError};
use futures_util::TryStreamExt;
use serde::Serialize;
use std::collections::BTreeSet;

/// Names of the buckets and the ages below which they end; the last one has no end.
const BUCKETS: [(&str, Option<Span>); 4] = [
    ("0-1 d", Some(Span::days(1))),
    ("1-7 d", Some(Span::days(7))),
    ("7-30 d", Some(Span::days(30))),
    ("30+ d", None),
];

/// A job that holds money. Ordered by age.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// When the job's first hold was recorded, in microseconds since the epoch; in a report of one book with a
    /// clock that clock's time.
    pub since: i64,
    /// The job.
    pub job_id: String,
    /// Its book.
    pub book: String,
    /// What it holds, in cents.
    pub held_cents: i64,
    /// The bucket that it falls into.
    pub bucket: &'static str,
}

/// All jobs of one age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// Its name.
    pub age: &'static str,
    /// Jobs in it.
    pub job_count: i64,
    /// What they hold together, in cents.
    pub held_cents: i64,
}

/// What is held, by age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscrowAgeing {
    /// The buckets, youngest first.
    pub buckets: Vec<Bucket>,
    /// The jobs that have held money longest.
    pub oldest: BTreeSet<Held>,
    /// Whether there are more jobs than these.
    pub has_more: bool,
}

/// Returns the number of the bucket for money held between two instants.
fn bucket(since: i64, now: i64) -> usize {
    let since = firsthand_domain::Timestamp::from_micros(since);
    let now = firsthand_domain::Timestamp::from_micros(now);
    let young = |end: Span| now < since.after(end);
    BUCKETS
        .iter()
        .position(|(_, end)| end.is_none_or(young))
        .unwrap_or(BUCKETS.len().saturating_sub(1))
}

impl EscrowAgeing {
    fn empty() -> Self {
        let bucket = |(age, _): &(&'static str, _)| Bucket { age, job_count: 0, held_cents: 0 };
        Self {
            buckets: BUCKETS.iter().map(bucket).collect(),
            oldest: BTreeSet::new(),
            has_more: false,
        }
    }

    /// Counts a job, and keeps it if it is among the oldest.
    fn count(&mut self, mut held: Held, now: i64, most: usize) -> Result<(), StoreError> {
        if let Some(bucket) = self.buckets.get_mut(bucket(held.since, now)) {
            held.bucket = bucket.age;
            bucket.job_count += 1;
            bucket.held_cents = bucket
                .held_cents
                .checked_add(held.held_cents)
                .ok_or_else(|| StoreError::corrupt("what jobs hold is out of bounds"))?;
        }
        self.oldest.insert(held);
        if self.oldest.len() > most {
            self.oldest.pop_last();
            self.has_more = true;
        }
        Ok(())
    }
}

/// Returns what jobs hold at an instant by how long they have held it, with the `most` oldest jobs.
pub async fn escrow_ageing(
    store: &Store,
    scope: Scope,
    instant: i64,
    most: usize,
) -> Result<EscrowAgeing, StoreError> {
    let mut ageing = EscrowAgeing::empty();
    for part in scope.parts(store) {
        let mut transaction = store.begin().await?;
        snapshot(&mut transaction).await?;
        let until = position::at(&mut transaction, part, scope.book(), instant).await?;
        let mut rows = sqlx::query!(
            r#"with held as (
                 select book, account, sum(amount_cents)::bigint as held_cents,
                        min(position) as first
                 from journal
                 where part = $1 and book like $2 and position <= $3 and account like 'escrow:%'
                 group by book, account
                 having sum(amount_cents) <> 0)
               select h.book, split_part(h.account, ':', 2) as "job_id!",
                      h.held_cents as "held_cents!",
                      case when $4 then coalesce(e.effective_at, e.recorded_at)
                           else e.recorded_at end as "since!"
               from held h
               join events e on e.part = $1 and e.position = h.first"#,
            part,
            scope.pattern(),
            until,
            // The time by which the instant was found.
            scope.book().is_some()
        )
        .fetch(&mut *transaction);
        while let Some(row) = rows.try_next().await? {
            let held = Held {
                since: row.since,
                job_id: row.job_id,
                book: row.book,
                held_cents: row.held_cents,
                bucket: "",
            };
            ageing.count(held, instant, most)?;
        }
        drop(rows);
        transaction.commit().await?;
    }
    Ok(ageing)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;

    #[test]
    fn a_bucket_begins_where_the_one_before_ends() {
        for (age, expected) in [
            (0, "0-1 d"),
            (DAY - 1, "0-1 d"),
            (DAY, "1-7 d"),
            (7 * DAY - 1, "1-7 d"),
            (7 * DAY, "7-30 d"),
            (30 * DAY - 1, "7-30 d"),
            (30 * DAY, "30+ d"),
            (4_000 * DAY, "30+ d"),
        ] {
            let found = BUCKETS.get(bucket(DAY, DAY + age)).map(|(name, _)| *name);
            assert_eq!(found, Some(expected), "{age}");
        }
    }

    #[test]
    fn the_oldest_are_kept_and_all_are_counted() {
        let mut ageing = EscrowAgeing::empty();
        for day in [3, 1, 2] {
            let held = Held {
                since: day * DAY,
                job_id: format!("job_{day}"),
                book: String::new(),
                held_cents: 10,
                bucket: "",
            };
            ageing.count(held, 5 * DAY, 2).unwrap();
        }
        let oldest: Vec<_> = ageing.oldest.iter().map(|held| held.job_id.as_str()).collect();
        assert_eq!(oldest, ["job_1", "job_2"]);
        assert!(ageing.has_more);
        assert_eq!(ageing.buckets[1], Bucket { age: "1-7 d", job_count: 3, held_cents: 30 });
    }
}
