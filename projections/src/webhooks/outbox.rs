//! The sender's side of deliveries: begin attempts, write down how they went. An attempt is on
//! record before its request leaves, so that the log knows of every request that a receiver saw.

use super::lanes::Health;
use firsthand_domain::StreamId;
use firsthand_domain::ids::WebhookEndpointId;
use firsthand_eventstore::{Store, StoreError};

/// What to look for.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The endpoint.
    pub endpoint_id: WebhookEndpointId,
    /// The time, in microseconds since the epoch.
    pub now: i64,
    /// Positions whose requests are under way.
    pub under_way: &'a [i64],
    /// Whether an event waits for the earlier ones of its job.
    pub ordered: bool,
    /// Where requests go.
    pub url: &'a str,
    /// Names for the attempts; as many are begun at most.
    pub attempt_ids: &'a [String],
}

/// An attempt that was begun.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Its name.
    pub attempt_id: String,
    /// The event's position.
    pub position: i64,
    /// The event.
    pub event_id: String,
    /// Its number, from 1.
    pub attempt: i32,
    /// Failures before it, since the delivery was last asked for.
    pub failures: i32,
    /// The file whose link the body still lacks.
    pub file_key: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Begins attempts of what is due, oldest first.
pub async fn begin(store: &Store, wanted: &Wanted<'_>) -> Result<Vec<Begun>, StoreError> {
    let stream = StreamId::WebhookEndpoint(wanted.endpoint_id);
    let most = i64::try_from(wanted.attempt_ids.len()).unwrap_or(0);
    let mut rows = sqlx::query_as!(
        Begun,
        r#"with due as materialized (
             select d.position from webhook_deliveries d
             where d.part = $1 and d.endpoint_id = $2 and d.status = 'pending' and d.due_at <= $3
               and d.position <> all($4::bigint[])
               and (not $5::boolean or d.job_id is null or not exists (
                 select from webhook_deliveries e
                 where e.part = $1 and e.endpoint_id = $2 and e.status = 'pending'
                   and e.job_id = d.job_id and e.position < d.position))
             order by d.due_at, d.position
             limit $6),
           named as (
             select position, ($7::text[])[row_number() over (order by position)] as attempt_id
             from due),
           begun as (
             update webhook_deliveries as d
             set attempts = d.attempts + 1, last_attempt_at = $3
             from named n
             where d.part = $1 and d.endpoint_id = $2 and d.position = n.position
             returning n.attempt_id, d.position, d.attempts, d.failures, d.book),
           logged as (
             insert into webhook_attempts (part, endpoint_id, attempt_id, position, book, attempt,
                                           begun_at, url)
             select $1, $2, attempt_id, position, book, attempts, $3, $8 from begun)
           select b.attempt_id as "attempt_id!", b.position, e.event_id, b.attempts as attempt,
                  b.failures, case when s.body is null then e.file_key end as file_key,
                  coalesce(s.body, e.body) as "body!"
           from begun b
           join webhook_events e on e.part = $1 and e.position = b.position
           left join webhook_bodies s on s.part = $1 and s.position = b.position"#,
        store.part_of(stream),
        stream.to_string(),
        wanted.now,
        wanted.under_way,
        wanted.ordered,
        most,
        wanted.attempt_ids,
        wanted.url
    )
    .fetch_all(store.writer())
    .await?;
    rows.sort_unstable_by_key(|begun| begun.position);
    Ok(rows)
}

/// Returns when something of an endpoint is due next, besides what is under way.
pub async fn next_due(store: &Store, wanted: &Wanted<'_>) -> Result<Option<i64>, StoreError> {
    let stream = StreamId::WebhookEndpoint(wanted.endpoint_id);
    Ok(sqlx::query_scalar!(
        "select min(d.due_at) from webhook_deliveries d
         where d.part = $1 and d.endpoint_id = $2 and d.status = 'pending'
           and d.position <> all($3::bigint[])
           and (not $4::boolean or d.job_id is null or not exists (
             select from webhook_deliveries e
             where e.part = $1 and e.endpoint_id = $2 and e.status = 'pending'
               and e.job_id = d.job_id and e.position < d.position))",
        store.part_of(stream),
        stream.to_string(),
        wanted.under_way,
        wanted.ordered
    )
    .fetch_one(store.writer())
    .await?)
}

/// How an attempt went.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The attempt.
    pub attempt_id: String,
    /// The event's position.
    pub position: i64,
    /// Whether it was delivered.
    pub delivered: bool,
    /// When to try again after a failure; `None` if it has failed for good.
    pub due_at: Option<i64>,
    /// The request's headers, as JSON.
    pub request_headers: Vec<u8>,
    /// SHA-256 of the body.
    pub body_hash: Vec<u8>,
    /// The answer's status.
    pub response_status: Option<i32>,
    /// The answer's headers, as JSON.
    pub response_headers: Option<Vec<u8>>,
    /// The beginning of the answer's body.
    pub response_body: Option<Vec<u8>>,
    /// How long it took, step by step, in microseconds.
    pub timings: Timings,
    /// Where it was sent.
    pub address: Option<String>,
    /// What went wrong.
    pub error_code: Option<String>,
}

/// How long an attempt took, in microseconds from its begin or for a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// To resolve the name.
    pub dns: Option<i64>,
    /// To connect.
    pub connect: Option<i64>,
    /// To agree on keys.
    pub tls: Option<i64>,
    /// Until the first byte of the answer.
    pub first_byte: Option<i64>,
    /// In all.
    pub total: i64,
}

