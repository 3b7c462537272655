//! Lanes: one row for each endpoint says who sends to it now and when there is something to do.
//!
//! What is owed anew makes a lane due, held or not. Its holder clears that time before he looks for
//! the last time, after every transaction that may have found the lane due, and gives the lane back
//! with the time if it was set since. So no wake-up is lost, whatever comes between a look and a
//! release, and a lane that is served is left alone.

use crate::FEED_CURSOR;
use firsthand_domain::StreamId;
use firsthand_domain::ids::WebhookEndpointId;
use firsthand_eventstore::{Store, StoreError};

/// How an endpoint fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// Failures without a success between them.
    pub consecutive_failures: i64,
    /// Since when it fails, in microseconds since the epoch.
    pub failing_since: Option<i64>,
    /// The last success.
    pub last_success_at: Option<i64>,
    /// The last failure.
    pub last_failure_at: Option<i64>,
}

/// A lane that was acquired, or of which something new was heard.
#[derive(Debug, Clone)]
pub struct Lane {
    /// The part.
    pub part: i16,
    /// The endpoint.
    pub endpoint_id: WebhookEndpointId,
    /// Whose it is.
    pub book: String,
    /// How it fares.
    pub health: Health,
}

/// Returns the lanes of a part that a holder has and that are due.
pub async fn due(
    store: &Store,
    part: i16,
    holder: &str,
    now: i64,
) -> Result<Vec<WebhookEndpointId>, StoreError> {
    let rows = sqlx::query_scalar!(
        "select endpoint_id from webhook_lanes where part = $1 and due_at <= $3 and holder = $2",
        part,
        holder,
        now
    )
    .fetch_all(store.single())
    .await?;
    rows.into_iter().map(|id| id.parse().map_err(StoreError::corrupt)).collect()
}

/// Clears the time at which a held lane is due. Returns `None` if the lane is not held at all, and otherwise
/// whether all that was owed before is seen from here on: a transaction that is just now owing may have found
/// the lane due and left it alone. It holds the feed's cursor, as a rebuild does, for long: nobody waits for it.
pub async fn clear(
    store: &Store,
    endpoint: WebhookEndpointId,
    holder: &str,
) -> Result<Option<bool>, StoreError> {
    let stream = StreamId::WebhookEndpoint(endpoint);
    let cleared = sqlx::query!(
        "update webhook_lanes set due_at = null
         where part = $1 and endpoint_id = $2 and holder = $3",
        store.part_of(stream),
        stream.to_string(),
        holder
    )
    .execute(store.single())
    .await?;
    let free = sqlx::query!(
        "select position from cursors where part = $1 and projector = $2 for share skip locked",
        store.part_of(stream),
        FEED_CURSOR
    )
    .fetch_optional(store.single())
    .await?;
    Ok((cleared.rows_affected() > 0).then_some(free.is_some()))
}

/// Acquires up to `most` lanes of a part that are due and free, or whose hold has run out.
pub async fn acquire(
    store: &Store,
    part: i16,
    holder: &str,
    now: i64,
    until: i64,
    most: i64,
) -> Result<Vec<Lane>, StoreError> {
    let rows = sqlx::query!(
        "update webhook_lanes as l set holder = $2, held_until = $4, due_at = null
         where l.part = $1 and l.endpoint_id in (
           select endpoint_id from webhook_lanes
           where part = $1
             and ((due_at <= $3 and holder is null)
                  or (holder is not null and held_until < $3))
           order by due_at
           limit $5
           for update skip locked)
         returning endpoint_id, book, consecutive_failures, failing_since, last_success_at,
                   last_failure_at",
        part,
        holder,
        now,
        until,
        most
    )
    .fetch_all(store.single())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Lane {
                part,
                endpoint_id: row.endpoint_id.parse().map_err(StoreError::corrupt)?,
                book: row.book,
                health: Health {
                    consecutive_failures: row.consecutive_failures,
                    failing_since: row.failing_since,
                    last_success_at: row.last_success_at,
                    last_failure_at: row.last_failure_at,
                },
            })
        })
        .collect()
}

/// Extends the holder's hold on lanes of a part. One whose row is locked is left for the next time.
pub async fn extend(
    store: &Store,
    part: i16,
    holder: &str,
    endpoints: &[String],
    until: i64,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update webhook_lanes set held_until = $4
         where part = $1 and endpoint_id in (
           select endpoint_id from webhook_lanes
           where part = $1 and endpoint_id = any($3) and holder = $2
           for update skip locked)",
        part,
        holder,
        endpoints,
        until
    )
    .execute(store.single())
    .await?;
    Ok(())
}

/// Ends every hold on lanes of a part: whoever had them is known to be gone.
pub async fn end_holds(store: &Store, part: i16, now: i64) -> Result<(), StoreError> {
    sqlx::query!(
        "update webhook_lanes set held_until = $2::bigint - 1 where part = $1 and holder is not null",
        part,
        now
    )
    .execute(store.single())
    .await?;
    Ok(())
}

/// Takes one lane that nobody else holds. Returns whether it is held now.
pub async fn take(
    store: &Store,
    endpoint: WebhookEndpointId,
    holder: &str,
    until: i64,
) -> Result<bool, StoreError> {
    let stream = StreamId::WebhookEndpoint(endpoint);
    let taken = sqlx::query!(
        "update webhook_lanes set holder = $3, held_until = $4, due_at = null
         where part = $1 and endpoint_id = $2 and (holder is null or holder = $3)",
        store.part_of(stream),
        stream.to_string(),
        holder,
        until
    )
    .execute(store.single())
    .await?;
    Ok(taken.rows_affected() > 0)
}

/// When a lane that is given back is due again.
#[derive(Debug, Clone, Copy)]
pub struct Next {
    /// When something falls due; earlier if something is heard of meanwhile.
    pub due_at: Option<i64>,
    /// Nothing is sent before this time, unless the endpoint's record was wiped clean meanwhile.
    pub not_before: i64,
}

/// Gives a lane back. Returns whether that was done: a row that is locked just now is not waited
/// for.
pub async fn release(
    store: &Store,
    endpoint: WebhookEndpointId,
    holder: &str,
    next: Next,
) -> Result<bool, StoreError> {
    let stream = StreamId::WebhookEndpoint(endpoint);
    let released = sqlx::query!(
        "update webhook_lanes
         set holder = null, held_until = null,
             not_before = case when consecutive_failures > 0 then $5::bigint else 0 end,
             due_at = case when coalesce(due_at, $4::bigint) is not null
                           then greatest(least(due_at, $4),
                                         case when consecutive_failures > 0 then $5 end) end
         where part = $1 and endpoint_id in (
           select endpoint_id from webhook_lanes
           where part = $1 and endpoint_id = $2 and holder = $3
           for update skip locked)",
        store.part_of(stream),
        stream.to_string(),
        holder,
        next.due_at,
        next.not_before
    )
    .execute(store.single())
    .await?;
    Ok(released.rows_affected() > 0)
}

/// Removes the lane of a deleted endpoint, and what was sealed for it.
pub async fn remove(
    store: &Store,
    endpoint: WebhookEndpointId,
    holder: &str,
) -> Result<(), StoreError> {
    let stream = StreamId::WebhookEndpoint(endpoint);
    sqlx::query!(
        "with removed as (
           delete from webhook_lanes where part = $1 and endpoint_id = $2 and holder = $3
           returning part, endpoint_id)
         delete from sealed_values s using removed r
         where s.part = r.part and s.stream = r.endpoint_id",
        store.part_of(stream),
        stream.to_string(),
        holder
    )
    .execute(store.single())
    .await?;
    Ok(())
}
