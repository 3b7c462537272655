//! What is due by a book's own clock: timers, and tasks that sleep until it gets there.

use crate::error::StoreError;
use crate::store::Store;
use crate::tasks::DueTimer;
use firsthand_domain::Book;

/// A task that has failed so often is not waited for any more: the clock goes on without it.
const PATIENCE: i32 = 3;

/// Puts a book's timers, and its tasks of kinds that wait for a time, under its clock, which stands at
/// `at`. In the caller's transaction: the book has one from now on.
pub async fn adopt(
    connection: &mut sqlx::PgConnection,
    part: i16,
    book: Book,
    at: i64,
    kinds: &[&str],
) -> Result<(), StoreError> {
    let kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    sqlx::query!(
        "update timers as t set clock = $2
         from streams s
         where t.part = $1 and s.part = $1 and s.stream = t.stream and s.book = $2
           and t.clock is null",
        part,
        book.to_string()
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "update tasks set clock = $2, asleep = due_at > $4
         where part = $1 and book = $2 and kind = any($3) and attempts = 0 and clock is null",
        part,
        book.to_string(),
        &kinds,
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Returns the earliest time at which something of a book is due, over or not.
pub async fn next_due(store: &Store, book: Book) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar!(
        "select least(
           (select min(due_at) from timers where part = $1 and clock = $2),
           (select min(due_at) from tasks
            where part = $1 and clock = $2 and asleep and dead_at is null))",
        store.part_of_book(book),
        book.to_string()
    )
    .fetch_one(store.single())
    .await?)
}

/// Returns the timers of a book that are due at a time, in the order in which they fire.
pub async fn due_timers(store: &Store, book: Book, now: i64) -> Result<Vec<DueTimer>, StoreError> {
    let part = store.part_of_book(book);
    let rows = sqlx::query!(
        "select stream, kind, subject from timers
         where part = $1 and clock = $2 and due_at <= $3
         order by due_at, stream, kind, subject",
        part,
        book.to_string(),
        now
    )
    .fetch_all(store.single())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| DueTimer { part, stream: row.stream, kind: row.kind, subject: row.subject })
        .collect())
}

/// Wakes a book's tasks that are due at a time: they are due now. Returns how many.
pub async fn wake_tasks(store: &Store, book: Book, due: i64, now: i64) -> Result<u64, StoreError> {
    let woken = sqlx::query!(
        "update tasks set asleep = false, due_at = $4
         where part = $1 and clock = $2 and asleep and due_at <= $3",
        store.part_of_book(book),
        book.to_string(),
        due,
        now
    )
    .execute(store.single())
    .await?;
    Ok(woken.rows_affected())
}

/// Says whether a book's clock has to wait: a task of the book is owed now, and has not failed again
/// and again.
pub async fn busy(store: &Store, book: Book) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select exists (
             select from tasks
             where part = $1 and clock = $2 and not asleep and dead_at is null
               and (attempts <= $3 or coalesce(last_error, '') = '')) as "busy!""#,
        store.part_of_book(book),
        book.to_string(),
        PATIENCE
    )
    .fetch_one(store.single())
    .await?)
}
