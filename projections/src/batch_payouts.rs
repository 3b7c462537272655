//! Runs of payouts: which payouts belong to a run, and the earnings that a run looks at.

use crate::page::Page;
use firsthand_domain::Event;
use firsthand_domain::earnings::Earnings;
use firsthand_domain::ids::{PayoutBatchId, WorkerId};
use firsthand_domain::payouts::PayoutEvent;
use firsthand_domain::{State, StreamId};
use firsthand_eventstore::codec::{Recorded, decode_state};
use firsthand_eventstore::{Store, StoreError};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Writes which payouts of a batch of events belong to which run.
pub(crate) async fn project(
    connection: &mut PgConnection,
    part: i16,
    events: &[Arc<Recorded>],
) -> Result<(), StoreError> {
    let (mut batches, mut payouts) = (Vec::new(), Vec::new());
    for recorded in events {
        if let Event::Payout(PayoutEvent::Opened(opened)) = &recorded.event
            && let Some(batch) = opened.batch_id
        {
            batches.push(batch.to_string());
            payouts.push(opened.payout_id.to_string());
        }
    }
    if batches.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into batch_payouts (part, batch_id, payout_id)
         select $1, b.* from unnest($2::text[], $3::text[]) as b",
        part,
        &batches,
        &payouts
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A payout and its state's row.
fn state(stream: &str, state: &[u8]) -> Result<(StreamId, State), StoreError> {
    let stream: StreamId = stream.parse().map_err(StoreError::corrupt)?;
    Ok((stream, decode_state(stream, state)?))
}

/// Lists the payouts of a run over all parts, newest first.
pub async fn list(
    store: &Store,
    batch: PayoutBatchId,
    after: Option<&str>,
    limit: i64,
) -> Result<Page<(StreamId, State)>, StoreError> {
    let parts: Vec<i16> = store.all_parts().collect();
    let rows = sqlx::query!(
        "select s.stream, s.state
         from batch_payouts b
         join streams s on s.part = b.part and s.stream = b.payout_id
         where b.part = any($1) and b.batch_id = $2 and ($3::text is null or b.payout_id < $3)
         order by b.payout_id desc
         limit $4",
        &parts,
        batch.to_string(),
        after,
        limit + 1
    )
    .fetch_all(store.single())
    .await?;
    Page::of(rows, limit).try_map(|row| state(&row.stream, &row.state))
}

/// What the payouts of a run with one status come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusTotal {
    /// The status.
    pub status: String,
    /// How many.
    pub count: i64,
    /// How much.
    pub amount_cents: i64,
}

/// Adds up the payouts of runs by their status, over all parts.
pub async fn totals(
    store: &Store,
    batches: &[PayoutBatchId],
) -> Result<BTreeMap<PayoutBatchId, Vec<StatusTotal>>, StoreError> {
    let parts: Vec<i16> = store.all_parts().collect();
    let names: Vec<String> = batches.iter().map(ToString::to_string).collect();
    let rows = sqlx::query!(
        r#"select b.batch_id, s.status as "status!", count(*) as "count!",
                  sum((convert_from(s.state, 'UTF8')::jsonb ->> 'amount')::bigint)::bigint
                    as "amount_cents!"
           from batch_payouts b
           join streams s on s.part = b.part and s.stream = b.payout_id
           where b.part = any($1) and b.batch_id = any($2)
           group by b.batch_id, s.status
           order by b.batch_id, s.status"#,
        &parts,
        &names
    )
    .fetch_all(store.single())
    .await?;
    let mut totals: BTreeMap<PayoutBatchId, Vec<StatusTotal>> = BTreeMap::new();
    for row in rows {
        let batch = row.batch_id.parse().map_err(StoreError::corrupt)?;
        let total =
            StatusTotal { status: row.status, count: row.count, amount_cents: row.amount_cents };
        totals.entry(batch).or_default().push(total);
    }
    Ok(totals)
}

/// Reads the earnings of a page of a part's workers, in the order of their ids.
pub async fn earners(
    store: &Store,
    part: i16,
    after: Option<WorkerId>,
    limit: i64,
) -> Result<Vec<(WorkerId, Earnings)>, StoreError> {
    // All names that begin with `earnings:` lie between these two.
    let after = after.map_or("earnings:".to_owned(), |id| StreamId::Earnings(id).to_string());
    let rows = sqlx::query!(
        "select stream, state from streams
         where part = $1 and stream > $2 and stream < 'earnings;'
         order by stream
         limit $3",
        part,
        after,
        limit
    )
    .fetch_all(store.single())
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        if let (StreamId::Earnings(id), State::Earnings(earnings)) = state(&row.stream, &row.state)?
        {
            found.push((id, *earnings));
        }
    }
    Ok(found)
}
