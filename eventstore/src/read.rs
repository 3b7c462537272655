//! Reading the log and the state rows.

use crate::codec::{Recorded, decode_event, decode_state};
use crate::error::StoreError;
use crate::store::Store;
use firsthand_domain::merkle::Frontier;
use firsthand_domain::{State, StreamId};
use std::sync::Arc;

/// A stream's row.
#[derive(Debug, Clone)]
pub struct StateRow {
    /// The stream.
    pub stream: StreamId,
    /// Number of events.
    pub version: i64,
    /// The state.
    pub state: State,
    /// The frontier of the book that the stream stands for.
    pub frontier: Frontier,
}

/// Loads the state rows of streams of one part. Streams without events are left out.
pub async fn states(
    store: &Store,
    part: i16,
    streams: &[StreamId],
) -> Result<Vec<StateRow>, StoreError> {
    let names: Vec<String> = streams.iter().map(ToString::to_string).collect();
    let rows = sqlx::query!(
        r#"select s.stream as "stream!", s.version as "version!", s.sequence as "sequence!",
                  s.frontier as "frontier!", s.state as "state!"
           from unnest($2::text[]) as wanted(stream)
           cross join lateral (
             select stream, version, sequence, frontier, state
             from streams
             where part = $1 and stream >= wanted.stream
             order by stream
             limit 1) as s
           where s.stream = wanted.stream"#,
        part,
        &names
    )
    .fetch_all(store.single())
    .await?;
    rows.into_iter()
        .map(|row| {
            let stream: StreamId = row.stream.parse().map_err(StoreError::corrupt)?;
            let size = u64::try_from(row.sequence).map_err(StoreError::corrupt)?;
            Ok(StateRow {
                stream,
                version: row.version,
                state: decode_state(stream, &row.state)?,
                frontier: Frontier::from_bytes(size, &row.frontier)
                    .ok_or_else(|| StoreError::corrupt("a frontier does not fit its size"))?,
            })
        })
        .collect()
}

/// Returns the state of a stream, and of the stream that it belongs to, as a submission to its job: both of
/// one moment. Streams without events are left out.
pub async fn with_parent(
    store: &Store,
    part: i16,
    stream: StreamId,
) -> Result<Vec<(StreamId, State)>, StoreError> {
    let rows = sqlx::query!(
        r#"select f.stream as "stream!", f.state as "state!"
           from (
             select stream, parent from streams
             where part = $1 and stream >= $2
             order by stream
             limit 1) as s
           cross join unnest(array[s.stream, s.parent]) as wanted(stream)
           cross join lateral (
             select stream, state from streams
             where part = $1 and stream >= wanted.stream
             order by stream
             limit 1) as f
           where s.stream = $2 and f.stream = wanted.stream"#,
        part,
        stream.to_string()
    )
    .fetch_all(store.single())
    .await?;
    rows.into_iter()
        .map(|row| {
            let stream: StreamId = row.stream.parse().map_err(StoreError::corrupt)?;
            Ok((stream, decode_state(stream, &row.state)?))
        })
        .collect()
}

/// Reads up to `limit` events of a part above a position, in order. Positions have no gaps and are
/// taken under the part's row lock, so what is seen is complete, and a page is a range: with a
/// `limit`, a plan without statistics sorts everything that is above the position.
pub async fn events_after(
    connection: &mut sqlx::PgConnection,
    part: i16,
    after: i64,
    limit: i64,
) -> Result<Vec<Arc<Recorded>>, StoreError> {
    let rows = sqlx::query!(
        "select position, book, sequence, stream, version, event_type, schema_version,
                recorded_at, effective_at, request_id, payload
         from events
         where part = $1 and position > $2 and position <= $3
         order by position",
        part,
        after,
        after.saturating_add(limit)
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Arc::new(Recorded {
                part,
                position: row.position,
                book: row.book.parse().map_err(StoreError::corrupt)?,
                sequence: row.sequence,
                stream: row.stream.parse().map_err(StoreError::corrupt)?,
                version: row.version,
                recorded_at: row.recorded_at,
                effective_at: row.effective_at,
                request_id: row.request_id.parse().ok(),
                event: decode_event(&row.event_type, row.schema_version, &row.payload)?,
            }))
        })
        .collect()
}

/// Reads a part's head from the database.
pub async fn head(store: &Store, part: i16) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar!("select head from parts where part = $1", part)
        .fetch_one(store.single())
        .await?)
}

/// Reads the heads of all parts.
pub async fn heads(store: &Store) -> Result<Vec<(i16, i64)>, StoreError> {
    let rows = sqlx::query!("select part, head from parts order by part")
        .fetch_all(store.single())
        .await?;
    Ok(rows.into_iter().map(|row| (row.part, row.head)).collect())
}
