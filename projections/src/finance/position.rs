//! The position of an instant: which events were recorded by then.

use firsthand_domain::Book;
use firsthand_eventstore::{Store, StoreError};
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// Returns the last position that a report of an instant counts, in microseconds since the epoch. A
/// report of one book goes by that book's time, which is its clock's where it has one; a report of
/// many goes by the time at which events were recorded.
pub async fn at(
    connection: &mut PgConnection,
    part: i16,
    book: Option<Book>,
    instant: i64,
) -> Result<i64, StoreError> {
    let Some(book) = book.filter(|book| book.clock().is_some()) else {
        return recorded(connection, part, instant).await;
    };
    let by_clock = sqlx::query!(
        "select (select position from events
                 where part = $1 and book = $2 and effective_at is not null and effective_at <= $3
                 order by effective_at desc, position desc
                 limit 1) as last,
                (select position from events
                 where part = $1 and book = $2 and effective_at is not null
                 order by effective_at, position
                 limit 1) as first",
        part,
        book.to_string(),
        instant
    )
    .fetch_one(&mut *connection)
    .await?;
    if let Some(last) = by_clock.last {
        return Ok(last);
    }
    // The instant is before the clock was made: what the book holds up to then was recorded by then.
    let recorded = recorded(connection, part, instant).await?;
    Ok(by_clock.first.map_or(recorded, |first| recorded.min(first.saturating_sub(1))))
}

/// Returns the last position of a part that was recorded at or before an instant, in microseconds
/// since the epoch; 0 if there is none. Times increase strictly with positions, and positions have no
/// gap, so that halving the log finds it in as many probes of the log's key as the head has bits.
async fn recorded(
    connection: &mut PgConnection,
    part: i16,
    instant: i64,
) -> Result<i64, StoreError> {
    let found = sqlx::query_scalar!(
        r#"with recursive search as (
             select 0::bigint as low, head as high from parts where part = $1
             union all
             select case when e.recorded_at <= $2 then m.middle else s.low end,
                    case when e.recorded_at <= $2 then s.high else m.middle - 1 end
             from search s
             cross join lateral (select (s.low + s.high + 1) / 2 as middle) m
             join events e on e.part = $1 and e.position = m.middle
             where s.low < s.high)
           select low as "low!" from search where low >= high"#,
        part,
        instant
    )
    .fetch_optional(connection)
    .await?;
    found.ok_or_else(|| StoreError::corrupt(format!("part {part}: an instant has no position")))
}

/// How far each part had got at an instant.
pub type Positions = BTreeMap<i16, i64>;

/// Returns how far each part had got at an instant, in microseconds since the epoch. What is decided now
/// may be committed later, so that a report asks once, waits for the read models to get there, and goes
/// by the same positions throughout.
pub async fn of_all(store: &Store, instant: i64) -> Result<Positions, StoreError> {
    let mut connection = store.single().acquire().await?;
    let mut positions = BTreeMap::new();
    for part in store.all_parts() {
        positions.insert(part, recorded(&mut connection, part, instant).await?);
    }
    Ok(positions)
}

/// Returns the last position that counts: that of an instant, or the end of the log without one.
pub(super) async fn bound(
    connection: &mut PgConnection,
    part: i16,
    book: Option<Book>,
    instant: Option<i64>,
) -> Result<i64, StoreError> {
    match instant {
        None => Ok(i64::MAX),
        Some(instant) => at(connection, part, book, instant).await,
    }
}
