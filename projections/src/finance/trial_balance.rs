//! Trial balance: every kind of account, over all books or one, at any instant.

use super::{Scope, position};
use firsthand_domain::Environment;
use firsthand_eventstore::verify::snapshot;
use firsthand_eventstore::{Store, StoreError};
use serde::Serialize;
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// The balance of one kind of account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrialBalanceRow {
    /// The kind of account.
    pub account: String,
    /// Its balance in cents.
    pub balance_cents: i64,
}

/// Adds up each kind of account of a part, up to a position.
pub(super) async fn of_part(
    connection: &mut PgConnection,
    part: i16,
    scope: Scope,
    until: i64,
) -> Result<Vec<TrialBalanceRow>, StoreError> {
    // One book is a range of the journal's key; a pattern would read all of it.
    let rows = match scope {
        Scope::Book(book) => {
            sqlx::query_as!(
                TrialBalanceRow,
                r#"select split_part(account, ':', 1) as "account!",
                          sum(amount_cents)::bigint as "balance_cents!"
                   from journal
                   where part = $1 and book = $2 and position <= $3
                   group by 1"#,
                part,
                book.to_string(),
                until
            )
            .fetch_all(connection)
            .await?
        }
        Scope::All | Scope::Environment(_) => {
            // Workers earn and are paid real money only: their books stand beside the live ones.
            let of_workers = scope == Scope::Environment(Environment::Live);
            sqlx::query_as!(
                TrialBalanceRow,
                r#"select split_part(account, ':', 1) as "account!",
                          sum(amount_cents)::bigint as "balance_cents!"
                   from journal
                   where part = $1 and position <= $3
                     and (book like $2 or $4 and book like 'wkr\_%')
                   group by 1"#,
                part,
                scope.pattern(),
                until,
                of_workers
            )
            .fetch_all(connection)
            .await?
        }
    };
    Ok(rows)
}

/// Returns the balance of each kind of account at an instant, in microseconds since the epoch, or at
/// the end of the log. They sum to zero.
pub async fn trial_balance(
    store: &Store,
    scope: Scope,
    instant: Option<i64>,
) -> Result<Vec<TrialBalanceRow>, StoreError> {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for part in scope.parts(store) {
        let mut transaction = store.begin().await?;
        snapshot(&mut transaction).await?;
        let until = position::bound(&mut transaction, part, scope.book(), instant).await?;
        for row in of_part(&mut transaction, part, scope, until).await? {
            let sum = sums.entry(row.account).or_default();
            *sum = sum
                .checked_add(row.balance_cents)
                .ok_or_else(|| StoreError::corrupt("a balance is out of bounds"))?;
        }
        transaction.commit().await?;
    }
    Ok(sums
        .into_iter()
        .map(|(account, balance_cents)| TrialBalanceRow { account, balance_cents })
        .collect())
}
