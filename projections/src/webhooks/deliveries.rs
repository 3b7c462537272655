//! What each endpoint is owed: rows that follow from the log, in the feed's transaction.
//!
//! Events and what happens to endpoints are taken in the order of the log, so an endpoint is owed
//! just what happened while it was subscribed.

use super::{feed, replays};
use firsthand_domain::ids::EventId;
use firsthand_domain::webhook_endpoints::{
    EndpointReplayRequested, Subscription, WebhookEndpointEvent,
};
use firsthand_domain::{Event, StreamId};
use firsthand_eventstore::StoreError;
use firsthand_eventstore::codec::Recorded;
use firsthand_eventstore::tasks;
use sqlx::PgConnection;
use std::sync::Arc;

/// Writes what a batch of events makes endpoints owed.
pub async fn project(
    connection: &mut PgConnection,
    part: i16,
    events: &[Arc<Recorded>],
) -> Result<(), StoreError> {
    let mut told: Option<(i64, i64)> = None;
    for recorded in events {
        if let Event::WebhookEndpoint(event) = &recorded.event {
            // What came before is owed to the endpoints as they were.
            owe(connection, part, told.take()).await?;
            change(connection, part, recorded, event).await?;
        }
        if feed::event_type(&recorded.event).is_some() {
            let first = told.map_or(recorded.position, |(first, _)| first);
            told = Some((first, recorded.position));
        }
    }
    owe(connection, part, told).await
}

