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
    let mut all = Vec::new();
    for part in store.all_parts() {
        // All names that begin with `apl_` lie between these two.
        let rows = sqlx::query!(
            "select stream, state from streams
             where part = $1 and stream > 'apl_' and stream < 'apl`'
               and ($2::text is null or status = $2)
               and ($3::text is null or stream < $3)
             order by stream desc
             limit $4",
            part,
            status,
            page.after.as_deref(),
            page.limit + 1
        )
        .fetch_all(store.single())
        .await?;
        all.extend(rows.into_iter().map(|row| (row.stream, row.state)));
    }
    all.sort_unstable_by(|one, other| other.0.cmp(&one.0));
    Page::of(all, page.limit).try_map(|(stream, state)| {
        let stream: StreamId = stream.parse().map_err(StoreError::corrupt)?;
        Ok((stream, decode_state(stream, &state)?))
    })
}
