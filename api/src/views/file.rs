//! An approved file on the wire (spec section 6).

use crate::openapi::schema;
use firsthand_domain::Timestamp;
use firsthand_projections::files::FileRow;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// An approved file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = File)]
pub(crate) struct FileView {
    #[schema(example = "file")]
    object: &'static str,
    /// The file.
    #[schema(value_type = schema::FileId)]
    pub id: String,
    #[schema(value_type = schema::JobId)]
    job_id: String,
    #[schema(value_type = schema::SubmissionId)]
    submission_id: String,
    #[schema(value_type = schema::WorkerId)]
    worker_id: String,
    #[schema(value_type = Option<schema::Region>)]
    worker_region: Option<String>,
    #[schema(value_type = schema::MediaType)]
    content_type: String,
    #[schema(minimum = 1, example = 102_400)]
    size_bytes: i64,
    #[schema(minimum = 1, example = 1920)]
    width: Option<i32>,
    #[schema(minimum = 1, example = 1080)]
    height: Option<i32>,
    #[schema(minimum = 0)]
    duration_seconds: Option<i64>,
    /// SHA-256 of the file.
    #[schema(value_type = schema::Sha256)]
    content_hash: String,
    #[schema(example = "photo.jpg")]
    original_filename: Option<String>,
    #[schema(value_type = Option<schema::Instant>)]
    captured_at: Option<Timestamp>,
    #[schema(value_type = Option<schema::Stars>)]
    ai_star_rating: Option<i16>,
    #[schema(value_type = Option<schema::AnyObject>)]
    device_info: Option<Value>,
    /// The same as `download_url`.
    #[schema(value_type = schema::Link)]
    url: String,
    /// A signed link.
    #[schema(value_type = schema::Link)]
    download_url: String,
    /// When the link stops working.
    #[schema(value_type = schema::Instant)]
    download_url_expires_at: Timestamp,
    #[schema(value_type = Option<schema::AnyObject>)]
    annotations: Option<Value>,
    #[schema(value_type = schema::Instant)]
    submitted_at: Timestamp,
    #[schema(value_type = schema::Instant)]
    created_at: Timestamp,
}

impl FileView {
    /// Makes the view with a signed link.
    pub(crate) fn new(
        row: FileRow,
        worker_id: String,
        link: String,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            object: "file",
            id: row.file_id,
            job_id: row.job_id,
            submission_id: row.submission_id,
            worker_id,
            worker_region: row.worker_region,
            content_type: row.content_type,
            size_bytes: row.size_bytes,
            width: row.width,
            height: row.height,
            duration_seconds: row.duration_ms.map(|millis| millis / 1_000),
            content_hash: row.content_hash,
            original_filename: row.original_filename,
            captured_at: row.captured_at.map(Timestamp::from_micros),
            ai_star_rating: row.ai_star_rating,
            device_info: None,
            url: link.clone(),
            download_url: link,
            download_url_expires_at: expires_at,
            annotations: None,
            submitted_at: Timestamp::from_micros(row.submitted_at),
            created_at: Timestamp::from_micros(row.approved_at.unwrap_or(row.submitted_at)),
        }
    }
}
