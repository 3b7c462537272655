//! Queries over the inline read model: the current state of streams, seen by one tenant.

use crate::page::{Page, PageRequest};
use firsthand_domain::ids::JobId;
use firsthand_domain::jobs::Job;
use firsthand_domain::{Book, State, StreamId};
use firsthand_eventstore::codec::decode_state;
use firsthand_eventstore::{Store, StoreError};

/// A stream and its state.
#[derive(Debug, Clone)]
pub struct StateOf {
    /// The stream.
    pub stream: StreamId,
    /// Number of events.
    pub version: i64,
    /// The state.
    pub state: State,
}

/// How many of a job's submissions wait for a score or a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Uploaded {
    /// Uploaded, not scored.
    pub pending_score: i64,
    /// Below the threshold, may be tried again.
    pub retry_pending: i64,
}

/// A job, and what becomes of its submissions.
#[derive(Debug, Clone)]
pub struct JobOf {
    /// The job's id.
    pub id: JobId,
    /// Its state.
    pub job: Box<Job>,
    /// Its submissions that wait.
    pub uploaded: Uploaded,
}

fn row(stream: &str, version: i64, state: &[u8]) -> Result<StateOf, StoreError> {
    let stream: StreamId = stream.parse().map_err(StoreError::corrupt)?;
    Ok(StateOf { stream, version, state: decode_state(stream, state)? })
}

fn job_of(found: StateOf, uploaded: Uploaded) -> Result<JobOf, StoreError> {
    match (found.stream, found.state) {
        (StreamId::Job(id), State::Job(job)) => Ok(JobOf { id, job, uploaded }),
        _ => Err(StoreError::corrupt("a job's row holds no job")),
    }
}

/// Returns a stream of a book; another book's stream does not exist for this one.
pub async fn get(
    store: &Store,
    book: Book,
    stream: StreamId,
) -> Result<Option<StateOf>, StoreError> {
    let found = sqlx::query!(
        "select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
         select stream, version, state from streams where part = $1 and book = tenant.book and stream = $3
         offset 0) as r",
        store.part_of(stream),
        book.to_string(),
        stream.to_string()
    )
    .fetch_optional(store.tenants())
    .await?;
    found.map(|found| row(&found.stream, found.version, &found.state)).transpose()
}

/// Returns a job of a book with its submissions that wait; another book's job does not exist for this one.
pub async fn job(store: &Store, book: Book, id: JobId) -> Result<Option<JobOf>, StoreError> {
    let found = sqlx::query!(
        r#"select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
           select j.stream, j.version, j.state, w.pending_score as "pending_score!",
                  w.retry_pending as "retry_pending!"
           from streams j
           cross join lateral (
             select count(*) filter (where s.status = 'pending_score') as pending_score,
                    count(*) filter (where s.status = 'retry_pending') as retry_pending
             from streams s
             where s.part = $1 and s.book = tenant.book and s.parent = j.stream
               and s.status in ('pending_score', 'retry_pending')) w
           where j.part = $1 and j.book = tenant.book and j.stream = $3
           offset 0) as r"#,
        store.part_of(StreamId::Job(id)),
        book.to_string(),
        id.to_string()
    )
    .fetch_optional(store.tenants())
    .await?;
    found
        .map(|found| {
            let uploaded =
                Uploaded { pending_score: found.pending_score, retry_pending: found.retry_pending };
            job_of(row(&found.stream, found.version, &found.state)?, uploaded)
        })
        .transpose()
}

/// What a list of jobs is filtered by.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Only jobs with one of these statuses; all if empty.
    pub statuses: Vec<String>,
    /// Only jobs of this type.
    pub job_type: Option<&'static str>,
    /// Only jobs that were created after this time, in microseconds since the epoch.
    pub created_after: Option<i64>,
}

/// Lists a book's streams of one kind, newest first: those in one of these statuses, or all if none is
/// named.
pub async fn list(
    store: &Store,
    book: Book,
    kind: &str,
    statuses: &[&str],
    page: &PageRequest,
) -> Result<Page<StateOf>, StoreError> {
    let rows = sqlx::query!(
        "select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
           select stream, version, state
           from streams
           where part = $1 and book = tenant.book and kind = $3
             and (cardinality($4::text[]) = 0 or status = any($4))
             and ($5::text is null or stream < $5)
           order by stream desc
           limit $6
           offset 0) as r",
        store.part_of_book(book),
        book.to_string(),
        kind,
        statuses as &[&str],
        page.after.as_deref(),
        page.limit + 1
    )
    .fetch_all(store.tenants())
    .await?;
    Page::of(rows, page.limit).try_map(|found| row(&found.stream, found.version, &found.state))
}

