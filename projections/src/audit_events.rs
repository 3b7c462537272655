//! The audit trail: every domain event is an audit event (design D12). The projection is only the
//! index; the event itself is read from the log.

use crate::finance::position;
use crate::page::Page;
use firsthand_domain::ids::RequestId;
use firsthand_domain::submissions::SubmissionEvent;
use firsthand_domain::{Book, Event, StreamId};
use firsthand_eventstore::codec::Recorded;
use firsthand_eventstore::{Store, StoreError};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Writes the index rows of a batch.
pub(crate) async fn project(
    connection: &mut PgConnection,
    part: i16,
    events: &[Arc<Recorded>],
) -> Result<(), StoreError> {
    let jobs = jobs_of_submissions(connection, part, events).await?;
    let (mut books, mut positions) = (Vec::new(), Vec::new());
    let (mut types, mut job_ids, mut requests) = (Vec::new(), Vec::new(), Vec::new());
    for recorded in events {
        books.push(recorded.book.to_string());
        positions.push(recorded.position);
        types.push(recorded.event.name().to_owned());
        requests.push(recorded.request_id.map(|id| id.to_string()));
        job_ids.push(match recorded.stream {
            StreamId::Job(id) => Some(id.to_string()),
            StreamId::Submission(id) => jobs.get(&id.to_string()).cloned(),
            StreamId::Credits(..) => job_of_money(&recorded.event),
            StreamId::Organization(_)
            | StreamId::ApiKey(_)
            | StreamId::Worker(_)
            | StreamId::WebhookEndpoint(_)
            | StreamId::Purchase(_)
            | StreamId::Earnings(_)
            | StreamId::Payout(_)
            | StreamId::Appeal(_)
            | StreamId::TestClock(_) => None,
        });
    }
    sqlx::query!(
        "insert into audit_events (part, book, position, event_type, job_id, request_id)
         select $1, a.*
         from unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[]) as a",
        part,
        &books,
        &positions,
        &types,
        &job_ids as &[Option<String>],
        &requests as &[Option<String>]
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn job_of_money(event: &Event) -> Option<String> {
    use firsthand_domain::credits::CreditEvent;
    let Event::Credits(event) = event else { return None };
    match event {
        CreditEvent::Held(held) => Some(held.job_id.to_string()),
        CreditEvent::Captured(captured) => Some(captured.job_id.to_string()),
        CreditEvent::Released(released) => Some(released.job_id.to_string()),
        CreditEvent::Granted(_)
        | CreditEvent::Expired(_)
        | CreditEvent::LowBalance(_)
        | CreditEvent::ExpiringSoon(_)
        | CreditEvent::TopUpRequested(_)
        | CreditEvent::AutoToppedUp(_)
        | CreditEvent::TopUpFailed(_)
        | CreditEvent::CardSaved(_)
        | CreditEvent::ChargedBack(_)
        | CreditEvent::DebtSettled(_) => None,
    }
}

/// A submission's job never changes, so its state row tells it, however late this runs; where an event of
/// the batch tells it, nothing is read.
async fn jobs_of_submissions(
    connection: &mut PgConnection,
    part: i16,
    events: &[Arc<Recorded>],
) -> Result<BTreeMap<String, String>, StoreError> {
    let (mut jobs, mut unknown) = (BTreeMap::new(), BTreeSet::new());
    for recorded in events {
        let Event::Submission(event) = &recorded.event else { continue };
        let submission = recorded.stream.to_string();
        let job_id = match event {
            SubmissionEvent::Accepted(accepted) => accepted.job_id,
            SubmissionEvent::Approved(approved) => approved.job_id,
            SubmissionEvent::Uploaded(_)
            | SubmissionEvent::Scored(_)
            | SubmissionEvent::RetryRequested(_)
            | SubmissionEvent::Rejected(_)
            | SubmissionEvent::Withdrawn(_)
            | SubmissionEvent::TimedOut(_)
            | SubmissionEvent::Delivered(_)
            | SubmissionEvent::LinkRefreshed(_) => {
                unknown.insert(submission);
                continue;
            }
        };
        jobs.insert(submission, job_id.to_string());
    }
    let unknown: Vec<String> =
        unknown.into_iter().filter(|submission| !jobs.contains_key(submission)).collect();
    if unknown.is_empty() {
        return Ok(jobs);
    }
    let rows = sqlx::query!(
        r#"select stream, parent as "parent!" from streams
           where part = $1 and stream = any($2) and parent is not null"#,
        part,
        &unknown
    )
    .fetch_all(connection)
    .await?;
    jobs.extend(rows.into_iter().map(|row| (row.stream, row.parent)));
    Ok(jobs)
}

/// One event of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEventRow {
    /// Position in the part: with it, the identity of the event.
    pub position: i64,
    /// Number in the book.
    pub sequence: i64,
    /// The stored name.
    pub event_type: String,
    /// Microseconds since the epoch.
    pub recorded_at: i64,
    /// The time of its book, if that has a clock of its own.
    pub effective_at: Option<i64>,
    /// Who caused it.
    pub actor: String,
    /// The request that caused it.
    pub request_id: String,
    /// What it concerns.
    pub stream: String,
    /// The job that it concerns.
    pub job_id: Option<String>,
    /// The payload, as JSON text.
    pub payload: Vec<u8>,
    /// Hash of the event in the book's Merkle log.
    pub leaf: Vec<u8>,
}

