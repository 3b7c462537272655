//! Values that are kept sealed outside the log (design D13): an event names them by their id.

use firsthand_domain::ids::{SealId, WebhookEndpointId};
use firsthand_domain::{StreamId, Timestamp};
use firsthand_eventstore::{Store, StoreError};
use std::collections::BTreeMap;
use ulid::Ulid;

/// Returns what the values of an endpoint are sealed for.
pub fn purpose(endpoint: WebhookEndpointId) -> String {
    format!("webhook:{endpoint}")
}

/// Keeps a sealed value for a stream. It comes before the event that names it; one that no event
/// names is harmless.
pub async fn keep(
    store: &Store,
    stream: StreamId,
    id: SealId,
    sealed: &[u8],
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into sealed_values (part, stream, seal_id, sealed) values ($1, $2, $3, $4)",
        store.part_of(stream),
        stream.to_string(),
        id.to_string(),
        sealed
    )
    .execute(store.single())
    .await?;
    Ok(())
}

/// Forgets a stream's sealed values that were made before an instant and are not among those to be
/// kept: a secret that no longer signs is of use to nobody but a thief.
pub async fn forget_others(
    store: &Store,
    stream: StreamId,
    kept: &[SealId],
    before: Timestamp,
) -> Result<(), StoreError> {
    let names: Vec<String> = kept.iter().map(ToString::to_string).collect();
    let millis = u64::try_from(before.micros() / 1_000).unwrap_or(0);
    sqlx::query!(
        "delete from sealed_values
         where part = $1 and stream = $2 and seal_id < $3 and seal_id <> all($4)",
        store.part_of(stream),
        stream.to_string(),
        SealId::new(Ulid::from_parts(millis, 0)).to_string(),
        &names
    )
    .execute(store.single())
    .await?;
    Ok(())
}

/// Reads sealed values of a stream.
pub async fn read(
    store: &Store,
    stream: StreamId,
    ids: &[SealId],
) -> Result<BTreeMap<SealId, Vec<u8>>, StoreError> {
    let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let rows = sqlx::query!(
        "select seal_id, sealed from sealed_values
         where part = $1 and stream = $2 and seal_id = any($3)",
        store.part_of(stream),
        stream.to_string(),
        &names
    )
    .fetch_all(store.single())
    .await?;
    rows.into_iter()
        .map(|row| Ok((row.seal_id.parse().map_err(StoreError::corrupt)?, row.sealed)))
        .collect()
}
