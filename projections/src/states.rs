//! Queries over the inline read model: the current state of streams, seen by one tenant.

use crate::page::{Page, PageRequest};
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

fn row(stream: &str, version: i64, state: &[u8]) -> Result<StateOf, StoreError> {
    let stream: StreamId = stream.parse().map_err(StoreError::corrupt)?;
    Ok(StateOf { stream, version, state: decode_state(stream, state)? })
}

/// Returns a stream of a book; another book's stream does not exist for this one.
pub async fn get(
    store: &Store,
    book: Book,
    stream: StreamId,
) -> Result<Option<StateOf>, StoreError> {
    let mut transaction = store.tenant(book).await?;
    let found = sqlx::query!(
        "select stream, version, state from streams where part = $1 and book = $2 and stream = $3",
        store.part_of(stream),
        book.to_string(),
        stream.to_string()
    )
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.commit().await?;
    found.map(|found| row(&found.stream, found.version, &found.state)).transpose()
}

/// What a list of jobs or keys is filtered by.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only streams with one of these statuses; all if empty.
    pub statuses: Vec<String>,
    /// Only jobs of this type.
    pub job_type: Option<&'static str>,
    /// Only jobs that were created after this time, as RFC 3339.
    pub created_after: Option<String>,
}

/// Lists a book's streams of one kind, newest first.
pub async fn list(
    store: &Store,
    book: Book,
    kind: &str,
    filter: &Filter,
    page: &PageRequest,
) -> Result<Page<StateOf>, StoreError> {
    let mut transaction = store.tenant(book).await?;
    let rows = sqlx::query!(
        "select stream, version, state from streams
         where part = $1 and book = $2 and kind = $3
           and (cardinality($4::text[]) = 0 or status = any($4))
           and ($5::text is null
                or convert_from(state, 'UTF8')::jsonb -> 'input' ->> 'type' = $5)
           and ($6::text is null
                or (convert_from(state, 'UTF8')::jsonb ->> 'created_at')::timestamptz
                   > $6::text::timestamptz)
           and ($7::text is null or stream < $7)
         order by stream desc
         limit $8",
        store.part_of_book(book),
        book.to_string(),
        kind,
        &filter.statuses,
        filter.job_type,
        filter.created_after,
        page.after.as_deref(),
        page.limit + 1
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Page::of(rows, page.limit).try_map(|found| row(&found.stream, found.version, &found.state))
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

/// Counts a book's submissions by status and stars; `from` and `until` bound their ids.
pub async fn count_submissions(
    store: &Store,
    book: Book,
    job: Option<&str>,
    from: &str,
    until: &str,
) -> Result<Vec<SubmissionCount>, StoreError> {
    let mut transaction = store.tenant(book).await?;
    let rows = sqlx::query_as!(
        SubmissionCount,
        r#"select status as "status!",
                  (convert_from(state, 'UTF8')::jsonb -> 'score' ->> 'stars')::int as stars,
                  count(*) as "count!"
           from streams
           where part = $1 and book = $2 and kind = 'submission' and stream >= $4 and stream <= $5
             and ($3::text is null or parent = $3)
             and status in ('pending_score', 'approved', 'retry_pending', 'rejected')
           group by 1, 2"#,
        store.part_of_book(book),
        book.to_string(),
        job,
        from,
        until
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(rows)
}

/// How many submissions of a job are in one status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCount {
    /// The job.
    pub job_id: String,
    /// The status.
    pub status: String,
    /// How many.
    pub count: i64,
}

/// Counts the submissions of jobs that wait for a score or a retry.
pub async fn count_uploaded(
    store: &Store,
    book: Book,
    jobs: &[String],
) -> Result<Vec<StatusCount>, StoreError> {
    let mut transaction = store.tenant(book).await?;
    let rows = sqlx::query_as!(
        StatusCount,
        r#"select parent as "job_id!", status as "status!", count(*) as "count!"
           from streams
           where part = $1 and book = $2 and parent = any($3)
             and status in ('pending_score', 'retry_pending')
           group by 1, 2"#,
        store.part_of_book(book),
        book.to_string(),
        jobs
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(rows)
}

/// Lists a book's submissions over all its jobs, newest first. `from` and `until` bound their ids.
pub async fn list_submissions(
    store: &Store,
    book: Book,
    filter: &SubmissionFilter,
    page: &PageRequest,
) -> Result<Page<StateOf>, StoreError> {
    let mut transaction = store.tenant(book).await?;
    let rows = sqlx::query!(
        "select stream, version, state from streams
         where part = $1 and book = $2 and kind = 'submission'
           and status = any($3)
           and ($4::text is null or parent = $4)
           and ($5::int is null
                or (convert_from(state, 'UTF8')::jsonb -> 'score' ->> 'stars')::int >= $5)
           and stream >= $6 and stream <= $7
           and ($8::text is null or stream < $8)
         order by stream desc
         limit $9",
        store.part_of_book(book),
        book.to_string(),
        &filter.statuses,
        filter.job_id,
        filter.min_score,
        filter.from,
        filter.until,
        page.after.as_deref(),
        page.limit + 1
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
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
    /// The lowest id.
    pub from: String,
    /// The highest id.
    pub until: String,
}
