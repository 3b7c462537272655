//! What was booked against the payment provider, by what the provider calls it.

use super::Scope;
use firsthand_domain::ids::PayoutId;
use firsthand_domain::payouts::Payout;
use firsthand_domain::{Environment, State, StreamId};
use firsthand_eventstore::{Store, StoreError, read};
use std::collections::{BTreeMap, BTreeSet};

/// A movement of the account `payment_clearing`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleared {
    /// What the provider calls the payment, refund or dispute.
    pub reference: String,
    /// The book, as text.
    pub book: String,
    /// What the provider owes us more, in cents; negative if less.
    pub amount_cents: i64,
    /// When it was booked, in microseconds since the epoch; its book's time if that has a clock.
    pub booked_at: i64,
}

/// Returns all that is booked in an environment under these references, and under whatever else was
/// booked between two instants, in microseconds since the epoch; oldest first.
pub async fn cleared(
    store: &Store,
    environment: Environment,
    references: &[String],
    (from, to): (i64, i64),
) -> Result<Vec<Cleared>, StoreError> {
    let parts: Vec<i16> = store.all_parts().collect();
    let rows = sqlx::query_as!(
        Cleared,
        r#"select t.external_ref as "reference!", t.book, -j.amount_cents as "amount_cents!",
                  t.created_at as booked_at
           from (select unnest($2::text[])
                 union
                 select external_ref
                 from credit_transactions
                 where part = any($5) and external_ref is not null
                   and created_at between $3 and $4 and book like $1) as wanted(reference)
           join credit_transactions t
             on t.part = any($5) and t.external_ref = wanted.reference and t.book like $1
           join journal j on j.part = t.part and j.book = t.book and j.position = t.position
             and j.account = 'payment_clearing'
           order by t.created_at, t.part, t.position"#,
        Scope::Environment(environment).pattern(),
        references,
        from,
        to,
        &parts
    )
    .fetch_all(store.single())
    .await?;
    Ok(rows)
}

/// Returns those of these payouts that there are.
pub async fn payouts(store: &Store, ids: &BTreeSet<PayoutId>) -> Result<Vec<Payout>, StoreError> {
    let mut by_part: BTreeMap<i16, Vec<StreamId>> = BTreeMap::new();
    for id in ids {
        let stream = StreamId::Payout(*id);
        by_part.entry(store.part_of(stream)).or_default().push(stream);
    }
    let mut payouts = Vec::new();
    for (part, streams) in by_part {
        payouts.extend(read::states(store, part, &streams).await?.into_iter().filter_map(|row| {
            match row.state {
                State::Payout(payout) if payout.exists() => Some(*payout),
                _ => None,
            }
        }));
    }
    Ok(payouts)
}
