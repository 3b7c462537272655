//! What the payment provider told us: kept as it was told, each with the task that acts on it.

use crate::error::StoreError;
use crate::store::Store;
use crate::tasks::{self, NewTask, TaskClock};
use firsthand_domain::Environment;
use serde::{Deserialize, Serialize};

/// The kind of task that acts on one.
pub const TASK: &str = "payment_event";

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

/// Keeps an event and owes its task, in one transaction. Returns `false` if it was told before.
///
/// # Errors
/// If the database can't be reached.
pub async fn receive(store: &Store, event: NewPaymentEvent<'_>) -> Result<bool, StoreError> {
    let mut transaction = store.begin().await?;
    let new = sqlx::query!(
        "insert into payment_events (part, event_id, event_type, purchase_id, received_at, payload)
         values ($1, $2, $3, $4, $5, $6)
         on conflict do nothing",
        event.part,
        event.event_id,
        event.event_type,
        event.purchase_id,
        event.received_at,
        event.payload
    )
    .execute(&mut *transaction)
    .await?
    .rows_affected()
        == 1;
    if new {
        let known = PaymentEventTask {
            event_id: event.event_id.to_owned(),
            environment: event.environment,
        };
        let task = NewTask {
            task_id: format!("{TASK}:{}", event.event_id),
            kind: TASK,
            book: "payments".to_owned(),
            payload: serde_json::to_vec(&known).map_err(StoreError::corrupt)?,
            due_at: event.received_at,
            clock: TaskClock::None,
        };
        tasks::add(&mut transaction, event.part, &[task]).await?;
    }
    transaction.commit().await?;
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

/// Records what became of an event: `booked`, `ignored`, `unknown` or `refused`.
///
/// # Errors
/// If the database can't be reached.
pub async fn settle(
    store: &Store,
    part: i16,
    event_id: &str,
    outcome: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update payment_events set outcome = $3 where part = $1 and event_id = $2",
        part,
        event_id,
        outcome
    )
    .execute(store.single())
    .await?;
    Ok(())
}