/// Writes down how attempts to one endpoint went, and how it fares since.
pub async fn settle(
    store: &Store,
    endpoint: WebhookEndpointId,
    outcomes: &[Outcome],
    health: &Health,
) -> Result<(), StoreError> {
    let stream = StreamId::WebhookEndpoint(endpoint);
    let (part, name) = (store.part_of(stream), stream.to_string());
    let mut transaction = store.begin().await?;
    log(&mut transaction, part, &name, outcomes).await?;
    deliver(&mut transaction, part, &name, outcomes).await?;
    sqlx::query!(
        "update webhook_lanes
         set consecutive_failures = $3, failing_since = $4, last_success_at = $5,
             last_failure_at = $6
         where part = $1 and endpoint_id = $2",
        part,
        name,
        health.consecutive_failures,
        health.failing_since,
        health.last_success_at,
        health.last_failure_at
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(())
}

/// Completes the attempts' rows.
async fn log(
    connection: &mut sqlx::PgConnection,
    part: i16,
    endpoint: &str,
    outcomes: &[Outcome],
) -> Result<(), StoreError> {
    let time = |get: fn(&Timings) -> Option<i64>| -> Vec<Option<i64>> {
        outcomes.iter().map(|outcome| get(&outcome.timings)).collect()
    };
    let ids: Vec<_> = outcomes.iter().map(|o| o.attempt_id.clone()).collect();
    let succeeded: Vec<_> = outcomes.iter().map(|o| o.delivered).collect();
    let headers: Vec<_> = outcomes.iter().map(|o| o.request_headers.clone()).collect();
    let hashes: Vec<_> = outcomes.iter().map(|o| o.body_hash.clone()).collect();
    let statuses: Vec<_> = outcomes.iter().map(|o| o.response_status).collect();
    let answer_headers: Vec<_> = outcomes.iter().map(|o| o.response_headers.clone()).collect();
    let answers: Vec<_> = outcomes.iter().map(|o| o.response_body.clone()).collect();
    let addresses: Vec<_> = outcomes.iter().map(|o| o.address.clone()).collect();
    let errors: Vec<_> = outcomes.iter().map(|o| o.error_code.clone()).collect();
    sqlx::query!(
        "update webhook_attempts as a
         set status = case when o.succeeded then 'succeeded' else 'failed' end,
             request_headers = o.request_headers, body_hash = o.body_hash,
             response_status = o.response_status, response_headers = o.response_headers,
             response_body = o.response_body, dns_us = o.dns, connect_us = o.connect,
             tls_us = o.tls, first_byte_us = o.first_byte, total_us = o.total,
             address = o.address, error_code = o.error_code
         from unnest($3::text[], $4::boolean[], $5::bytea[], $6::bytea[], $7::int[], $8::bytea[],
                     $9::bytea[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[],
                     $14::bigint[], $15::text[], $16::text[])
           as o(attempt_id, succeeded, request_headers, body_hash, response_status,
                response_headers, response_body, dns, connect, tls, first_byte, total, address,
                error_code)
         where a.part = $1 and a.endpoint_id = $2 and a.attempt_id = o.attempt_id",
        part,
        endpoint,
        &ids,
        &succeeded,
        &headers,
        &hashes,
        &statuses as &[Option<i32>],
        &answer_headers as &[Option<Vec<u8>>],
        &answers as &[Option<Vec<u8>>],
        &time(|timings| timings.dns) as &[Option<i64>],
        &time(|timings| timings.connect) as &[Option<i64>],
        &time(|timings| timings.tls) as &[Option<i64>],
        &time(|timings| timings.first_byte) as &[Option<i64>],
        &time(|timings| Some(timings.total)) as &[Option<i64>],
        &addresses as &[Option<String>],
        &errors as &[Option<String>]
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves the deliveries on. One that was skipped meanwhile stays so unless it was delivered.
async fn deliver(
    connection: &mut sqlx::PgConnection,
    part: i16,
    endpoint: &str,
    outcomes: &[Outcome],
) -> Result<(), StoreError> {
    let positions: Vec<_> = outcomes.iter().map(|o| o.position).collect();
    let delivered: Vec<_> = outcomes.iter().map(|o| o.delivered).collect();
    let due: Vec<_> = outcomes.iter().map(|o| o.due_at).collect();
    let statuses: Vec<_> = outcomes.iter().map(|o| o.response_status).collect();
    let errors: Vec<_> = outcomes.iter().map(|o| o.error_code.clone()).collect();
    sqlx::query!(
        "update webhook_deliveries as d
         set status = case when o.delivered then 'delivered'
                           when d.status = 'pending' and o.due_at is null then 'failed'
                           else d.status end,
             failures = d.failures + case when o.delivered then 0 else 1 end,
             due_at = coalesce(o.due_at, d.due_at),
             response_status = o.response_status, error_code = o.error_code
         from unnest($3::bigint[], $4::boolean[], $5::bigint[], $6::int[], $7::text[])
           as o(position, delivered, due_at, response_status, error_code)
         where d.part = $1 and d.endpoint_id = $2 and d.position = o.position",
        part,
        endpoint,
        &positions,
        &delivered,
        &due as &[Option<i64>],
        &statuses as &[Option<i32>],
        &errors as &[Option<String>]
    )
    .execute(connection)
    .await?;
    Ok(())
}