/// Owes the webhook events of a range of positions to the endpoints that want them. A lane that is
/// due already is left alone: whoever serves it clears its time before he looks for the last time.
async fn owe(
    connection: &mut PgConnection,
    part: i16,
    range: Option<(i64, i64)>,
) -> Result<(), StoreError> {
    let Some((first, last)) = range else { return Ok(()) };
    sqlx::query!(
        "with owed as (
           insert into webhook_deliveries (part, endpoint_id, position, book, job_id, status, due_at)
           select e.part, s.endpoint_id, e.position, e.book, e.job_id,
                  case when s.enabled then 'pending' else 'skipped' end, e.recorded_at
           from webhook_events e
           join webhook_subscriptions s on s.part = e.part and s.book = e.book
           where e.part = $1 and e.position >= $2 and e.position <= $3
             and case when e.only_endpoint is not null then s.endpoint_id = e.only_endpoint
                 else s.endpoint_id is distinct from e.except_endpoint
                      and (s.event_types is null or e.event_type = any(s.event_types)) end
           on conflict do nothing
           returning endpoint_id, status, due_at)
         update webhook_lanes as l
         set due_at = least(l.due_at, greatest(o.due_at, l.not_before))
         from (select endpoint_id, min(due_at) as due_at from owed
               where status = 'pending' group by 1) as o
         where l.part = $1 and l.endpoint_id = o.endpoint_id
           and (l.due_at is null or l.due_at > greatest(o.due_at, l.not_before))",
        part,
        first,
        last
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes what happened to an endpoint into account.
async fn change(
    connection: &mut PgConnection,
    part: i16,
    recorded: &Recorded,
    event: &WebhookEndpointEvent,
) -> Result<(), StoreError> {
    let endpoint = recorded.stream;
    match event {
        WebhookEndpointEvent::Created(created) => {
            subscribe(connection, part, recorded, &created.settings.events).await?;
            sqlx::query!(
                "insert into webhook_lanes (part, endpoint_id, book) values ($1, $2, $3)
                 on conflict do nothing",
                part,
                endpoint.to_string(),
                recorded.book.to_string()
            )
            .execute(connection)
            .await?;
            Ok(())
        }
        WebhookEndpointEvent::Changed(changed) => {
            subscribe(connection, part, recorded, &changed.after.events).await?;
            wake(connection, part, recorded).await
        }
        WebhookEndpointEvent::SecretRotated(_) => wake(connection, part, recorded).await,
        WebhookEndpointEvent::Enabled(_) => {
            set_enabled(connection, part, recorded, true).await?;
            wipe(connection, part, endpoint).await?;
            wake(connection, part, recorded).await
        }
        // What it was owed is skipped by whoever sends to it: that may be much.
        WebhookEndpointEvent::Disabled(_) => {
            set_enabled(connection, part, recorded, false).await?;
            wake(connection, part, recorded).await
        }
        WebhookEndpointEvent::Deleted(_) => {
            sqlx::query!(
                "delete from webhook_subscriptions
                 where part = $1 and book = $2 and endpoint_id = $3",
                part,
                recorded.book.to_string(),
                endpoint.to_string()
            )
            .execute(&mut *connection)
            .await?;
            wake(connection, part, recorded).await
        }
        WebhookEndpointEvent::EventReplayed(replayed) => {
            repeat(connection, part, recorded, replayed.event_id).await
        }
        WebhookEndpointEvent::ReplayRequested(requested) => {
            begin_replay(connection, part, recorded, requested).await
        }
        WebhookEndpointEvent::ReplayCancelled(cancelled) => {
            sqlx::query!(
                "update webhook_replays set status = 'cancelled', finished_at = $4
                 where part = $1 and endpoint_id = $2 and replay_id = $3 and status = 'running'",
                part,
                endpoint.to_string(),
                cancelled.replay_id.to_string(),
                cancelled.at.micros()
            )
            .execute(connection)
            .await?;
            Ok(())
        }
        WebhookEndpointEvent::Failing(_)
        | WebhookEndpointEvent::Recovered(_)
        | WebhookEndpointEvent::Tested(_) => Ok(()),
    }
}

async fn subscribe(
    connection: &mut PgConnection,
    part: i16,
    recorded: &Recorded,
    subscription: &Subscription,
) -> Result<(), StoreError> {
    let types: Option<Vec<String>> = subscription
        .0
        .as_ref()
        .map(|types| types.iter().map(|wanted| wanted.as_str().to_owned()).collect());
    sqlx::query!(
        "insert into webhook_subscriptions (part, book, endpoint_id, enabled, event_types)
         values ($1, $2, $3, true, $4)
         on conflict (part, book, endpoint_id) do update set event_types = excluded.event_types",
        part,
        recorded.book.to_string(),
        recorded.stream.to_string(),
        types.as_deref()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whoever sends to the endpoint looks at it anew.
async fn wake(
    connection: &mut PgConnection,
    part: i16,
    recorded: &Recorded,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update webhook_lanes set due_at = least(due_at, $3)
         where part = $1 and endpoint_id = $2",
        part,
        recorded.stream.to_string(),
        recorded.recorded_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn set_enabled(
    connection: &mut PgConnection,
    part: i16,
    recorded: &Recorded,
    enabled: bool,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update webhook_subscriptions set enabled = $4
         where part = $1 and book = $2 and endpoint_id = $3",
        part,
        recorded.book.to_string(),
        recorded.stream.to_string(),
        enabled
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// An endpoint that is enabled begins with a clean record.
async fn wipe(
    connection: &mut PgConnection,
    part: i16,
    endpoint: StreamId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update webhook_lanes set not_before = 0, consecutive_failures = 0, failing_since = null
         where part = $1 and endpoint_id = $2",
        part,
        endpoint.to_string()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Owes one event once more, from the first attempt. The lane is locked first, as everywhere.
async fn repeat(
    connection: &mut PgConnection,
    part: i16,
    recorded: &Recorded,
    event: EventId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "with lane as materialized (
           select endpoint_id from webhook_lanes where part = $1 and endpoint_id = $2 for update),
         owed as (
           insert into webhook_deliveries (part, endpoint_id, position, book, job_id, status, due_at)
           select e.part, $2, e.position, e.book, e.job_id, 'pending', $4
           from lane, webhook_events e
           where e.part = $1 and e.event_id = $3 and e.book = $5
           on conflict (part, endpoint_id, position) do update
           set status = 'pending', failures = 0, due_at = excluded.due_at, clock_due_at = null
           returning endpoint_id, due_at)
         update webhook_lanes as l
         set due_at = least(l.due_at, greatest(o.due_at, l.not_before))
         from owed as o where l.part = $1 and l.endpoint_id = o.endpoint_id",
        part,
        recorded.stream.to_string(),
        event.to_string(),
        recorded.recorded_at,
        recorded.book.to_string()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes a replay and the task that carries it out: in one transaction, so that the task finds it.
async fn begin_replay(
    connection: &mut PgConnection,
    part: i16,
    recorded: &Recorded,
    requested: &EndpointReplayRequested,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into webhook_replays (part, book, endpoint_id, replay_id, since, until, selection,
                                      requested_at, position, last_position)
         values ($1, $2, $3, $4, $5, $6, $7, $8,
           coalesce((select position from webhook_events
                     where part = $1 and book = $2 and recorded_at < $5
                     order by recorded_at desc limit 1), 0),
           coalesce((select position from webhook_events
                     where part = $1 and book = $2 and recorded_at < $6
                     order by recorded_at desc limit 1), 0))
         on conflict do nothing",
        part,
        recorded.book.to_string(),
        recorded.stream.to_string(),
        requested.replay_id.to_string(),
        requested.since.micros(),
        requested.until.micros(),
        requested.only.as_str(),
        requested.at.micros()
    )
    .execute(&mut *connection)
    .await?;
    tasks::add(connection, part, &[replays::task(recorded, requested)?]).await
}
