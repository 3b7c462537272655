//! When keys were used last. Not a projection: no event says it.

use crate::page::{Page, PageRequest};
use firsthand_domain::api_keys::ApiKey;
use firsthand_domain::ids::ApiKeyId;
use firsthand_domain::{Book, State, StreamId};
use firsthand_eventstore::codec::decode_state;
use firsthand_eventstore::{Store, StoreError};

/// A key was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUse {
    /// The key.
    pub key_id: ApiKeyId,
    /// The book that it opens.
    pub book: Book,
    /// When, in microseconds since the epoch.
    pub used_at: i64,
}

/// Records uses, of any number of keys in one statement. Keys must be named once each.
pub async fn record(store: &Store, uses: &[KeyUse]) -> Result<(), StoreError> {
    let part = |key: ApiKeyId| store.part_of(StreamId::ApiKey(key));
    let parts: Vec<i16> = uses.iter().map(|used| part(used.key_id)).collect();
    let books: Vec<String> = uses.iter().map(|used| used.book.to_string()).collect();
    let keys: Vec<String> = uses.iter().map(|used| used.key_id.to_string()).collect();
    let times: Vec<i64> = uses.iter().map(|used| used.used_at).collect();
    sqlx::query!(
        "insert into api_key_uses (part, book, key_id, used_at)
         select * from unnest($1::smallint[], $2::text[], $3::text[], $4::bigint[]) as used(part, book, key_id, at)
         order by part, key_id
         on conflict (part, key_id) do update set used_at = excluded.used_at
         where api_key_uses.used_at < excluded.used_at",
        &parts,
        &books,
        &keys,
        &times
    )
    .execute(store.single())
    .await?;
    Ok(())
}

/// Returns when a key of a book was used last, in microseconds since the epoch.
pub async fn last(store: &Store, book: Book, key: ApiKeyId) -> Result<Option<i64>, StoreError> {
    let used_at = sqlx::query_scalar!(
        "select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
           select used_at from api_key_uses
           where part = $1 and book = tenant.book and key_id = $3
           offset 0) as r",
        store.part_of_book(book),
        book.to_string(),
        key.to_string()
    )
    .fetch_optional(store.tenants())
    .await?;
    Ok(used_at)
}

/// A key and when it was used last, in microseconds since the epoch.
#[derive(Debug, Clone)]
pub struct UsedKey {
    /// The key's id.
    pub id: ApiKeyId,
    /// Its state.
    pub key: Box<ApiKey>,
    /// When it was used last, as far as that is written.
    pub used_at: Option<i64>,
}

/// Lists the keys of the books of one organization, newest first. The statement goes from book to book, and sees
/// the rows of one of them at a time.
pub async fn list(
    store: &Store,
    books: &[Book],
    page: &PageRequest,
) -> Result<Page<UsedKey>, StoreError> {
    let Some(first) = books.first() else { return Ok(Page::of(Vec::new(), page.limit)) };
    let names: Vec<String> = books.iter().map(ToString::to_string).collect();
    let rows = sqlx::query!(
        r#"select r.* from unnest($2::text[]) as wanted(book)
         cross join lateral (
           select set_config('firsthand.book', wanted.book, true) as book
           offset 0) as tenant
         cross join lateral (
           select s.stream, s.state, u.used_at as "used_at?"
           from streams s
           left join api_key_uses u
             on u.part = s.part and u.book = tenant.book and u.key_id = s.stream
           where s.part = $1 and s.book = tenant.book and s.kind = 'api_key'
             and ($3::text is null or s.stream < $3)
           order by s.stream desc
           limit $4
           offset 0) as r"#,
        store.part_of_book(*first),
        &names,
        page.after.as_deref(),
        page.limit + 1
    )
    .fetch_all(store.tenants())
    .await?;
    let mut keys = Vec::with_capacity(rows.len());
    for row in rows {
        let stream: StreamId = row.stream.parse().map_err(StoreError::corrupt)?;
        match (stream, decode_state(stream, &row.state)?) {
            (StreamId::ApiKey(id), State::ApiKey(key)) => {
                keys.push(UsedKey { id, key, used_at: row.used_at });
            }
            _ => return Err(StoreError::corrupt("a key's row holds no key")),
        }
    }
    keys.sort_by_key(|found| std::cmp::Reverse(found.id));
    Ok(Page::of(keys, page.limit))
}
