//! Appeals of all workers, over all parts: from their state rows.

use crate::page::{Page, PageRequest};
use firsthand_domain::{State, StreamId};
use firsthand_eventstore::codec::decode_state;
use firsthand_eventstore::{Store, StoreError};

/// Lists appeals, newest first.
pub async fn list(
    store: &Store,
    status: Option<&str>,
    page: &PageRequest,
) -> Result<Page<(StreamId, State)>, StoreError> {
    let parts: Vec<i16> = store.all_parts().collect();
    // All names that begin with `apl_` lie between these two.
    let rows = sqlx::query!(
        "select s.stream, s.state
         from unnest($1::smallint[]) as p(part)
         cross join lateral (
           select stream, state from streams
           where part = p.part and stream > 'apl_' and stream < 'apl`'
             and ($2::text is null or status = $2)
             and ($3::text is null or stream < $3)
           order by stream desc
           limit $4) s
         order by s.stream desc
         limit $4",
        &parts,
        status,
        page.after.as_deref(),
        page.limit + 1
    )
    .fetch_all(store.single())
    .await?;
    Page::of(rows, page.limit).try_map(|row| {
        let (stream, state) = (row.stream, row.state);
        let stream: StreamId = stream.parse().map_err(StoreError::corrupt)?;
        Ok((stream, decode_state(stream, &state)?))
    })
}
