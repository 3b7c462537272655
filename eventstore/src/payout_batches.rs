//! Runs of payouts that the operator asked for, each filed with the task that opens its payouts.

use crate::error::StoreError;
use crate::store::Store;
use firsthand_domain::ids::PayoutBatchId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The kind of task that opens the payouts of a run.
pub const TASK: &str = "payout_batch";

/// The part that runs are filed under: they are few, and each is of all parts.
const PART: i16 = 0;

/// What the task knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutBatchTask {
    /// The run.
    pub batch_id: PayoutBatchId,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayoutBatch {
    /// Its id.
    pub batch_id: PayoutBatchId,
    /// The operator's name of it.
    pub name: String,
    /// When it was asked for, in microseconds since the epoch.
    pub created_at: i64,
    /// When every worker was looked at.
    pub opened_at: Option<i64>,
    /// How many workers have enough and got no payout, by the reason.
    pub skipped: BTreeMap<String, u32>,
}

/// Files a run and owes its task, in one statement. A name names one run: who repeats it gets that one.
/// Returns the run, and whether it is new.
pub async fn file(
    store: &Store,
    batch_id: PayoutBatchId,
    name: &str,
    now: i64,
) -> Result<(PayoutBatch, bool), StoreError> {
    let known = PayoutBatchTask { batch_id };
    let mut rows = filed(store, batch_id, name, now, &known).await?;
    if rows.is_empty() {
        // Somebody else filed it while this was being asked: now it is there.
        rows = filed(store, batch_id, name, now, &known).await?;
    }
    let row = rows.pop().ok_or_else(|| StoreError::corrupt("a run is not there"))?;
    let batch = row.read()?;
    let new = batch.batch_id == batch_id;
    Ok((batch, new))
}

async fn filed(
    store: &Store,
    batch_id: PayoutBatchId,
    name: &str,
    now: i64,
    known: &PayoutBatchTask,
) -> Result<Vec<Row>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"with new as (
             insert into payout_batches (part, batch_id, name, created_at) values ($1, $2, $3, $4)
             on conflict do nothing
             returning batch_id, name, created_at, opened_at, skipped),
           owed as (
             insert into tasks (part, task_id, kind, book, payload, due_at)
             select $1, $5, $6, 'payouts', $7, created_at from new
             on conflict do nothing)
           select batch_id as "batch_id!", name as "name!", created_at as "created_at!", opened_at,
                  skipped
           from new
           union all
           select batch_id, name, created_at, opened_at, skipped
           from payout_batches where part = $1 and name = $3"#,
        PART,
        batch_id.to_string(),
        name,
        now,
        format!("{TASK}:{batch_id}"),
        TASK,
        serde_json::to_vec(known).map_err(StoreError::corrupt)?
    )
    .fetch_all(store.single())
    .await?;
    Ok(rows)
}

/// Records that every worker was looked at, and why some got no payout.
pub async fn opened(
    store: &Store,
    batch_id: PayoutBatchId,
    skipped: &BTreeMap<String, u32>,
    now: i64,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update payout_batches set opened_at = $3, skipped = $4
         where part = $1 and batch_id = $2 and opened_at is null",
        PART,
        batch_id.to_string(),
        now,
        serde_json::to_vec(skipped).map_err(StoreError::corrupt)?
    )
    .execute(store.single())
    .await?;
    Ok(())
}

/// A run as its row holds it.
struct Row {
    batch_id: String,
    name: String,
    created_at: i64,
    opened_at: Option<i64>,
    skipped: Option<Vec<u8>>,
}

impl Row {
    fn read(self) -> Result<PayoutBatch, StoreError> {
        let skipped = self.skipped.as_deref().unwrap_or(b"{}");
        Ok(PayoutBatch {
            batch_id: self.batch_id.parse().map_err(StoreError::corrupt)?,
            name: self.name,
            created_at: self.created_at,
            opened_at: self.opened_at,
            skipped: serde_json::from_slice(skipped).map_err(StoreError::corrupt)?,
        })
    }
}

/// Returns a run.
pub async fn get(
    store: &Store,
    batch_id: PayoutBatchId,
) -> Result<Option<PayoutBatch>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "select batch_id, name, created_at, opened_at, skipped
         from payout_batches
         where part = $1 and batch_id = $2",
        PART,
        batch_id.to_string()
    )
    .fetch_optional(store.single())
    .await?;
    row.map(Row::read).transpose()
}

/// Lists runs, newest first: up to `limit`, older than `after`.
pub async fn list(
    store: &Store,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<PayoutBatch>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select batch_id, name, created_at, opened_at, skipped
         from payout_batches
         where part = $1 and ($2::text is null or batch_id < $2)
         order by batch_id desc
         limit $3",
        PART,
        after,
        limit
    )
    .fetch_all(store.single())
    .await?;
    rows.into_iter().map(Row::read).collect()
}
