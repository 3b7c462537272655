//! A book's balance at an instant, from the running balances of its movements (design D8).

use firsthand_domain::Book;
use firsthand_eventstore::{Store, StoreError};

/// What a book had at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BalanceAt {
    /// What was available, in cents.
    pub available_cents: i64,
    /// What jobs held, in cents.
    pub held_cents: i64,
    /// When the last movement by then was recorded, in microseconds since the epoch.
    pub moved_at: Option<i64>,
}

/// Reads what a book had at an instant, in microseconds since the epoch: movements of the book's
/// time at or before it count. One probe of the index.
pub async fn at(store: &Store, book: Book, instant: i64) -> Result<BalanceAt, StoreError> {
    let row = sqlx::query!(
        "select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
         select balance_after_cents, held_after_cents, created_at
         from credit_transactions
         where part = $1 and book = tenant.book and created_at <= $3
         order by created_at desc, position desc
         limit 1
         offset 0) as r",
        store.part_of_book(book),
        book.to_string(),
        instant
    )
    .fetch_optional(store.tenants())
    .await?;
    Ok(row.map_or_else(BalanceAt::default, |row| BalanceAt {
        available_cents: row.balance_after_cents,
        held_cents: row.held_after_cents,
        moved_at: Some(row.created_at),
    }))
}
