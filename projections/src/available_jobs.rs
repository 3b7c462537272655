//! Jobs that workers can accept.

use firsthand_domain::jobs::{JobEvent, JobInput};
use firsthand_domain::{Book, Environment, Event, StreamId, Timestamp};
use firsthand_eventstore::codec::Recorded;
use firsthand_eventstore::{Store, StoreError};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What workers see of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// What is asked for.
    pub input: JobInput,
    /// When it was posted.
    pub created_at: Timestamp,
}

/// A job that can be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvailableJob {
    /// The job.
    pub job_id: String,
    /// Files that nobody has reserved.
    pub files_open: u32,
    /// What workers see.
    pub listing: Listing,
}

/// What a batch changes of one job.
#[derive(Debug)]
enum Change {
    Post { files_open: i64, listing: Vec<u8> },
    Move(i64),
    Remove,
}

fn fold(
    changes: &mut BTreeMap<String, Change>,
    job: String,
    event: &JobEvent,
) -> Result<(), StoreError> {
    let delta = match event {
        JobEvent::Created(created) => {
            let listing = Listing { input: created.input.clone(), created_at: created.at };
            let listing = serde_json::to_vec(&listing).map_err(StoreError::corrupt)?;
            let files_open = i64::from(created.input.files_needed);
            changes.insert(job, Change::Post { files_open, listing });
            return Ok(());
        }
        JobEvent::Completed(_) | JobEvent::Cancelled(_) => {
            changes.insert(job, Change::Remove);
            return Ok(());
        }
        JobEvent::SlotReserved(reserved) => -i64::from(reserved.files),
        JobEvent::SlotReleased(released) => i64::from(released.files),
        JobEvent::FilesApproved(approved) => i64::from(approved.unused),
        JobEvent::Rated(_) | JobEvent::Flagged(_) => return Ok(()),
    };
    match changes.entry(job).or_insert(Change::Move(0)) {
        Change::Post { files_open, .. } => *files_open += delta,
        Change::Move(by) => *by += delta,
        Change::Remove => (),
    }
    Ok(())
}

/// Writes what a batch changes. Test books stay out of sight: their worker is simulated.
pub(crate) async fn project(
    connection: &mut PgConnection,
    part: i16,
    events: &[Arc<Recorded>],
) -> Result<(), StoreError> {
    let mut changes = BTreeMap::new();
    for recorded in events {
        let (StreamId::Job(id), Event::Job(event)) = (recorded.stream, &recorded.event) else {
            continue;
        };
        if matches!(recorded.book, Book::Organization(_, Environment::Live)) {
            fold(&mut changes, id.to_string(), event)?;
        }
    }
    let (mut posted, mut open, mut listings) = (Vec::new(), Vec::new(), Vec::new());
    let (mut moved, mut deltas, mut removed) = (Vec::new(), Vec::new(), Vec::new());
    for (job, change) in changes {
        match change {
            Change::Post { files_open, listing } => {
                posted.push(job);
                open.push(i32::try_from(files_open).unwrap_or(i32::MAX));
                listings.push(listing);
            }
            Change::Move(by) => {
                moved.push(job);
                deltas.push(i32::try_from(by).unwrap_or(0));
            }
            Change::Remove => removed.push(job),
        }
    }
    if !posted.is_empty() {
        sqlx::query!(
            "insert into available_jobs (job_id, part, files_open, listing)
             select j.job_id, $1, j.files_open, j.listing
             from unnest($2::text[], $3::int[], $4::bytea[]) as j(job_id, files_open, listing)",
            part,
            &posted,
            &open,
            &listings
        )
        .execute(&mut *connection)
        .await?;
    }
    if !moved.is_empty() {
        sqlx::query!(
            "update available_jobs as j set files_open = j.files_open + d.delta
             from unnest($1::text[], $2::int[]) as d(job_id, delta)
             where j.job_id = d.job_id",
            &moved,
            &deltas
        )
        .execute(&mut *connection)
        .await?;
    }
    if !removed.is_empty() {
        sqlx::query!("delete from available_jobs where job_id = any($1)", &removed)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Lists jobs with open slots, newest first.
pub async fn list(
    store: &Store,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<AvailableJob>, StoreError> {
    let rows = sqlx::query!(
        "select job_id, files_open, listing from available_jobs
         where files_open > 0 and ($1::text is null or job_id < $1)
         order by job_id desc
         limit $2",
        after,
        limit + 1
    )
    .fetch_all(store.single())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(AvailableJob {
                job_id: row.job_id,
                files_open: u32::try_from(row.files_open).unwrap_or(0),
                listing: serde_json::from_slice(&row.listing).map_err(StoreError::corrupt)?,
            })
        })
        .collect()
}
