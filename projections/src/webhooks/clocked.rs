//! Repetitions of books with clocks of their own: they wait for that clock, and are due at once when it
//! gets there.

use super::outbox::PARKED;
use firsthand_domain::Book;
use firsthand_eventstore::{Store, StoreError};

/// Returns the earliest time of a book's clock at which a repetition is due.
pub async fn next_due(store: &Store, book: Book) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar!(
        "select min(clock_due_at) from webhook_deliveries
         where part = $1 and book = $2 and clock_due_at is not null and status = 'pending'",
        store.part_of_book(book),
        book.to_string()
    )
    .fetch_one(store.single())
    .await?)
}

/// Makes the repetitions that are due by a book's clock due at once. Lanes are locked first, as
/// everywhere. Returns how many lanes have something to send.
pub async fn release(store: &Store, book: Book, due: i64, now: i64) -> Result<u64, StoreError> {
    let released = sqlx::query!(
        "with chosen as materialized (
           select distinct endpoint_id from webhook_deliveries
           where part = $1 and book = $2 and clock_due_at <= $3 and status = 'pending'),
         lane as materialized (
           select l.endpoint_id from webhook_lanes l
           where l.part = $1 and l.endpoint_id in (select endpoint_id from chosen)
           order by l.endpoint_id
           for update),
         released as (
           update webhook_deliveries as d set due_at = $4, clock_due_at = null
           from lane
           where d.part = $1 and d.endpoint_id = lane.endpoint_id and d.status = 'pending'
             and d.clock_due_at <= $3
           returning d.endpoint_id)
         update webhook_lanes as l set due_at = least(l.due_at, $4), not_before = 0
         from (select distinct endpoint_id from released) r
         where l.part = $1 and l.endpoint_id = r.endpoint_id",
        store.part_of_book(book),
        book.to_string(),
        due,
        now
    )
    .execute(store.single())
    .await?;
    Ok(released.rows_affected())
}

/// Says whether a book is owed deliveries that are due before `soon`, a time of ours. Those of a lane that
/// sleeps until the clock moves are not: where the order of a job's events is kept, what is due stands
/// behind a repetition.
pub async fn busy(store: &Store, book: Book, soon: i64) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select exists (
             select from webhook_deliveries d
             join webhook_lanes l on l.part = $1 and l.endpoint_id = d.endpoint_id
             where d.part = $1 and d.book = $2 and d.status = 'pending' and d.due_at < $3
               and l.due_at is distinct from $4) as "busy!""#,
        store.part_of_book(book),
        book.to_string(),
        soon,
        PARKED
    )
    .fetch_one(store.single())
    .await?)
}
