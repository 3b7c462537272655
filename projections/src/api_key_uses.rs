//! When keys were used last. Not a projection: no event says it.

use firsthand_domain::ids::ApiKeyId;
use firsthand_domain::{Book, StreamId};
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

/// Returns when keys of a book were used last, in microseconds since the epoch; those that never
/// were are left out.
pub async fn last(
    store: &Store,
    book: Book,
    keys: &[ApiKeyId],
) -> Result<Vec<(ApiKeyId, i64)>, StoreError> {
    let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
    let mut transaction = store.tenant(book).await?;
    let rows = sqlx::query!(
        "select key_id, used_at from api_key_uses where part = $1 and book = $2 and key_id = any($3)",
        store.part_of_book(book),
        book.to_string(),
        &names
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    rows.into_iter()
        .map(|row| Ok((row.key_id.parse().map_err(StoreError::corrupt)?, row.used_at)))
        .collect()
}
