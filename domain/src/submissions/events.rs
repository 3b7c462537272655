//! What can happen to a submission.
#![expect(clippy::disallowed_types, reason = "serde's flatten names floats; there are none")]

use crate::event::events;
use crate::ids::{Book, FileId, JobId, SubmissionId, WorkerId};
use crate::media::MediaType;
use crate::money::Cents;
use crate::scoring::Score;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

events! {
    /// An event of a submission.
    SubmissionEvent {
        /// A worker accepted the job: a slot is reserved.
        Accepted(SubmissionAccepted) = "submission.accepted", 1;
        /// The worker uploaded files: they wait for their score.
        Uploaded(SubmissionUploaded) = "submission.uploaded", 1;
        /// The files were scored.
        Scored(SubmissionScored) = "submission.scored", 1;
        /// Good enough: the worker earns.
        Approved(SubmissionApproved) = "submission.approved", 1;
        /// Below the threshold; the worker may try once more.
        RetryRequested(SubmissionRetryRequested) = "submission.retry_requested", 1;
        /// Not good enough: no pay.
        Rejected(SubmissionRejected) = "submission.rejected", 1;
        /// The worker gave the slot back.
        Withdrawn(SubmissionWithdrawn) = "submission.withdrawn", 1;
        /// The worker let the reservation lapse.
        TimedOut(SubmissionTimedOut) = "submission.timed_out", 1;
        /// The approved files are in the job's folder.
        Delivered(SubmissionDelivered) = "submission.delivered", 1;
        /// The buyer was given a new link to a file.
        LinkRefreshed(SubmissionLinkRefreshed) = "submission.link_refreshed", 1;
    }
}

/// A worker accepted the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmissionAccepted {
    /// The submission.
    pub submission_id: SubmissionId,
    /// The book of the job.
    pub book: Book,
    /// The job.
    pub job_id: JobId,
    /// Who accepted.
    pub worker_id: WorkerId,
    /// Where the worker is, as `US-NY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_region: Option<String>,
    /// Number of files reserved.
    pub files: u32,
    /// Until when files must be uploaded.
    pub expires_at: Timestamp,
    /// When.
    pub at: Timestamp,
}

/// One uploaded file, as it was received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadedFile {
    /// The file.
    pub file_id: FileId,
    /// Its declared media type; the content was checked against it.
    pub content_type: MediaType,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// SHA-256 of the bytes, in hexadecimal.
    pub content_hash: String,
    /// Where the bytes are stored until they are delivered.
    pub storage_key: String,
    /// The name that the worker's device gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_filename: Option<String>,
}

/// The worker uploaded files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmissionUploaded {
    /// 1, or 2 after a retry.
    pub attempt: u8,
    /// The files.
    pub files: Vec<UploadedFile>,
    /// When they were captured, as the device says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captured_at: Option<Timestamp>,
    /// Whether the place of capture lies in the job's area; `None` where nothing was to check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_verified: Option<bool>,
    /// When.
    pub at: Timestamp,
}

/// What was measured of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMeasurement {
    /// The file.
    pub file_id: FileId,
    /// Width in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Duration in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Perceptual hash of an image: 16 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perceptual_hash: Option<String>,
}

/// The files were scored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmissionScored {
    /// The attempt that was scored.
    pub attempt: u8,
    /// The score.
    #[serde(flatten)]
    pub score: Score,
    /// What was measured.
    pub measurements: Vec<FileMeasurement>,
    /// When.
    pub at: Timestamp,
}

/// Good enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmissionApproved {
    /// The job.
    pub job_id: JobId,
    /// Who earned.
    pub worker_id: WorkerId,
    /// The worker's pay.
    pub worker_cents: Cents,
    /// When.
    pub at: Timestamp,
}

/// The worker may try once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmissionRetryRequested {
    /// Until when.
    pub expires_at: Timestamp,
}

/// Why a submission was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectionCode {
    /// One star.
    OffTopic,
    /// Below the threshold twice.
    BelowThreshold,
    /// Smaller than the job allows.
    TooSmall,
    /// The same content was submitted before.
    Duplicate,
    /// The file can't be decoded as what it claims to be.
    Undecodable,
    /// The retry window is over.
    RetryWindowOver,
    /// The job ended first.
    JobEnded,
}

impl RejectionCode {
    /// Returns the public name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OffTopic => "off_topic",
            Self::BelowThreshold => "below_threshold",
            Self::TooSmall => "too_small",
            Self::Duplicate => "duplicate",
            Self::Undecodable => "undecodable",
            Self::RetryWindowOver => "retry_window_over",
            Self::JobEnded => "job_ended",
        }
    }
}

/// Not good enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmissionRejected {
    /// Why.
    pub code: RejectionCode,
    /// Whether the worker gets a strike. A technical pre-check never gives one (spec section 5).
    pub strike: bool,
    /// When.
    pub at: Timestamp,
}

/// The worker gave the slot back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmissionWithdrawn {
    /// When.
    pub at: Timestamp,
}

/// The reservation lapsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmissionTimedOut {
    /// When.
    pub at: Timestamp,
}

/// Where a delivered file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveredFile {
    /// The file.
    pub file_id: FileId,
    /// Where its bytes are stored now.
    pub storage_key: String,
}

/// The approved files are in the job's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmissionDelivered {
    /// Where each file is stored now.
    pub files: Vec<DeliveredFile>,
    /// When.
    pub at: Timestamp,
}

/// The buyer was given a new link to a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmissionLinkRefreshed {
    /// The file.
    pub file_id: FileId,
    /// When.
    pub at: Timestamp,
}
