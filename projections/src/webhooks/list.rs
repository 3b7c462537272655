//! Webhook events and what became of them, as a tenant sees them.

use crate::page::Page;
use firsthand_domain::Book;
use firsthand_domain::ids::{EventId, WebhookEndpointId};
use firsthand_eventstore::{Store, StoreError};

/// A webhook event.
#[derive(Debug, Clone)]
pub struct FeedRow {
    /// The event.
    pub event_id: String,
    /// Its position in the log.
    pub position: i64,
    /// Its type.
    pub event_type: String,
    /// The file whose link the body still lacks.
    pub file_key: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// The worst of its deliveries: `failed`, `pending`, `skipped`, `delivered` or `none`.
    pub delivery_status: String,
}

/// What a list of webhook events is filtered by.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only with that worst delivery.
    pub delivery_status: Option<String>,
    /// Only these types.
    pub event_types: Option<Vec<String>>,
    /// Only those that this endpoint is owed.
    pub endpoint_id: Option<String>,
    /// Only those that concern this job.
    pub job_id: Option<String>,
    /// Only events before this position.
    pub before: Option<i64>,
}

/// Lists a book's events, newest first.
pub async fn newest(
    store: &Store,
    book: Book,
    filter: &Filter,
    limit: i64,
) -> Result<Page<FeedRow>, StoreError> {
    match filter.delivery_status.as_deref() {
        Some(status @ ("failed" | "pending" | "skipped")) => {
            by_status(store, book, filter, status, limit).await
        }
        _ => of_book(store, book, filter, limit).await,
    }
}

/// Lists events one of whose deliveries is in a status that few are in: these are looked up first.
async fn by_status(
    store: &Store,
    book: Book,
    filter: &Filter,
    status: &str,
    limit: i64,
) -> Result<Page<FeedRow>, StoreError> {
    let rows = sqlx::query_as!(
        FeedRow,
        r#"select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
         select e.event_id, e.position, e.event_type,
                  case when s.body is null then e.file_key end as file_key,
                  coalesce(s.body, e.body) as "body!", w.worst as "delivery_status!"
           from (select distinct p.position from webhook_deliveries p
                 where p.part = $1 and p.book = tenant.book and p.status = $3
                   and ($5::text is null or p.endpoint_id = $5)
                   and ($7::bigint is null or p.position < $7)
                 order by p.position desc) found
           join webhook_events e on e.part = $1 and e.position = found.position
           left join webhook_bodies s on s.part = e.part and s.position = e.position
           cross join lateral (
             select coalesce((array['failed', 'pending', 'skipped', 'delivered'])
                      [min(array_position(array['failed', 'pending', 'skipped', 'delivered'],
                                          d.status))], 'none') as worst
             from webhook_deliveries d
             where d.part = $1 and d.position = found.position
               and ($5::text is null or d.endpoint_id = $5)) w
           where e.book = tenant.book and w.worst = $3
             and ($4::text[] is null or e.event_type = any($4))
             and ($6::text is null or e.job_id = $6)
           order by found.position desc
           limit $8
         offset 0) as r"#,
        store.part_of_book(book),
        book.to_string(),
        status,
        filter.event_types.as_deref(),
        filter.endpoint_id,
        filter.job_id,
        filter.before,
        limit + 1
    )
    .fetch_all(store.tenants())
    .await?;
    Ok(Page::of(rows, limit))
}

async fn of_book(
    store: &Store,
    book: Book,
    filter: &Filter,
    limit: i64,
) -> Result<Page<FeedRow>, StoreError> {
    let rows = sqlx::query_as!(
        FeedRow,
        r#"select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
         select e.event_id, e.position, e.event_type,
                  case when s.body is null then e.file_key end as file_key,
                  coalesce(s.body, e.body) as "body!", w.worst as "delivery_status!"
           from webhook_events e
           left join webhook_bodies s on s.part = e.part and s.position = e.position
           cross join lateral (
             select coalesce((array['failed', 'pending', 'skipped', 'delivered'])
                      [min(array_position(array['failed', 'pending', 'skipped', 'delivered'],
                                          d.status))], 'none') as worst
             from webhook_deliveries d
             where d.part = $1 and d.position = e.position
               and ($5::text is null or d.endpoint_id = $5)) w
           where e.part = $1 and e.book = tenant.book
             and ($3::text is null or w.worst = $3)
             and ($4::text[] is null or e.event_type = any($4))
             and ($5::text is null or w.worst <> 'none')
             and ($6::text is null or e.job_id = $6)
             and ($7::bigint is null or e.position < $7)
           order by e.position desc
           limit $8
         offset 0) as r"#,
        store.part_of_book(book),
        book.to_string(),
        filter.delivery_status,
        filter.event_types.as_deref(),
        filter.endpoint_id,
        filter.job_id,
        filter.before,
        limit + 1
    )
    .fetch_all(store.tenants())
    .await?;
    Ok(Page::of(rows, limit))
}

