//! The sender's side of deliveries: begin attempts, write down how they went. An attempt is on
//! record before its request leaves, so that the log knows of every request that a receiver saw.
//!
//! Every statement locks the lane's row before it writes, and does nothing unless the caller holds the
//! lane: so nobody sends what another one sends, and nothing waits in a circle.

use super::lanes::Health;
use firsthand_domain::StreamId;
use firsthand_domain::ids::WebhookEndpointId;
use firsthand_eventstore::{Store, StoreError};

/// Deliveries that are skipped in one statement.
const SKIPPED_AT_ONCE: i64 = 5_000;

/// Of an ordered endpoint, so many events that are due are looked at for one that may be begun. Those
/// that wait for an earlier one's retry are not due, so the window is not theirs.
const WINDOW: i64 = 1_000;

/// Due at no time of ours: what waits for its book's own clock.
pub const PARKED: i64 = i64::MAX;

/// What to look for.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The endpoint.
    pub endpoint_id: WebhookEndpointId,
    /// Who holds its lane.
    pub holder: &'a str,
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

/// Begins attempts of what is due, oldest first. Where nothing is due, nothing is locked either, so
/// that a look costs no flush of the log. Of an ordered endpoint only the first event of each
/// job that is owed may be begun.
pub async fn begin(store: &Store, wanted: &Wanted<'_>) -> Result<Vec<Begun>, StoreError> {
    let stream = StreamId::WebhookEndpoint(wanted.endpoint_id);
    let most = i64::try_from(wanted.attempt_ids.len()).unwrap_or(0);
    let mut rows = sqlx::query_as!(
        Begun,
        r#"with due as materialized (
             (select d.position from webhook_deliveries d
              where d.part = $1 and d.endpoint_id = $2 and d.status = 'pending' and d.due_at <= $3
                and d.position <> all($4::bigint[]) and not $5::boolean
              order by d.due_at, d.position
              limit $6)
             union all
             (select c.position from (
                select d.position, d.due_at, d.job_id from webhook_deliveries d
                where d.part = $1 and d.endpoint_id = $2 and d.status = 'pending'
                  and d.due_at <= $3 and $5
                order by d.due_at, d.position
                limit $10) c
              where c.position <> all($4) and (c.job_id is null or not exists (
                select from webhook_deliveries e
                where e.part = $1 and e.endpoint_id = $2 and e.status = 'pending'
                  and e.job_id = c.job_id and e.position < c.position))
              order by c.due_at, c.position
              limit $6)),
           lane as materialized (
             select endpoint_id from webhook_lanes
             where part = $1 and endpoint_id = $2 and holder = $9 and exists (select from due)
             for update),
           named as (
             select position, ($7::text[])[row_number() over (order by position)] as attempt_id
             from lane, due),
           begun as (
             update webhook_deliveries as d
             set attempts = d.attempts + 1, last_attempt_at = $3
             from named n
             where d.part = $1 and d.endpoint_id = $2 and d.position = n.position
               and d.status = 'pending'
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
        wanted.url,
        wanted.holder,
        WINDOW
    )
    .fetch_all(store.single())
    .await?;
    rows.sort_unstable_by_key(|begun| begun.position);
    Ok(rows)
}

/// Returns when something of an endpoint is due next.
pub async fn next_due(
    store: &Store,
    endpoint: WebhookEndpointId,
    ordered: bool,
) -> Result<Option<i64>, StoreError> {
    let stream = StreamId::WebhookEndpoint(endpoint);
    Ok(sqlx::query_scalar!(
        "select min(due_at) from (
           select min(due_at) as due_at from (
             select distinct on (job_id) due_at from webhook_deliveries
             where part = $1 and endpoint_id = $2 and status = 'pending' and job_id is not null
               and $3::boolean
             order by job_id, position) of_jobs
           union all
           select min(due_at) from webhook_deliveries
           where part = $1 and endpoint_id = $2 and status = 'pending' and job_id is null and $3
           union all
           select min(due_at) from webhook_deliveries
           where part = $1 and endpoint_id = $2 and status = 'pending' and not $3) heads",
        store.part_of(stream),
        stream.to_string(),
        ordered
    )
    .fetch_one(store.single())
    .await?)
}

