//! An approved file on the wire (spec section 6).

use firsthand_domain::Timestamp;
use firsthand_projections::files::FileRow;
use serde::Serialize;
use serde_json::Value;

/// An approved file.
#[derive(Debug, Serialize)]
pub(crate) struct FileView {
    object: &'static str,
    /// The file.
    pub id: String,
    job_id: String,
    submission_id: String,
    worker_id: String,
    worker_region: Option<String>,
    content_type: String,
    size_bytes: i64,
    width: Option<i32>,
    height: Option<i32>,
    duration_seconds: Option<i64>,
    content_hash: String,
    original_filename: Option<String>,
    captured_at: Option<Timestamp>,
    ai_star_rating: Option<i16>,
    device_info: Option<Value>,
    url: String,
    download_url: String,
    download_url_expires_at: Timestamp,
    annotations: Option<Value>,
    submitted_at: Timestamp,
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
