//! The writer's look-ups: keys and states that are not in memory, for all parts of a batch in one
//! flight on a connection of their own.

use crate::batch::stored;
use crate::codec::decode_state;
use crate::error::StoreError;
use crate::idempotency::{KeyDigest, StoredAnswer};
use crate::read::StateRow;
use crate::store::Store;
use firsthand_domain::StreamId;
use firsthand_domain::merkle::Frontier;
use futures_util::future::try_join_all;
use std::collections::BTreeMap;
use tokio_postgres::{Client, NoTls, Statement};
use tokio_util::task::TaskTracker;

// Probing key by key inside a lateral join, on a connection that neither scans nor sorts, leaves the planner
// no choice but the primary key. These plans are made once, as a rule when the tables are new and every
// index is as good as another; one that reads the whole part would stay until the next analyze.
const KEYS: &str = "
select k.digest, k.request_hash, k.status, k.sealed, k.body
from unnest($2::bytea[]) as wanted(digest)
cross join lateral (
  select digest, request_hash, status, sealed, body
  from idempotency_keys
  where part = $1 and digest = wanted.digest
  limit 1) as k";

// The next stream in order, and only if it is the one: the index of lists has streams too, in another order.
const STATES: &str = "
select s.stream, s.version, s.sequence, s.frontier, s.state
from unnest($2::text[]) as wanted(stream)
cross join lateral (
  select stream, version, sequence, frontier, state
  from streams
  where part = $1 and stream >= wanted.stream
  order by stream
  limit 1) as s
where s.stream = wanted.stream";

/// An open look-up connection.
pub(crate) struct Lookup {
    client: Client,
    keys: Statement,
    states: Statement,
}

impl Lookup {
    /// Connects. The connection itself is driven on the tracker.
    pub(crate) async fn connect(store: &Store, tracker: &TaskTracker) -> Result<Self, StoreError> {
        let (client, connection) = store.append_config().connect(NoTls).await?;
        tracker.spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(error = %error, "the look-up connection ended");
            }
        });
        let keys = client.prepare(KEYS).await?;
        let states = client.prepare(STATES).await?;
        Ok(Self { client, keys, states })
    }

    /// Says whether the connection is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Returns the stored answers to keys.
    pub(crate) async fn keys(
        &self,
        wanted: &BTreeMap<i16, Vec<KeyDigest>>,
    ) -> Result<Vec<(KeyDigest, StoredAnswer)>, StoreError> {
        let found = try_join_all(wanted.iter().map(async |(part, digests)| {
            let digests: Vec<&[u8]> = digests.iter().map(<[u8; 32]>::as_slice).collect();
            self.client.query(&self.keys, &[part, &digests]).await
        }))
        .await?;
        found
            .into_iter()
            .flatten()
            .map(|row| {
                let digest = KeyDigest::try_from(row.try_get::<_, &[u8]>(0)?)
                    .map_err(StoreError::corrupt)?;
                let answer =
                    stored(row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?)?;
                Ok((digest, answer))
            })
            .collect()
    }

    /// Returns the state rows of streams. Streams without events are left out.
    pub(crate) async fn states(
        &self,
        wanted: &BTreeMap<i16, Vec<StreamId>>,
    ) -> Result<Vec<StateRow>, StoreError> {
        let found = try_join_all(wanted.iter().map(async |(part, streams)| {
            let names: Vec<String> = streams.iter().map(ToString::to_string).collect();
            self.client.query(&self.states, &[part, &names]).await
        }))
        .await?;
        found
            .into_iter()
            .flatten()
            .map(|row| {
                let stream: StreamId =
                    row.try_get::<_, &str>(0)?.parse().map_err(StoreError::corrupt)?;
                let size = u64::try_from(row.try_get::<_, i64>(2)?).map_err(StoreError::corrupt)?;
                Ok(StateRow {
                    stream,
                    version: row.try_get(1)?,
                    state: decode_state(stream, row.try_get(4)?)?,
                    frontier: Frontier::from_bytes(size, row.try_get(3)?)
                        .ok_or_else(|| StoreError::corrupt("a frontier does not fit its size"))?,
                })
            })
            .collect()
    }
}
