//! cqrs-es' view of our log: its repository trait for reading and replay. The write path is ours
//! (design D4), so `persist` is refused.

use crate::error::StoreError;
use crate::store::Store;
use cqrs_es::Aggregate;
use cqrs_es::persist::{
    PersistedEventRepository, PersistenceError, ReplayStream, SerializedEvent, SerializedSnapshot,
};
use serde_json::Value;

/// Reads our log for cqrs-es.
#[derive(Debug, Clone)]
pub struct LogRepository {
    store: Store,
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> PersistenceError {
    PersistenceError::UnknownError(Box::new(error))
}

impl LogRepository {
    /// Reads the log of this database.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Reads the events of one stream above a version, or of all streams of one part.
    async fn read<A: Aggregate>(
        &self,
        part: i16,
        stream: Option<&str>,
        after: i64,
    ) -> Result<Vec<SerializedEvent>, StoreError> {
        let rows = sqlx::query!(
            r#"select aggregate_id as "aggregate_id!", sequence as "sequence!",
                      event_type as "event_type!", event_version as "event_version!",
                      payload as "payload!: Value", metadata as "metadata!: Value"
               from postgres_es_events
               where part = $1 and aggregate_type = $2
                 and ($3::text is null or aggregate_id = $3) and sequence > $4
               order by aggregate_id, sequence"#,
            part,
            A::TYPE,
            stream,
            after
        )
        .fetch_all(self.store.single())
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(SerializedEvent {
                    aggregate_id: row.aggregate_id,
                    sequence: usize::try_from(row.sequence).map_err(StoreError::corrupt)?,
                    aggregate_type: A::TYPE.to_owned(),
                    event_type: row.event_type,
                    event_version: row.event_version,
                    payload: row.payload,
                    metadata: row.metadata,
                })
            })
            .collect()
    }

    async fn read_stream<A: Aggregate>(
        &self,
        stream: &str,
        after: i64,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        // What is no identifier of ours names no stream.
        let Ok(id) = stream.parse() else { return Ok(Vec::new()) };
        self.read::<A>(self.store.part_of(id), Some(stream), after).await.map_err(failed)
    }

    /// Feeds events to a replay; it is closed when all are fed.
    async fn replay(events: Vec<SerializedEvent>) -> Result<ReplayStream, PersistenceError> {
        let (mut feed, replay) = ReplayStream::new(events.len().max(1));
        for event in events {
            feed.push(Ok(event)).await?;
        }
        Ok(replay)
    }
}

impl PersistedEventRepository for LogRepository {
    async fn get_events<A: Aggregate>(
        &self,
        aggregate_id: &str,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        self.read_stream::<A>(aggregate_id, 0).await
    }

    async fn get_last_events<A: Aggregate>(
        &self,
        aggregate_id: &str,
        last_sequence: usize,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        let after = i64::try_from(last_sequence).map_err(failed)?;
        self.read_stream::<A>(aggregate_id, after).await
    }

    async fn get_snapshot<A: Aggregate>(
        &self,
        _aggregate_id: &str,
    ) -> Result<Option<SerializedSnapshot>, PersistenceError> {
        // The state rows are our snapshots; cqrs-es' apply each event twice.
        Ok(None)
    }

    async fn persist<A: Aggregate>(
        &self,
        _events: &[SerializedEvent],
        _snapshot_update: Option<(String, Value, usize)>,
    ) -> Result<(), PersistenceError> {
        Err(failed(StoreError::corrupt("only the ledger writer appends to the log")))
    }

    async fn stream_events<A: Aggregate>(
        &self,
        aggregate_id: &str,
    ) -> Result<ReplayStream, PersistenceError> {
        Self::replay(self.read_stream::<A>(aggregate_id, 0).await?).await
    }

    async fn stream_all_events<A: Aggregate>(&self) -> Result<ReplayStream, PersistenceError> {
        let mut events = Vec::new();
        for part in self.store.all_parts() {
            events.extend(self.read::<A>(part, None, 0).await.map_err(failed)?);
        }
        Self::replay(events).await
    }
}
