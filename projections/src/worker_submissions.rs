//! Which submissions a worker has made, over all parts of the log.

use firsthand_domain::Event;
use firsthand_domain::submissions::SubmissionEvent;
use firsthand_eventstore::codec::Recorded;
use firsthand_eventstore::{Store, StoreError};
use sqlx::PgConnection;
use std::sync::Arc;

/// Writes the acceptances of a batch.
pub(crate) async fn project(
    connection: &mut PgConnection,
    _part: i16,
    events: &[Arc<Recorded>],
) -> Result<(), StoreError> {
    let (mut workers, mut submissions, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for recorded in events {
        if let Event::Submission(SubmissionEvent::Accepted(accepted)) = &recorded.event {
            workers.push(accepted.worker_id.to_string());
            submissions.push(accepted.submission_id.to_string());
            times.push(accepted.at.micros());
        }
    }
    if workers.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into worker_submissions (worker_id, submission_id, accepted_at)
         select * from unnest($1::text[], $2::text[], $3::bigint[])",
        &workers,
        &submissions,
        &times
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Lists the ids of a worker's submissions, newest first.
pub async fn list(
    store: &Store,
    worker: &str,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar!(
        "select submission_id from worker_submissions
         where worker_id = $1 and ($2::text is null or submission_id < $2)
         order by submission_id desc
         limit $3",
        worker,
        after,
        limit + 1
    )
    .fetch_all(store.single())
    .await?)
}

/// How many submissions a worker has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Since a time.
    pub since: i64,
    /// Ever, as far as it was to be counted.
    pub ever: i64,
}

/// Counts what a worker has accepted since a time (microseconds since the epoch), and up to `most`
/// of what he ever accepted, but for these submissions.
pub async fn count(
    store: &Store,
    worker: &str,
    since: i64,
    but: &[String],
    most: i64,
) -> Result<Counted, StoreError> {
    Ok(sqlx::query_as!(
        Counted,
        r#"select (select count(*) from worker_submissions
                   where worker_id = $1 and accepted_at >= $2 and submission_id <> all($3)) as "since!",
                  (select count(*) from (select from worker_submissions
                   where worker_id = $1 and submission_id <> all($3) limit $4) as first) as "ever!""#,
        worker,
        since,
        but,
        most
    )
    .fetch_one(store.single())
    .await?)
}
