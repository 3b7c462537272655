//! What the payment provider told us: kept as it was told, each with the task that acts on it.

use crate::error::StoreError;
use crate::store::Store;
use firsthand_domain::Environment;
use firsthand_domain::ids::PurchaseId;
use serde::{Deserialize, Serialize};

/// The kind of task that acts on one.
pub const TASK: &str = "payment_event";

/// What can have become of one; `waiting` until its task has looked at it.
pub const OUTCOMES: [&str; 5] = ["waiting", "booked", "ignored", "unknown", "refused"];

/// What the task knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentEventTask {
    /// The provider's id of the event.
    pub event_id: String,
    /// Whose account signed it.
    pub environment: Environment,
}

/// An event on its way into the inbox.
#[derive(Debug, Clone)]
pub struct NewPaymentEvent<'a> {
    /// The part of the purchase that it names; 0 if it names none.
    pub part: i16,
    /// The provider's id of it.
    pub event_id: &'a str,
    /// The provider's name of its type.
    pub event_type: &'a str,
    /// The purchase that it names.
    pub purchase_id: Option<&'a str>,
    /// When it came, in microseconds since the epoch.
    pub received_at: i64,
    /// As it was told.
    pub payload: &'a [u8],
    /// Whose account signed it.
    pub environment: Environment,
}

/// Keeps an event and owes its task, in one statement. Returns `false` if it was told before.
///
/// # Errors
/// If the database can't be reached.
pub async fn receive(store: &Store, event: NewPaymentEvent<'_>) -> Result<bool, StoreError> {
    let known =
        PaymentEventTask { event_id: event.event_id.to_owned(), environment: event.environment };
    let new = sqlx::query_scalar!(
        r#"with new as (
             insert into payment_events
               (part, event_id, event_type, purchase_id, received_at, payload)
             values ($1, $2, $3, $4, $5, $6)
             on conflict do nothing
             returning part, received_at),
           owed as (
             insert into tasks (part, task_id, kind, book, payload, due_at)
             select part, $7, $8, 'payments', $9, received_at from new
             on conflict do nothing)
           select exists (select from new) as "new!""#,
        event.part,
        event.event_id,
        event.event_type,
        event.purchase_id,
        event.received_at,
        event.payload,
        format!("{TASK}:{}", event.event_id),
        TASK,
        serde_json::to_vec(&known).map_err(StoreError::corrupt)?
    )
    .fetch_one(store.single())
    .await?;
    Ok(new)
}

/// Returns an event as it was told.
///
/// # Errors
/// If the database can't be reached.
pub async fn payload(
    store: &Store,
    part: i16,
    event_id: &str,
) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(sqlx::query_scalar!(
        "select payload from payment_events where part = $1 and event_id = $2",
        part,
        event_id
    )
    .fetch_optional(store.single())
    .await?)
}

/// Records what became of an event: `booked`, `ignored`, `unknown` or `refused`; and the purchase that it is
/// about, which it need not have named itself.
///
/// # Errors
/// If the database can't be reached.
pub async fn settle(
    store: &Store,
    part: i16,
    event_id: &str,
    outcome: &str,
    purchase_id: Option<PurchaseId>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update payment_events set outcome = $3, purchase_id = coalesce($4, purchase_id)
         where part = $1 and event_id = $2",
        part,
        event_id,
        outcome,
        purchase_id.map(|id| id.to_string())
    )
    .execute(store.single())
    .await?;
    Ok(())
}

/// Which events are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of that type.
    pub event_type: Option<String>,
    /// About that purchase.
    pub purchase_id: Option<PurchaseId>,
    /// Of which that became.
    pub outcome: Option<String>,
    /// Received before that one: its time, in microseconds since the epoch, and its id.
    pub before: Option<(i64, String)>,
}

/// An event as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentEventRow {
    /// The provider's id of it.
    pub event_id: String,
    /// The provider's name of its type.
    pub event_type: String,
    /// The purchase that it is about.
    pub purchase_id: Option<String>,
    /// When it came, in microseconds since the epoch.
    pub received_at: i64,
    /// One of [`OUTCOMES`].
    pub outcome: String,
    /// As it was told.
    pub payload: Vec<u8>,
}

/// Lists events of all parts, those received last first.
///
/// # Errors
/// If the database can't be reached.
pub async fn list(
    store: &Store,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<PaymentEventRow>, StoreError> {
    let (time, id) = filter.before.as_ref().map(|(time, id)| (*time, id.as_str())).unzip();
    let parts: Vec<i16> = store.all_parts().collect();
    let purchase_id = filter.purchase_id.map(|id| id.to_string());
    // One plan for each filter that has an index; what else is wanted is looked for among those rows.
    macro_rules! page {
        ($first:tt) => {
            sqlx::query_as!(
                PaymentEventRow,
                r#"select r.event_id, r.event_type, r.purchase_id, r.received_at,
                          coalesce(r.outcome, 'waiting') as "outcome!", r.payload
                   from unnest($7::smallint[]) as p(part)
                   cross join lateral (
                     select event_id, event_type, purchase_id, received_at, outcome, payload
                     from payment_events
                     where part = p.part and "#
                    + $first
                    + r#" and ($1::text is null or event_type = $1)
                       and ($2::text is null or purchase_id = $2)
                       and ($3::text is null or coalesce(outcome, 'waiting') = $3)
                       and ($4::bigint is null or (received_at, event_id) < ($4, $5::text))
                     order by received_at desc, event_id desc
                     limit $6) as r
                   order by r.received_at desc, r.event_id desc
                   limit $6"#,
                filter.event_type,
                purchase_id,
                filter.outcome,
                time,
                id,
                limit,
                &parts
            )
            .fetch_all(store.single())
            .await
        };
    }
    Ok(match filter {
        Filter { purchase_id: Some(_), .. } => page!("purchase_id = $2"),
        Filter { outcome: Some(_), .. } => page!("coalesce(outcome, 'waiting') = $3"),
        Filter { event_type: Some(_), .. } => page!("event_type = $1"),
        Filter { .. } => page!("true"),
    }?)
}
