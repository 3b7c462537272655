//! The accounts of a book and what stood on them, page by page in the order of their names.

use super::Span;
use firsthand_domain::Book;
use firsthand_eventstore::{Store, StoreError};

/// One account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// The account, as the journal names it.
    pub account: String,
    /// Its balance before the span, in cents.
    pub opening_cents: i64,
    /// Its balance at the span's end, in cents.
    pub closing_cents: i64,
}

/// Reads the accounts that stand at something before the span or are posted to within it. `after`
/// is the name of the last one seen, or empty. `journal_account_idx` has them in this order, so that a page
/// reads what was posted to its own accounts and no more.
pub async fn page(
    store: &Store,
    book: Book,
    span: Span,
    after: &str,
    limit: i64,
) -> Result<Vec<AccountRow>, StoreError> {
    let rows = sqlx::query_as!(
        AccountRow,
        r#"select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
         select account,
                  coalesce(sum(amount_cents) filter (where position <= $3), 0)::bigint
                    as "opening_cents!",
                  sum(amount_cents)::bigint as "closing_cents!"
           from journal
           where part = $1 and book = tenant.book and position <= $4 and account > $5
           group by account
           having coalesce(sum(amount_cents) filter (where position <= $3), 0) <> 0
               or bool_or(position > $3)
           order by account
           limit $6
         offset 0) as r"#,
        store.part_of_book(book),
        book.to_string(),
        span.after,
        span.until,
        after,
        limit
    )
    .fetch_all(store.tenants())
    .await?;
    Ok(rows)
}
