//! A submission on the wire, as its buyer and as its worker see it.

use crate::openapi::schema;
use firsthand_adapters::secrets::Secrets;
use firsthand_domain::ids::{JobId, SubmissionId, WorkerId};
use firsthand_domain::media::MediaType;
use firsthand_domain::scoring::Dimensions;
use firsthand_domain::submissions::{RejectionCode, Submission, SubmissionStatus};
use firsthand_domain::{Book, Cents, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// Returns the name that an organization knows a worker by: buyers can't follow workers across
/// organizations (spec section 17 row 11).
pub(crate) fn worker_pseudonym(secrets: &Secrets, book: Book, worker: &str) -> String {
    let digest = secrets.digest(&format!("worker-pseudonym:{book}"), worker);
    let bytes = digest.first_chunk::<16>().copied().unwrap_or_default();
    WorkerId::new(ulid::Ulid(u128::from_be_bytes(bytes) >> 3)).to_string()
}

/// Says whether a buyer sees submissions with that status.
pub(crate) fn buyer_sees(status: SubmissionStatus) -> bool {
    match status {
        SubmissionStatus::PendingScore
        | SubmissionStatus::Approved
        | SubmissionStatus::RetryPending
        | SubmissionStatus::Rejected => true,
        SubmissionStatus::Accepted | SubmissionStatus::Withdrawn | SubmissionStatus::TimedOut => {
            false
        }
    }
}

/// A file of a submission.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SubmissionFile)]
pub(super) struct SubmissionFileView {
    #[schema(value_type = schema::FileId)]
    id: String,
    #[schema(value_type = schema::MediaType)]
    content_type: MediaType,
    #[schema(minimum = 1, example = 102_400)]
    size_bytes: u64,
    #[schema(value_type = schema::Sha256)]
    content_hash: String,
    #[schema(example = "photo.jpg")]
    original_filename: Option<String>,
    #[schema(minimum = 1)]
    width: Option<u32>,
    #[schema(minimum = 1)]
    height: Option<u32>,
    #[schema(minimum = 0)]
    duration_ms: Option<u64>,
}

fn files(submission: &Submission) -> Vec<SubmissionFileView> {
    submission
        .files
        .iter()
        .map(|file| {
            let measured =
                submission.measurements.iter().find(|measured| measured.file_id == file.file_id);
            SubmissionFileView {
                id: file.file_id.to_string(),
                content_type: file.content_type,
                size_bytes: file.size_bytes,
                content_hash: file.content_hash.clone(),
                original_filename: file.original_filename.clone(),
                width: measured.and_then(|measured| measured.width),
                height: measured.and_then(|measured| measured.height),
                duration_ms: measured.and_then(|measured| measured.duration_ms),
            }
        })
        .collect()
}

/// A submission as its buyer sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Submission)]
pub(crate) struct SubmissionView {
    #[schema(example = "submission")]
    object: &'static str,
    /// The submission.
    #[schema(value_type = schema::SubmissionId)]
    pub id: SubmissionId,
    #[schema(value_type = schema::JobId)]
    job_id: JobId,
    #[schema(value_type = schema::WorkerId)]
    worker_id: String,
    #[schema(value_type = schema::SubmissionStatus)]
    status: &'static str,
    /// 2 after a retry.
    #[schema(minimum = 1, maximum = 2, example = 1)]
    attempt: u8,
    #[schema(value_type = Option<schema::Stars>)]
    ai_star_rating: Option<u8>,
    ai_reasoning: Option<String>,
    #[schema(value_type = Option<schema::Dimensions>)]
    dimensions: Option<Dimensions>,
    #[schema(value_type = Option<schema::RejectionCode>)]
    rejection_code: Option<RejectionCode>,
    /// A link to the first file, once the submission is approved.
    #[schema(value_type = Option<schema::Link>)]
    file_url: Option<String>,
    #[schema(value_type = Option<schema::MediaType>)]
    content_type: Option<MediaType>,
    #[schema(minimum = 1)]
    size_bytes: Option<u64>,
    files: Vec<SubmissionFileView>,
    /// Whether it was captured where the job asks for; null if the job does not.
    location_verified: Option<bool>,
    #[schema(value_type = Option<schema::Instant>)]
    submitted_at: Option<Timestamp>,
    #[schema(value_type = Option<schema::Instant>)]
    scored_at: Option<Timestamp>,
}

impl SubmissionView {
    /// Makes the view; `file_url` is the first file's signed link, once it is approved.
    pub(crate) fn new(
        secrets: &Secrets,
        id: SubmissionId,
        submission: &Submission,
        file_url: Option<String>,
    ) -> Self {
        let score = submission.score.as_ref();
        let first = submission.files.first();
        Self {
            object: "submission",
            id,
            job_id: submission.job_id,
            worker_id: worker_pseudonym(
                secrets,
                submission.book,
                &submission.worker_id.to_string(),
            ),
            status: submission.status.as_str(),
            attempt: submission.attempt,
            ai_star_rating: score.map(|score| score.stars),
            ai_reasoning: score.map(|score| score.reasoning.clone()),
            dimensions: score.map(|score| score.dimensions),
            rejection_code: submission.rejection_code,
            file_url,
            content_type: first.map(|file| file.content_type),
            size_bytes: first.map(|file| file.size_bytes),
            files: files(submission),
            location_verified: submission.location_verified,
            submitted_at: submission.submitted_at,
            scored_at: submission.scored_at,
        }
    }
}

/// A submission as its worker sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkerSubmission)]
pub(crate) struct WorkerSubmissionView {
    #[schema(example = "submission")]
    object: &'static str,
    /// The submission.
    #[schema(value_type = schema::SubmissionId)]
    pub id: SubmissionId,
    #[schema(value_type = schema::JobId)]
    job_id: JobId,
    #[schema(value_type = schema::WorkerId)]
    worker_id: WorkerId,
    #[schema(value_type = schema::WorkerSubmissionStatus)]
    status: &'static str,
    #[schema(minimum = 0, maximum = 2, example = 1)]
    attempt: u8,
    /// Files that may be uploaded.
    #[schema(minimum = 0, example = 1)]
    files_reserved: u32,
    /// When the time for the next step is over.
    #[schema(value_type = Option<schema::Instant>)]
    expires_at: Option<Timestamp>,
    #[schema(value_type = Option<schema::Stars>)]
    ai_star_rating: Option<u8>,
    ai_reasoning: Option<String>,
    #[schema(value_type = Option<schema::Dimensions>)]
    dimensions: Option<Dimensions>,
    #[schema(value_type = Option<schema::RejectionCode>)]
    rejection_code: Option<RejectionCode>,
    /// What was earned.
    #[schema(value_type = schema::Cents)]
    pay_cents: Cents,
    files: Vec<SubmissionFileView>,
    #[schema(value_type = schema::Instant)]
    accepted_at: Timestamp,
    #[schema(value_type = Option<schema::Instant>)]
    submitted_at: Option<Timestamp>,
    #[schema(value_type = Option<schema::Instant>)]
    scored_at: Option<Timestamp>,
    #[schema(value_type = Option<schema::Instant>)]
    delivered_at: Option<Timestamp>,
}

impl WorkerSubmissionView {
    /// Makes the view.
    pub(crate) fn new(id: SubmissionId, submission: &Submission) -> Self {
        let score = submission.score.as_ref();
        Self {
            object: "submission",
            id,
            job_id: submission.job_id,
            worker_id: submission.worker_id,
            status: submission.status.as_str(),
            attempt: submission.attempt,
            files_reserved: submission.files_reserved,
            expires_at: submission.expires_at,
            ai_star_rating: score.map(|score| score.stars),
            ai_reasoning: score.map(|score| score.reasoning.clone()),
            dimensions: score.map(|score| score.dimensions),
            rejection_code: submission.rejection_code,
            pay_cents: submission.worker_cents,
            files: files(submission),
            accepted_at: submission.accepted_at,
            submitted_at: submission.submitted_at,
            scored_at: submission.scored_at,
            delivered_at: submission.delivered_at,
        }
    }
}