/// Lists a book's events above a position, oldest first.
pub async fn oldest(
    store: &Store,
    book: Book,
    event_types: Option<&[String]>,
    after: i64,
    limit: i64,
) -> Result<Page<FeedRow>, StoreError> {
    let rows = sqlx::query_as!(
        FeedRow,
        r#"select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
         select e.event_id, e.position, e.event_type,
                  case when s.body is null then e.file_key end as file_key,
                  coalesce(s.body, e.body) as "body!", '' as "delivery_status!"
           from webhook_events e
           left join webhook_bodies s on s.part = e.part and s.position = e.position
           where e.part = $1 and e.book = tenant.book and e.position > $3
             and ($4::text[] is null or e.event_type = any($4))
           order by e.position
           limit $5
         offset 0) as r"#,
        store.part_of_book(book),
        book.to_string(),
        after,
        event_types,
        limit + 1
    )
    .fetch_all(store.tenants())
    .await?;
    Ok(Page::of(rows, limit))
}

/// [`oldest`] above an event that a client has seen; `None` if the book has no such event.
pub async fn oldest_after(
    store: &Store,
    book: Book,
    event_types: Option<&[String]>,
    seen: EventId,
    limit: i64,
) -> Result<Option<Page<FeedRow>>, StoreError> {
    let rows = sqlx::query!(
        r#"select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
         select f.event_id as "event_id?", f.position as "position?", f.event_type as "event_type?",
                f.file_key, f.body as "body?"
           from (select position from webhook_events
                 where part = $1 and event_id = $3 and book = tenant.book) seen
           left join lateral (
             select e.event_id, e.position, e.event_type,
                    case when s.body is null then e.file_key end as file_key,
                    coalesce(s.body, e.body) as body
             from webhook_events e
             left join webhook_bodies s on s.part = e.part and s.position = e.position
             where e.part = $1 and e.book = tenant.book and e.position > seen.position
               and ($4::text[] is null or e.event_type = any($4))
             order by e.position
             limit $5) f on true
           order by f.position
         offset 0) as r"#,
        store.part_of_book(book),
        book.to_string(),
        seen.to_string(),
        event_types,
        limit + 1
    )
    .fetch_all(store.tenants())
    .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let rows = rows.into_iter().filter_map(|row| {
        Some(FeedRow {
            event_id: row.event_id?,
            position: row.position?,
            event_type: row.event_type?,
            file_key: row.file_key,
            body: row.body?,
            delivery_status: String::new(),
        })
    });
    Ok(Some(Page::of(rows.collect(), limit)))
}

/// Returns where an event stands in the log; `None` for one that this book does not have.
pub async fn position(
    store: &Store,
    book: Book,
    event: EventId,
) -> Result<Option<i64>, StoreError> {
    let found = sqlx::query_scalar!(
        "select r.* from set_config('firsthand.book', $3, true) as tenant(book)
         cross join lateral (
         select position from webhook_events where part = $1 and event_id = $2 and book = tenant.book
         offset 0) as r",
        store.part_of_book(book),
        event.to_string(),
        book.to_string()
    )
    .fetch_optional(store.tenants())
    .await?;
    Ok(found)
}

/// Returns the position of a book's last event; 0 if there is none.
pub async fn last_position(store: &Store, book: Book) -> Result<i64, StoreError> {
    let last = sqlx::query_scalar!(
        "select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
         select max(position) from webhook_events where part = $1 and book = tenant.book
         offset 0) as r",
        store.part_of_book(book),
        book.to_string()
    )
    .fetch_one(store.tenants())
    .await?;
    Ok(last.unwrap_or(0))
}

