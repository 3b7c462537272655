//! Files: every uploaded file; buyers see the approved ones.

mod project;

pub(crate) use project::project;

use crate::page::Page;
use firsthand_domain::Book;
use firsthand_eventstore::{Store, StoreError};

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// The file.
    pub file_id: String,
    /// The job.
    pub job_id: String,
    /// The submission.
    pub submission_id: String,
    /// Whose it is.
    pub worker_id: String,
    /// Where the worker is.
    pub worker_region: Option<String>,
    /// The media type.
    pub content_type: String,
    /// Size in bytes.
    pub size_bytes: i64,
    /// SHA-256 of the bytes, in hexadecimal.
    pub content_hash: String,
    /// Width in pixels.
    pub width: Option<i32>,
    /// Height in pixels.
    pub height: Option<i32>,
    /// Duration in milliseconds.
    pub duration_ms: Option<i64>,
    /// The name that the worker's device gave it.
    pub original_filename: Option<String>,
    /// Where it is stored.
    pub storage_key: String,
    /// Stars.
    pub ai_star_rating: Option<i16>,
    /// When it was captured, in microseconds since the epoch.
    pub captured_at: Option<i64>,
    /// When it was uploaded, in microseconds since the epoch.
    pub submitted_at: i64,
    /// When it was approved, in microseconds since the epoch.
    pub approved_at: Option<i64>,
}

/// Lists the approved files of a job, newest first: those with at least `min_score` stars, or else with as
/// many as the job asks for.
pub async fn list(
    store: &Store,
    book: Book,
    job_id: &str,
    min_score: Option<i16>,
    after: Option<&str>,
    limit: i64,
) -> Result<Page<FileRow>, StoreError> {
    let rows = sqlx::query_as!(
        FileRow,
        "select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
         select file_id, job_id, submission_id, worker_id, worker_region, content_type, size_bytes,
                content_hash, width, height, duration_ms, original_filename, storage_key,
                ai_star_rating, captured_at, submitted_at, approved_at
         from files
         where part = $1 and book = tenant.book and job_id = $3 and approved_at is not null
           and ai_star_rating >= coalesce($4, (
                 select (convert_from(state, 'UTF8')::jsonb #>> '{input,min_star_rating}')::smallint
                 from streams
                 where part = $1 and book = tenant.book and stream = $3))
           and ($5::text is null or file_id < $5)
         order by file_id desc
         limit $6
         offset 0) as r",
        store.part_of_book(book),
        book.to_string(),
        job_id,
        min_score,
        after,
        limit + 1
    )
    .fetch_all(store.tenants())
    .await?;
    Ok(Page::of(rows, limit))
}

/// Returns an approved file.
pub async fn get(store: &Store, book: Book, file_id: &str) -> Result<Option<FileRow>, StoreError> {
    let row = sqlx::query_as!(
        FileRow,
        "select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
         select file_id, job_id, submission_id, worker_id, worker_region, content_type, size_bytes,
                content_hash, width, height, duration_ms, original_filename, storage_key,
                ai_star_rating, captured_at, submitted_at, approved_at
         from files
         where part = $1 and book = tenant.book and file_id = $3 and approved_at is not null
         offset 0) as r",
        store.part_of_book(book),
        book.to_string(),
        file_id
    )
    .fetch_optional(store.tenants())
    .await?;
    Ok(row)
}

/// A file that looks like another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookalike {
    /// The file.
    pub file_id: String,
    /// SHA-256 of the bytes, in hexadecimal.
    pub content_hash: String,
    /// Perceptual hash: 16 hexadecimal digits.
    pub perceptual_hash: Option<String>,
}

/// Returns earlier files that a new one must be compared with: those of the same book with the same
/// content, and those of the same job with a perceptual hash. Files that were rejected count too.
pub async fn lookalikes(
    store: &Store,
    part: i16,
    book: &str,
    job_id: &str,
    submission_id: &str,
    content_hash: &str,
) -> Result<Vec<Lookalike>, StoreError> {
    Ok(sqlx::query_as!(
        Lookalike,
        r#"select file_id as "file_id!", content_hash as "content_hash!", perceptual_hash
           from (
             select file_id, content_hash, perceptual_hash from files
             where part = $1 and book = $2 and content_hash = $5
               and (submission_id < $4 or (submission_id <> $4 and approved_at is not null))
             union
             select file_id, content_hash, perceptual_hash from files
             where part = $1 and job_id = $3 and perceptual_hash is not null
               and submission_id <> $4) as earlier"#,
        part,
        book,
        job_id,
        submission_id,
        content_hash
    )
    .fetch_all(store.single())
    .await?)
}
