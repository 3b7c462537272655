//! Endpoints as their owner sees them: their settings, which are a stream's state, with how they fare, which
//! only their senders know.

use super::lanes::Health;
use crate::page::{Page, PageRequest};
use firsthand_domain::ids::WebhookEndpointId;
use firsthand_domain::webhook_endpoints::WebhookEndpoint;
use firsthand_domain::{Book, State, StreamId};
use firsthand_eventstore::codec::decode_state;
use firsthand_eventstore::{Store, StoreError};

/// An endpoint, and how it fares.
#[derive(Debug, Clone)]
pub struct EndpointOf {
    /// Its id.
    pub id: WebhookEndpointId,
    /// Its settings.
    pub endpoint: Box<WebhookEndpoint>,
    /// How it fares.
    pub health: Health,
}

struct Row {
    stream: String,
    state: Vec<u8>,
    consecutive_failures: Option<i64>,
    failing_since: Option<i64>,
    last_success_at: Option<i64>,
    last_failure_at: Option<i64>,
}

impl Row {
    fn read(self) -> Result<EndpointOf, StoreError> {
        let stream: StreamId = self.stream.parse().map_err(StoreError::corrupt)?;
        let (StreamId::WebhookEndpoint(id), State::WebhookEndpoint(endpoint)) =
            (stream, decode_state(stream, &self.state)?)
        else {
            return Err(StoreError::corrupt("an endpoint's row holds no endpoint"));
        };
        let health = Health {
            consecutive_failures: self.consecutive_failures.unwrap_or_default(),
            failing_since: self.failing_since,
            last_success_at: self.last_success_at,
            last_failure_at: self.last_failure_at,
        };
        Ok(EndpointOf { id, endpoint, health })
    }
}

/// Returns an endpoint of a book that was not removed; another book's does not exist for this one.
pub async fn get(
    store: &Store,
    book: Book,
    id: WebhookEndpointId,
) -> Result<Option<EndpointOf>, StoreError> {
    let page = PageRequest { limit: 1, after: None };
    Ok(read(store, book, Some(id), &page).await?.items.pop())
}

/// Lists a book's endpoints that were not removed, newest first.
pub async fn list(
    store: &Store,
    book: Book,
    page: &PageRequest,
) -> Result<Page<EndpointOf>, StoreError> {
    read(store, book, None, page).await
}

async fn read(
    store: &Store,
    book: Book,
    id: Option<WebhookEndpointId>,
    page: &PageRequest,
) -> Result<Page<EndpointOf>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
           select s.stream, s.state, l.consecutive_failures as "consecutive_failures?",
                  l.failing_since, l.last_success_at, l.last_failure_at
           from streams s
           left join webhook_lanes l
             on l.part = $1 and l.book = tenant.book and l.endpoint_id = s.stream
           where s.part = $1 and s.book = tenant.book and s.kind = 'webhook_endpoint'
             and s.status in ('enabled', 'disabled')
             and ($3::text is null or s.stream = $3)
             and ($4::text is null or s.stream < $4)
           order by s.stream desc
           limit $5
           offset 0) as r"#,
        store.part_of_book(book),
        book.to_string(),
        id.map(|id| id.to_string()),
        page.after.as_deref(),
        page.limit + 1
    )
    .fetch_all(store.tenants())
    .await?;
    Page::of(rows, page.limit).try_map(Row::read)
}
