//! Deferred revenue: credits that were issued and not spent, by origin; and breakage, booked and
//! expected.
//!
//! `credit_lots` knows what lots hold now. What they held at an instant is that, less what has
//! happened to them since: the events after the instant are folded by the lots' own projector, and a lot
//! that was issued by them held nothing. Positions alone divide before from since: a lot of a book with a
//! clock bears that clock's time.

use super::{Scope, position, trial_balance};
use crate::{CURSOR, credit_lots};
use firsthand_domain::credits::LotOrigin;
use firsthand_eventstore::verify::snapshot;
use firsthand_eventstore::{Store, StoreError};
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// Unspent credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unspent {
    /// What is available, in cents.
    pub available_cents: i64,
    /// What jobs hold, in cents.
    pub held_cents: i64,
}

/// What lots of one origin and month of expiry hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnspentRow {
    /// Where the lots come from.
    pub origin: String,
    /// Whether they were paid for.
    pub paid: bool,
    /// The month in which they expire, as `2027-03`; `None` if they never do.
    pub expiry_month: Option<String>,
    /// What they hold.
    pub unspent: Unspent,
}

/// Credits that were issued and not spent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeferredRevenue {
    /// By origin and month of expiry.
    pub unspent: Vec<UnspentRow>,
    /// Breakage booked so far, by the month in which it was recorded.
    pub breakage: BTreeMap<String, i64>,
    /// What the journal says is available and held: the same totals, from other rows.
    pub journal: Unspent,
}

fn add(to: &mut i64, amount: i64) -> Result<(), StoreError> {
    *to = to
        .checked_add(amount)
        .ok_or_else(|| StoreError::corrupt("a sum of credits is out of bounds"))?;
    Ok(())
}

/// Says whether lots of a stored origin were paid for.
fn paid(origin: &str) -> Result<bool, StoreError> {
    let origin: LotOrigin = serde_json::from_value(serde_json::Value::String(origin.to_owned()))
        .map_err(StoreError::corrupt)?;
    Ok(origin.paid())
}

/// Returns what is unspent at an instant.
pub async fn deferred_revenue(
    store: &Store,
    scope: Scope,
    instant: i64,
) -> Result<DeferredRevenue, StoreError> {
    let mut report = DeferredRevenue::default();
    let mut rows: BTreeMap<(String, Option<String>), Unspent> = BTreeMap::new();
    for part in scope.parts(store) {
        let mut transaction = store.begin().await?;
        snapshot(&mut transaction).await?;
        let until = position::at(&mut transaction, part, scope.book(), instant).await?;
        unspent(&mut transaction, part, scope, until, &mut rows).await?;
        breakage(&mut transaction, part, scope, until, &mut report.breakage).await?;
        for row in trial_balance::of_part(&mut transaction, part, scope, until).await? {
            match row.account.as_str() {
                "available" => add(&mut report.journal.available_cents, row.balance_cents)?,
                "escrow" => add(&mut report.journal.held_cents, row.balance_cents)?,
                _ => (),
            }
        }
        transaction.commit().await?;
    }
    // What was spent since is a row of nothing.
    rows.retain(|_, unspent| *unspent != Unspent::default());
    for ((origin, expiry_month), unspent) in rows {
        let paid = paid(&origin)?;
        report.unspent.push(UnspentRow { origin, paid, expiry_month, unspent });
    }
    Ok(report)
}

/// Adds what a part's lots held at a position.
async fn unspent(
    connection: &mut PgConnection,
    part: i16,
    scope: Scope,
    until: i64,
    rows: &mut BTreeMap<(String, Option<String>), Unspent>,
) -> Result<(), StoreError> {
    let projected = sqlx::query_scalar!(
        "select position from cursors where part = $1 and projector = $2",
        part,
        CURSOR
    )
    .fetch_optional(&mut *connection)
    .await?
    .unwrap_or(0);
    let since = credit_lots::since(connection, part, until, projected).await?;
    let found = sqlx::query!(
        r#"select l.origin,
                  to_char(timestamp 'epoch' + l.expires_at * interval '1 microsecond', 'YYYY-MM')
                    as expiry_month,
                  sum(l.remaining_cents - coalesce(d.remaining, 0))::bigint as "available!",
                  sum(l.held_cents - coalesce(d.held, 0))::bigint as "held!"
           from credit_lots l
           left join unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[])
             as d(book, lot_id, remaining, held)
             on d.book = l.book and d.lot_id = l.lot_id
           where l.part = $1 and l.book like $2
             and (d.lot_id is not null or l.remaining_cents <> 0 or l.held_cents <> 0)
           group by 1, 2"#,
        part,
        scope.pattern(),
        &since.books,
        &since.lots,
        &since.remaining,
        &since.held
    )
    .fetch_all(connection)
    .await?;
    for row in found {
        let entry = rows.entry((row.origin, row.expiry_month)).or_default();
        add(&mut entry.available_cents, row.available)?;
        add(&mut entry.held_cents, row.held)?;
    }
    Ok(())
}

/// Adds a part's breakage up to a position.
async fn breakage(
    connection: &mut PgConnection,
    part: i16,
    scope: Scope,
    until: i64,
    months: &mut BTreeMap<String, i64>,
) -> Result<(), StoreError> {
    let found = sqlx::query!(
        r#"select to_char(timestamp 'epoch' + coalesce(e.effective_at, e.recorded_at) * interval '1 microsecond', 'YYYY-MM')
                    as "month!",
                  sum(j.amount_cents)::bigint as "amount!"
           from journal j
           join events e on e.part = $1 and e.position = j.position
           where j.part = $1 and j.book like $2 and j.position <= $3 and j.account = 'breakage'
           group by 1"#,
        part,
        scope.pattern(),
        until
    )
    .fetch_all(connection)
    .await?;
    for row in found {
        add(months.entry(row.month).or_default(), row.amount)?;
    }
    Ok(())
}
