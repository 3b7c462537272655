//! A submission on the wire, as its buyer and as its worker see it.

use firsthand_adapters::secrets::Secrets;
use firsthand_domain::ids::{JobId, SubmissionId, WorkerId};
use firsthand_domain::media::MediaType;
use firsthand_domain::scoring::Dimensions;
use firsthand_domain::submissions::{RejectionCode, Submission, SubmissionStatus};
use firsthand_domain::{Book, Cents, Timestamp};
use serde::Serialize;

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
#[derive(Debug, Serialize)]
pub(super) struct SubmissionFileView {
    id: String,
    content_type: MediaType,
    size_bytes: u64,
    content_hash: String,
    original_filename: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
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

/// A submission as its buyer sees it (spec section 5).
#[derive(Debug, Serialize)]
pub(crate) struct SubmissionView {
    object: &'static str,
    /// The submission.
    pub id: SubmissionId,
    job_id: JobId,
    worker_id: String,
    status: &'static str,
    attempt: u8,
    ai_star_rating: Option<u8>,
    ai_reasoning: Option<String>,
    dimensions: Option<Dimensions>,
    rejection_code: Option<RejectionCode>,
    file_url: Option<String>,
    content_type: Option<MediaType>,
    size_bytes: Option<u64>,
    files: Vec<SubmissionFileView>,
    location_verified: Option<bool>,
    submitted_at: Option<Timestamp>,
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

/// A submission as its worker sees it (spec section 21).
#[derive(Debug, Serialize)]
pub(crate) struct WorkerSubmissionView {
    object: &'static str,
    /// The submission.
    pub id: SubmissionId,
    job_id: JobId,
    worker_id: WorkerId,
    status: &'static str,
    attempt: u8,
    files_reserved: u32,
    expires_at: Option<Timestamp>,
    ai_star_rating: Option<u8>,
    ai_reasoning: Option<String>,
    dimensions: Option<Dimensions>,
    rejection_code: Option<RejectionCode>,
    pay_cents: Cents,
    files: Vec<SubmissionFileView>,
    accepted_at: Timestamp,
    submitted_at: Option<Timestamp>,
    scored_at: Option<Timestamp>,
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