/// Lists a book's jobs with their submissions that wait, newest first.
pub async fn jobs(
    store: &Store,
    book: Book,
    filter: &JobFilter,
    page: &PageRequest,
) -> Result<Page<JobOf>, StoreError> {
    let rows = sqlx::query!(
        r#"select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
           select j.stream, j.version, j.state, w.pending_score as "pending_score!",
                  w.retry_pending as "retry_pending!"
           from (
             select stream, version, state
             from streams
             where part = $1 and book = tenant.book and kind = 'job'
               and (cardinality($3::text[]) = 0 or status = any($3))
               and ($4::text is null
                    or convert_from(state, 'UTF8')::jsonb -> 'input' ->> 'type' = $4)
               and ($5::bigint is null
                    or (convert_from(state, 'UTF8')::jsonb ->> 'created_at')::timestamptz
                       > timestamptz 'epoch' + $5::bigint * interval '1 microsecond')
               and ($6::text is null or stream < $6)
             order by stream desc
             limit $7) j
           cross join lateral (
             select count(*) filter (where s.status = 'pending_score') as pending_score,
                    count(*) filter (where s.status = 'retry_pending') as retry_pending
             from streams s
             where s.part = $1 and s.book = tenant.book and s.parent = j.stream
               and s.status in ('pending_score', 'retry_pending')) w
           order by j.stream desc
           offset 0) as r"#,
        store.part_of_book(book),
        book.to_string(),
        &filter.statuses,
        filter.job_type,
        filter.created_after,
        page.after.as_deref(),
        page.limit + 1
    )
    .fetch_all(store.tenants())
    .await?;
    Page::of(rows, page.limit).try_map(|found| {
        let uploaded =
            Uploaded { pending_score: found.pending_score, retry_pending: found.retry_pending };
        job_of(row(&found.stream, found.version, &found.state)?, uploaded)
    })
}

/// How many submissions of a book are in one status, with one rating.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmissionCount {
    /// The status.
    pub status: String,
    /// The stars, if it was scored.
    pub stars: Option<i32>,
    /// How many.
    pub count: i64,
}

/// Counts a book's submissions of some time by status and stars.
pub async fn count_submissions(
    store: &Store,
    book: Book,
    job: Option<&str>,
    window: &Window,
) -> Result<Vec<SubmissionCount>, StoreError> {
    let rows = sqlx::query_as!(
        SubmissionCount,
        r#"select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
         select status as "status!",
                  (convert_from(state, 'UTF8')::jsonb -> 'score' ->> 'stars')::int as stars,
                  count(*) as "count!"
           from streams
           where part = $1 and book = tenant.book and kind = 'submission' and stream >= $4 and stream <= $5
             and ($3::text is null or parent = $3)
             and status in ('pending_score', 'approved', 'retry_pending', 'rejected')
             and ($6::bigint is null
                  or (convert_from(state, 'UTF8')::jsonb ->> 'accepted_at')::timestamptz
                     >= timestamptz 'epoch' + $6::bigint * interval '1 microsecond')
             and ($7::bigint is null
                  or (convert_from(state, 'UTF8')::jsonb ->> 'accepted_at')::timestamptz
                     <= timestamptz 'epoch' + $7::bigint * interval '1 microsecond')
           group by 1, 2
         offset 0) as r"#,
        store.part_of_book(book),
        book.to_string(),
        job,
        window.from,
        window.until,
        window.accepted_from,
        window.accepted_until
    )
    .fetch_all(store.tenants())
    .await?;
    Ok(rows)
}

/// Lists a book's submissions over all its jobs, newest first.
pub async fn list_submissions(
    store: &Store,
    book: Book,
    filter: &SubmissionFilter,
    page: &PageRequest,
) -> Result<Page<StateOf>, StoreError> {
    let rows = sqlx::query!(
        "select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
         select stream, version, state from streams
         where part = $1 and book = tenant.book and kind = 'submission'
           and status = any($3)
           and ($4::text is null or parent = $4)
           and ($5::int is null
                or (convert_from(state, 'UTF8')::jsonb -> 'score' ->> 'stars')::int >= $5)
           and stream >= $6 and stream <= $7
           and ($8::text is null or stream < $8)
           and ($10::bigint is null
                or (convert_from(state, 'UTF8')::jsonb ->> 'accepted_at')::timestamptz
                   >= timestamptz 'epoch' + $10::bigint * interval '1 microsecond')
           and ($11::bigint is null
                or (convert_from(state, 'UTF8')::jsonb ->> 'accepted_at')::timestamptz
                   <= timestamptz 'epoch' + $11::bigint * interval '1 microsecond')
         order by stream desc
         limit $9
         offset 0) as r",
        store.part_of_book(book),
        book.to_string(),
        &filter.statuses,
        filter.job_id,
        filter.min_score,
        filter.window.from,
        filter.window.until,
        page.after.as_deref(),
        page.limit + 1,
        filter.window.accepted_from,
        filter.window.accepted_until
    )
    .fetch_all(store.tenants())
    .await?;
    Page::of(rows, page.limit).try_map(|found| row(&found.stream, found.version, &found.state))
}

/// What a list of submissions is filtered by.
#[derive(Debug, Clone, Default)]
pub struct SubmissionFilter {
    /// Only these statuses.
    pub statuses: Vec<String>,
    /// Only this job's.
    pub job_id: Option<String>,
    /// Only those with so many stars or more.
    pub min_score: Option<i32>,
    /// Only those of this time.
    pub window: Window,
}

/// When submissions were accepted.
#[derive(Debug, Clone, Default)]
pub struct Window {
    /// The lowest id.
    pub from: String,
    /// The highest id.
    pub until: String,
    /// Accepted at or after this time by the book's own clock, in microseconds since the epoch: ids are
    /// of our time, and say nothing about another.
    pub accepted_from: Option<i64>,
    /// Accepted at or before this time by the book's own clock.
    pub accepted_until: Option<i64>,
}
