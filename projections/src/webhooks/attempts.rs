//! The attempt log, as a tenant sees it.

use crate::page::{Page, PageRequest};
use firsthand_domain::Book;
use firsthand_eventstore::{Store, StoreError};

/// An attempt.
#[derive(Debug, Clone)]
pub struct AttemptRow {
    /// Its name.
    pub attempt_id: String,
    /// The endpoint.
    pub endpoint_id: String,
    /// The event.
    pub event_id: String,
    /// The event's type.
    pub event_type: String,
    /// Its number, from 1.
    pub attempt: i32,
    /// `succeeded`, `failed` or `unknown`.
    pub status: String,
    /// When it began, in microseconds since the epoch.
    pub begun_at: i64,
    /// Where it was sent.
    pub url: String,
    /// The request's headers, as JSON.
    pub request_headers: Option<Vec<u8>>,
    /// SHA-256 of the body.
    pub body_hash: Option<Vec<u8>>,
    /// The answer's status.
    pub response_status: Option<i32>,
    /// The answer's headers, as JSON.
    pub response_headers: Option<Vec<u8>>,
    /// The beginning of the answer's body.
    pub response_body: Option<Vec<u8>>,
    /// Microseconds to resolve the name.
    pub dns_us: Option<i64>,
    /// Microseconds to connect.
    pub connect_us: Option<i64>,
    /// Microseconds to agree on keys.
    pub tls_us: Option<i64>,
    /// Microseconds until the first byte of the answer.
    pub first_byte_us: Option<i64>,
    /// Microseconds in all.
    pub total_us: Option<i64>,
    /// The address that it was sent to.
    pub address: Option<String>,
    /// What went wrong.
    pub error_code: Option<String>,
}

/// What a list of attempts is filtered by.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this endpoint's.
    pub endpoint_id: Option<String>,
    /// Only this event's.
    pub event_id: Option<String>,
    /// Only those that went so.
    pub status: Option<String>,
}

/// Lists attempts, newest first.
pub async fn list(
    store: &Store,
    book: Book,
    filter: &Filter,
    page: &PageRequest,
) -> Result<Page<AttemptRow>, StoreError> {
    let rows = sqlx::query_as!(
        AttemptRow,
        "select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
         select a.attempt_id, a.endpoint_id, e.event_id, e.event_type, a.attempt, a.status,
                a.begun_at, a.url, a.request_headers, a.body_hash, a.response_status,
                a.response_headers, a.response_body, a.dns_us, a.connect_us, a.tls_us,
                a.first_byte_us, a.total_us, a.address, a.error_code
         from webhook_attempts a
         join webhook_events e on e.part = a.part and e.position = a.position
         where a.part = $1 and a.book = tenant.book and e.part = $1
           and ($3::text is null or a.endpoint_id = $3)
           and ($4::text is null or a.position = (
                 select f.position from webhook_events f where f.part = $1 and f.event_id = $4))
           and ($5::text is null or a.status = $5)
           and ($6::text is null or a.attempt_id < $6)
         order by a.attempt_id desc
         limit $7
         offset 0) as r",
        store.part_of_book(book),
        book.to_string(),
        filter.endpoint_id,
        filter.event_id,
        filter.status,
        page.after.as_deref(),
        page.limit + 1
    )
    .fetch_all(store.tenants())
    .await?;
    Ok(Page::of(rows, page.limit))
}

/// Forgets up to `most` attempts of a part that were begun before a time. Returns whether there may be more.
pub async fn prune(store: &Store, part: i16, before: i64, most: i64) -> Result<bool, StoreError> {
    let deleted = sqlx::query!(
        "delete from webhook_attempts
         where part = $1 and (endpoint_id, attempt_id) in (
           select endpoint_id, attempt_id from webhook_attempts
           where part = $1 and begun_at < $2
           order by begun_at
           limit $3)",
        part,
        before,
        most
    )
    .execute(store.single())
    .await?;
    Ok(i64::try_from(deleted.rows_affected()) == Ok(most))
}