/// Skips some of what a disabled endpoint is owed; it can be replayed. Returns whether there is more.
pub async fn skip(
    store: &Store,
    endpoint: WebhookEndpointId,
    holder: &str,
) -> Result<bool, StoreError> {
    let stream = StreamId::WebhookEndpoint(endpoint);
    let skipped = sqlx::query!(
        "with lane as materialized (
           select endpoint_id from webhook_lanes
           where part = $1 and endpoint_id = $2 and holder = $3 for update),
         chosen as materialized (
           select d.position from lane, webhook_deliveries d
           where d.part = $1 and d.endpoint_id = $2 and d.status = 'pending'
           limit $4)
         update webhook_deliveries as d set status = 'skipped'
         from chosen c
         where d.part = $1 and d.endpoint_id = $2 and d.position = c.position",
        store.part_of(stream),
        stream.to_string(),
        holder,
        SKIPPED_AT_ONCE
    )
    .execute(store.single())
    .await?;
    Ok(i64::try_from(skipped.rows_affected()).unwrap_or(0) == SKIPPED_AT_ONCE)
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
    /// Whether a failure is the receiver's, and counts.
    pub counts: bool,
    /// Failures before it.
    pub failures: i32,
    /// When to try again after a failure; `None` if it has failed for good.
    pub due_at: Option<i64>,
    /// When it is due again by its book's own clock; `due_at` is [`PARKED`] then.
    pub clock_due_at: Option<i64>,
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

/// Writes down how attempts to one endpoint went, and how it fares since (a success that follows
/// another within a second tells nothing new). Returns whether that was
/// done: who does not hold the lane any more has nothing to say. A delivery that was skipped
/// meanwhile stays so unless it was delivered, and one that was asked for anew is tried anew. Of an
/// ordered endpoint the later events of a job wait as long as the one that failed.
pub async fn settle(
    store: &Store,
    endpoint: WebhookEndpointId,
    holder: &str,
    outcomes: &[Outcome],
    (health, ordered): (&Health, bool),
) -> Result<bool, StoreError> {
    let stream = StreamId::WebhookEndpoint(endpoint);
    let rows = Rows::of(outcomes);
    let held = sqlx::query_file_scalar!(
        "src/webhooks/settle.sql",
        store.part_of(stream),
        stream.to_string(),
        holder,
        health.consecutive_failures,
        health.failing_since,
        health.last_success_at,
        health.last_failure_at,
        &rows.attempt_ids,
        &rows.positions,
        &rows.delivered,
        &rows.counts,
        &rows.failures,
        &rows.due_at as &[Option<i64>],
        &rows.request_headers,
        &rows.body_hashes,
        &rows.statuses as &[Option<i32>],
        &rows.response_headers as &[Option<Vec<u8>>],
        &rows.response_bodies as &[Option<Vec<u8>>],
        &rows.dns as &[Option<i64>],
        &rows.connect as &[Option<i64>],
        &rows.tls as &[Option<i64>],
        &rows.first_byte as &[Option<i64>],
        &rows.total,
        &rows.addresses as &[Option<String>],
        &rows.errors as &[Option<String>],
        ordered,
        &rows.clock_due_at as &[Option<i64>]
    )
    .fetch_one(store.single())
    .await?;
    Ok(held)
}

/// Outcomes, column by column.
#[derive(Default)]
struct Rows {
    attempt_ids: Vec<String>,
    positions: Vec<i64>,
    delivered: Vec<bool>,
    counts: Vec<bool>,
    failures: Vec<i32>,
    due_at: Vec<Option<i64>>,
    clock_due_at: Vec<Option<i64>>,
    request_headers: Vec<Vec<u8>>,
    body_hashes: Vec<Vec<u8>>,
    statuses: Vec<Option<i32>>,
    response_headers: Vec<Option<Vec<u8>>>,
    response_bodies: Vec<Option<Vec<u8>>>,
    dns: Vec<Option<i64>>,
    connect: Vec<Option<i64>>,
    tls: Vec<Option<i64>>,
    first_byte: Vec<Option<i64>>,
    total: Vec<i64>,
    addresses: Vec<Option<String>>,
    errors: Vec<Option<String>>,
}

impl Rows {
    fn of(outcomes: &[Outcome]) -> Self {
        let mut rows = Self::default();
        for outcome in outcomes {
            rows.attempt_ids.push(outcome.attempt_id.clone());
            rows.positions.push(outcome.position);
            rows.delivered.push(outcome.delivered);
            rows.counts.push(outcome.counts);
            rows.failures.push(outcome.failures);
            rows.due_at.push(outcome.due_at);
            rows.clock_due_at.push(outcome.clock_due_at);
            rows.request_headers.push(outcome.request_headers.clone());
            rows.body_hashes.push(outcome.body_hash.clone());
            rows.statuses.push(outcome.response_status);
            rows.response_headers.push(outcome.response_headers.clone());
            rows.response_bodies.push(outcome.response_body.clone());
            rows.dns.push(outcome.timings.dns);
            rows.connect.push(outcome.timings.connect);
            rows.tls.push(outcome.timings.tls);
            rows.first_byte.push(outcome.timings.first_byte);
            rows.total.push(outcome.timings.total);
            rows.addresses.push(outcome.address.clone());
            rows.errors.push(outcome.error_code.clone());
        }
        rows
    }
}