/// What the trail is filtered by.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only what concerns this job.
    pub job_id: Option<String>,
    /// Only events with this name.
    pub event_type: Option<String>,
    /// Only what this actor caused.
    pub actor: Option<String>,
    /// Only events of this stream.
    pub stream: Option<String>,
    /// Only events above this position.
    pub after: Option<i64>,
    /// Only events before this position.
    pub before: Option<i64>,
}

/// Events that one request can have caused in a book: more than any command appends.
const MOST_OF_REQUEST: i64 = 1_000;

/// Returns what a request caused in a book, in order.
pub async fn of_request(
    store: &Store,
    book: Book,
    request: RequestId,
) -> Result<Vec<AuditEventRow>, StoreError> {
    let rows = sqlx::query_as!(
        AuditEventRow,
        "select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
         select a.position, e.sequence, a.event_type, e.recorded_at, e.effective_at, e.actor,
                e.request_id, e.stream, a.job_id, e.payload, e.leaf
         from audit_events a
         join events e on e.part = a.part and e.position = a.position
         where a.part = $1 and a.book = tenant.book and e.part = $1 and e.book = tenant.book and a.request_id = $3
         order by a.position
         limit $4
         offset 0) as r",
        store.part_of_book(book),
        book.to_string(),
        request.to_string(),
        MOST_OF_REQUEST
    )
    .fetch_all(store.tenants())
    .await?;
    Ok(rows)
}

/// Returns the position of the last event that happened at or before an instant (microseconds since
/// the epoch) by the time of this book.
pub async fn position_at(store: &Store, book: Book, instant: i64) -> Result<i64, StoreError> {
    let mut connection = store.single().acquire().await?;
    position::at(&mut connection, store.part_of_book(book), Some(book), instant).await
}

/// Lists a book's trail, newest first. Events are looked up by their position (`offset 0` sees to it):
/// nothing that is asked of them has the log of other books searched.
pub async fn list(
    store: &Store,
    book: Book,
    filter: &Filter,
    limit: i64,
) -> Result<Page<AuditEventRow>, StoreError> {
    if let Some(stream) = &filter.stream {
        return list_of_stream(store, book, stream, filter, limit).await;
    }
    let rows = sqlx::query_as!(
        AuditEventRow,
        "select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
         select a.position, e.sequence, a.event_type, e.recorded_at, e.effective_at, e.actor,
                e.request_id, e.stream, a.job_id, e.payload, e.leaf
         from audit_events a
         cross join lateral (
           select * from events
           where part = $1 and position = a.position and book = tenant.book
           offset 0) e
         where a.part = $1 and a.book = tenant.book
           and ($3::text is null or a.job_id = $3)
           and ($4::text is null or a.event_type = $4)
           and a.position > $5 and a.position < $6
           and ($7::text is null or e.actor = $7)
         order by a.position desc
         limit $8
         offset 0) as r",
        store.part_of_book(book),
        book.to_string(),
        filter.job_id,
        filter.event_type,
        filter.after.unwrap_or(0),
        filter.before.unwrap_or(i64::MAX),
        filter.actor,
        limit + 1
    )
    .fetch_all(store.tenants())
    .await?;
    Ok(Page::of(rows, limit))
}

/// Lists the trail of one stream, newest first. A statement of its own, so that it can use the log's
/// key of streams.
async fn list_of_stream(
    store: &Store,
    book: Book,
    stream: &str,
    filter: &Filter,
    limit: i64,
) -> Result<Page<AuditEventRow>, StoreError> {
    let rows = sqlx::query_as!(
        AuditEventRow,
        "select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
         select a.position, e.sequence, a.event_type, e.recorded_at, e.effective_at, e.actor,
                e.request_id, e.stream, a.job_id, e.payload, e.leaf
         from events e
         join audit_events a on a.part = e.part and a.position = e.position
         where e.part = $1 and e.book = tenant.book and a.part = $1 and a.book = tenant.book
           and e.stream = $3
           and e.position > $4 and e.position < $5
           and ($6::text is null or a.job_id = $6)
           and ($7::text is null or a.event_type = $7)
           and ($8::text is null or e.actor = $8)
         order by e.version desc
         limit $9
         offset 0) as r",
        store.part_of_book(book),
        book.to_string(),
        stream,
        filter.after.unwrap_or(0),
        filter.before.unwrap_or(i64::MAX),
        filter.job_id,
        filter.event_type,
        filter.actor,
        limit + 1
    )
    .fetch_all(store.tenants())
    .await?;
    Ok(Page::of(rows, limit))
}