/// What became of an event at one endpoint.
#[derive(Debug, Clone)]
pub struct DeliveryRow {
    /// The endpoint.
    pub endpoint_id: String,
    /// `pending`, `delivered`, `failed` or `skipped`.
    pub status: String,
    /// Requests so far.
    pub attempts: i32,
    /// When it is tried next, if it is.
    pub due_at: i64,
    /// When it was last tried.
    pub last_attempt_at: Option<i64>,
    /// The last answer's status.
    pub response_status: Option<i32>,
    /// What went wrong the last time.
    pub error_code: Option<String>,
}

/// Returns an event, and what became of it at every endpoint, both of one moment.
pub async fn one(
    store: &Store,
    book: Book,
    event: EventId,
) -> Result<(Option<FeedRow>, Vec<DeliveryRow>), StoreError> {
    let rows = sqlx::query!(
        r#"select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
           select e.event_id, e.position, e.event_type,
                  case when s.body is null then e.file_key end as file_key,
                  coalesce(s.body, e.body) as "body!", d.endpoint_id as "endpoint_id?",
                  d.status as "status?", d.attempts as "attempts?",
                  coalesce(d.clock_due_at, d.due_at) as "due_at?",
                  d.last_attempt_at, d.response_status, d.error_code
           from webhook_events e
           left join webhook_bodies s on s.part = e.part and s.position = e.position
           left join webhook_deliveries d
             on d.part = e.part and d.position = e.position and d.book = e.book
           where e.part = $1 and e.event_id = $3 and e.book = tenant.book
           order by d.endpoint_id
           offset 0) as r"#,
        store.part_of_book(book),
        book.to_string(),
        event.to_string()
    )
    .fetch_all(store.tenants())
    .await?;
    let (mut event, mut deliveries) = (None, Vec::with_capacity(rows.len()));
    for row in rows {
        if let (Some(endpoint_id), Some(status), Some(attempts), Some(due_at)) =
            (row.endpoint_id, row.status, row.attempts, row.due_at)
        {
            deliveries.push(DeliveryRow {
                endpoint_id,
                status,
                attempts,
                due_at,
                last_attempt_at: row.last_attempt_at,
                response_status: row.response_status,
                error_code: row.error_code,
            });
        }
        event = Some(FeedRow {
            event_id: row.event_id,
            position: row.position,
            event_type: row.event_type,
            file_key: row.file_key,
            body: row.body,
            delivery_status: String::new(),
        });
    }
    let event =
        event.map(|event| FeedRow { delivery_status: worst(&deliveries).to_owned(), ..event });
    Ok((event, deliveries))
}

/// Returns the status that stands for all of an event's deliveries.
fn worst(deliveries: &[DeliveryRow]) -> &'static str {
    ["failed", "pending", "skipped", "delivered"]
        .into_iter()
        .find(|status| deliveries.iter().any(|delivery| delivery.status == *status))
        .unwrap_or("none")
}

/// Returns the enabled endpoints of a book that one of its events is for; `None` if it has no such event.
pub async fn audience(
    store: &Store,
    book: Book,
    event: EventId,
) -> Result<Option<Vec<WebhookEndpointId>>, StoreError> {
    let rows = sqlx::query_scalar!(
        r#"select s.endpoint_id as "endpoint_id?"
         from webhook_events e
         left join webhook_subscriptions s
           on s.part = e.part and s.book = e.book and s.enabled
           and case when e.only_endpoint is not null then s.endpoint_id = e.only_endpoint
               else s.endpoint_id is distinct from e.except_endpoint
                    and (s.event_types is null or e.event_type = any(s.event_types)) end
         where e.part = $1 and e.event_id = $2 and e.book = $3
         order by s.endpoint_id"#,
        store.part_of_book(book),
        event.to_string(),
        book.to_string()
    )
    .fetch_all(store.single())
    .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let ids = rows.into_iter().flatten().map(|id| id.parse().map_err(StoreError::corrupt));
    ids.collect::<Result<_, _>>().map(Some)
}
