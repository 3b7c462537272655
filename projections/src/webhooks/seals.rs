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

/// Keeps sealed values for a stream. They come before the event that names them; one that no event names is
/// harmless. In the same statement those are forgotten that were made before an instant and are not among
/// those `named`: a secret that no longer signs is of use to nobody but a thief.
pub async fn keep(
    store: &Store,
    stream: StreamId,
    sealed: &[(SealId, Vec<u8>)],
    named: &[SealId],
    before: Timestamp,
) -> Result<(), StoreError> {
    let (ids, values): (Vec<String>, Vec<Vec<u8>>) =
        sealed.iter().map(|(id, value)| (id.to_string(), value.clone())).unzip();
    let named: Vec<String> = named.iter().map(ToString::to_string).collect();
    let millis = u64::try_from(before.micros() / 1_000).unwrap_or(0);
    sqlx::query!(
        "with forgotten as (
           delete from sealed_values
           where part = $1 and stream = $2 and seal_id < $3 and seal_id <> all($4))
         insert into sealed_values (part, stream, seal_id, sealed)
         select $1, $2, s.* from unnest($5::text[], $6::bytea[]) as s",
        store.part_of(stream),
        stream.to_string(),
        SealId::new(Ulid::from_parts(millis, 0)).to_string(),
        &named,
        &ids,
        &values
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
