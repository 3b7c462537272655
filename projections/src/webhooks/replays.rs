//! Repetitions of a range of events: durable, in steps, with progress.

use firsthand_domain::ids::{ReplayId, WebhookEndpointId};
use firsthand_domain::webhook_endpoints::EndpointReplayRequested;
use firsthand_domain::{Book, StreamId};
use firsthand_eventstore::codec::Recorded;
use firsthand_eventstore::tasks::{NewTask, TaskClock};
use firsthand_eventstore::{Store, StoreError};
use serde::{Deserialize, Serialize};

/// The kind of task that carries a replay out.
pub const TASK: &str = "replay";

/// Events that are looked at in one step.
const STEP: i64 = 500;

/// A replay of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The replay.
    pub replay_id: String,
    /// The endpoint.
    pub endpoint_id: String,
    /// The earliest event, in microseconds since the epoch.
    pub since: i64,
    /// The end: events before it.
    pub until: i64,
    /// `missing`, `failed` or `all`.
    pub selection: String,
    /// `running`, `done` or `cancelled`.
    pub status: String,
    /// How many events will be sent; `None` until they were counted.
    pub total: Option<i64>,
    /// How many are on their way or sent.
    pub queued: i64,
    /// When it was asked for.
    pub requested_at: i64,
    /// When it ended.
    pub finished_at: Option<i64>,
}

/// What a replay's task knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayTask {
    /// The endpoint.
    pub endpoint_id: WebhookEndpointId,
    /// The replay.
    pub replay_id: ReplayId,
}

/// Returns the task that carries a replay out.
///
/// # Errors
/// [`StoreError::Corrupt`] if the event is not an endpoint's.
pub(super) fn task(
    recorded: &Recorded,
    requested: &EndpointReplayRequested,
) -> Result<NewTask, StoreError> {
    let StreamId::WebhookEndpoint(endpoint_id) = recorded.stream else {
        return Err(StoreError::corrupt(format!("a replay of {}", recorded.stream)));
    };
    let payload = ReplayTask { endpoint_id, replay_id: requested.replay_id };
    Ok(NewTask {
        task_id: format!("{TASK}:{}", recorded.position),
        kind: TASK,
        book: recorded.book.to_string(),
        payload: serde_json::to_vec(&payload).map_err(StoreError::corrupt)?,
        due_at: recorded.recorded_at,
        clock: TaskClock::None,
    })
}

/// Returns a replay of an endpoint of a book.
pub async fn get(
    store: &Store,
    book: Book,
    endpoint: WebhookEndpointId,
    id: ReplayId,
) -> Result<Option<Replay>, StoreError> {
    let found = sqlx::query_as!(
        Replay,
        "select r.* from set_config('firsthand.book', $4, true) as tenant(book)
         cross join lateral (
         select replay_id, endpoint_id, since, until, selection, status, total, queued,
                requested_at, finished_at
         from webhook_replays
         where part = $1 and endpoint_id = $2 and replay_id = $3 and book = tenant.book
         offset 0) as r",
        store.part_of_book(book),
        endpoint.to_string(),
        id.to_string(),
        book.to_string()
    )
    .fetch_optional(store.tenants())
    .await?;
    Ok(found)
}

