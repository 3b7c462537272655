//! The double-entry journal: every leg of every money event.

use firsthand_domain::Event;
use firsthand_domain::credits::postings;
use firsthand_eventstore::StoreError;
use firsthand_eventstore::codec::Recorded;
use serde::Serialize;
use sqlx::PgConnection;
use std::sync::Arc;

/// Writes the legs of a batch.
pub(crate) async fn project(
    connection: &mut PgConnection,
    part: i16,
    events: &[Arc<Recorded>],
) -> Result<(), StoreError> {
    let (mut books, mut positions, mut legs) = (Vec::new(), Vec::new(), Vec::new());
    let (mut accounts, mut amounts) = (Vec::new(), Vec::new());
    for recorded in events {
        let Event::Credits(event) = &recorded.event else { continue };
        for (leg, posting) in (0_i16..).zip(postings(event)) {
            books.push(recorded.book.to_string());
            positions.push(recorded.position);
            legs.push(leg);
            accounts.push(posting.account.to_string());
            amounts.push(posting.amount.get());
        }
    }
    if books.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into journal (part, book, position, leg, account, amount_cents)
         select $1, j.*
         from unnest($2::text[], $3::bigint[], $4::smallint[], $5::text[], $6::bigint[]) as j",
        part,
        &books,
        &positions,
        &legs,
        &accounts,
        &amounts
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The balance of one kind of account over all books of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrialBalanceRow {
    /// The kind of account.
    pub account: String,
    /// Its balance in cents.
    pub balance_cents: i64,
}

/// Returns the balance of each kind of account over all books. They sum to zero.
pub async fn trial_balance(
    store: &firsthand_eventstore::Store,
) -> Result<Vec<TrialBalanceRow>, StoreError> {
    let rows = sqlx::query!(
        r#"select split_part(account, ':', 1) as "account!",
                  sum(amount_cents)::bigint as "balance_cents!"
           from journal
           group by 1
           order by 1"#
    )
    .fetch_all(store.writer())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| TrialBalanceRow { account: row.account, balance_cents: row.balance_cents })
        .collect())
}