/// Counts what a replay will send, unless that is known.
async fn count(
    connection: &mut sqlx::PgConnection,
    part: i16,
    endpoint: &str,
    id: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update webhook_replays as r
         set total = (
           select count(*) from webhook_events e
           join webhook_subscriptions s
             on s.part = e.part and s.book = e.book and s.endpoint_id = r.endpoint_id
           left join webhook_deliveries d
             on d.part = e.part and d.endpoint_id = r.endpoint_id and d.position = e.position
           where e.part = $1 and e.book = r.book
             and e.position > r.position and e.position <= r.last_position
             and case when e.only_endpoint is not null then r.endpoint_id = e.only_endpoint
                 else r.endpoint_id is distinct from e.except_endpoint
                      and (s.event_types is null or e.event_type = any(s.event_types)) end
             and case r.selection
                 when 'missing' then d.status is null or d.status in ('skipped', 'failed')
                 when 'failed' then d.status = 'failed'
                 else d.status is distinct from 'pending' end)
         where r.part = $1 and r.endpoint_id = $2 and r.replay_id = $3 and r.total is null",
        part,
        endpoint,
        id
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Does one step of a replay. Returns whether there may be more to do.
pub async fn step(
    store: &Store,
    endpoint: WebhookEndpointId,
    id: ReplayId,
    now: i64,
) -> Result<bool, StoreError> {
    let stream = StreamId::WebhookEndpoint(endpoint);
    let (part, endpoint, id) = (store.part_of(stream), stream.to_string(), id.to_string());
    let mut transaction = store.begin().await?;
    // The lane's row first, as everywhere.
    sqlx::query!(
        "select endpoint_id from webhook_lanes where part = $1 and endpoint_id = $2 for update",
        part,
        endpoint
    )
    .fetch_optional(&mut *transaction)
    .await?;
    // The row is locked first: a replay that is cancelled meanwhile makes no further step.
    let running = sqlx::query_scalar!(
        "select position from webhook_replays
         where part = $1 and endpoint_id = $2 and replay_id = $3 and status = 'running'
         for update",
        part,
        endpoint,
        id
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(after) = running else {
        transaction.commit().await?;
        return Ok(false);
    };
    count(&mut transaction, part, &endpoint, &id).await?;
    let looked_at = queue(&mut transaction, part, &endpoint, &id, (after, now)).await?;
    transaction.commit().await?;
    Ok(looked_at)
}

/// Queues what of the next events is to be sent; returns whether there were any.
async fn queue(
    connection: &mut sqlx::PgConnection,
    part: i16,
    endpoint: &str,
    id: &str,
    (after, now): (i64, i64),
) -> Result<bool, StoreError> {
    let row = sqlx::query!(
        r#"with page as materialized (
             select e.position, e.book, e.job_id, e.event_type, e.only_endpoint, e.except_endpoint,
                    r.selection
             from webhook_replays r
             join webhook_events e on e.part = r.part and e.book = r.book
             where r.part = $1 and r.endpoint_id = $2 and r.replay_id = $3 and e.position > $4
               and e.position <= r.last_position
             order by e.position
             limit $6),
           queued as (
             insert into webhook_deliveries as d (part, endpoint_id, position, book, job_id, status,
                                                  due_at)
             select $1, $2, p.position, p.book, p.job_id, 'pending', $5
             from page p
             join webhook_subscriptions s on s.part = $1 and s.book = p.book and s.endpoint_id = $2
             left join webhook_deliveries x
               on x.part = $1 and x.endpoint_id = $2 and x.position = p.position
             where s.enabled
               and case when p.only_endpoint is not null then $2 = p.only_endpoint
                   else $2 is distinct from p.except_endpoint
                        and (s.event_types is null or p.event_type = any(s.event_types)) end
               and case p.selection
                   when 'missing' then x.status is null or x.status in ('skipped', 'failed')
                   when 'failed' then x.status = 'failed'
                   else x.status is distinct from 'pending' end
             on conflict (part, endpoint_id, position) do update
             set status = 'pending', failures = 0, due_at = excluded.due_at,
                 clock_due_at = null
             returning 1),
           woken as (
             update webhook_lanes set due_at = least(due_at, greatest($5, not_before))
             where part = $1 and endpoint_id = $2 and exists (select from queued)),
           moved as (
             update webhook_replays
             set position = coalesce((select max(position) from page), position),
                 queued = queued + (select count(*) from queued),
                 status = case when exists (select from page) then status else 'done' end,
                 finished_at = case when exists (select from page) then finished_at else $5 end
             where part = $1 and endpoint_id = $2 and replay_id = $3)
           select exists (select from page) as "looked_at!""#,
        part,
        endpoint,
        id,
        after,
        now,
        STEP
    )
    .fetch_one(connection)
    .await?;
    Ok(row.looked_at)
}
