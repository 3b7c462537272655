//! A submission's state.

use super::events::{FileMeasurement, RejectionCode, SubmissionEvent, UploadedFile};
use crate::ids::{Book, JobId, WorkerId};
use crate::money::Cents;
use crate::scoring::Score;
use crate::state::Aggregate;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A submission's status (spec section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubmissionStatus {
    /// A slot is reserved, nothing uploaded; not shown to buyers.
    #[default]
    Accepted,
    /// Uploaded; waits for its score.
    PendingScore,
    /// Approved and paid.
    Approved,
    /// Below the threshold, one retry left.
    RetryPending,
    /// Rejected, unpaid.
    Rejected,
    /// Given back by the worker before an upload; not shown to buyers.
    Withdrawn,
    /// The reservation lapsed; not shown to buyers.
    TimedOut,
}

impl SubmissionStatus {
    /// Returns the public name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::PendingScore => "pending_score",
            Self::Approved => "approved",
            Self::RetryPending => "retry_pending",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::TimedOut => "timed_out",
        }
    }
}

/// A submission.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Submission {
    /// Whether it was accepted at all.
    pub accepted: bool,
    /// The book of the job.
    pub book: Book,
    /// The job.
    pub job_id: JobId,
    /// Whose it is.
    pub worker_id: WorkerId,
    /// Where the worker is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_region: Option<String>,
    /// The status.
    pub status: SubmissionStatus,
    /// Files reserved.
    pub files_reserved: u32,
    /// Uploads so far.
    pub attempt: u8,
    /// The files of the last upload.
    pub files: Vec<UploadedFile>,
    /// What was measured of them.
    #[serde(default)]
    pub measurements: Vec<FileMeasurement>,
    /// The last score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<Score>,
    /// Why it was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejection_code: Option<RejectionCode>,
    /// What the worker earned.
    pub worker_cents: Cents,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Until when the worker must act, in `accepted` and `retry_pending`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When the files were captured, as the device says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captured_at: Option<Timestamp>,
    /// Whether the place of capture lies in the job's area.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_verified: Option<bool>,
    /// When the last upload came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<Timestamp>,
    /// When it was scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scored_at: Option<Timestamp>,
    /// When its files reached the job's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
}

impl Submission {
    /// Says whether the submission was accepted.
    pub fn exists(&self) -> bool {
        self.accepted
    }

    /// Returns about how many bytes its files, their measurements and the score will add.
    pub(crate) fn growth(&self) -> usize {
        const SCORE: usize = 100;
        const FILE: usize = 400;
        let reserved = usize::try_from(self.files_reserved).unwrap_or_default();
        let missing = reserved.saturating_sub(self.files.len());
        missing.saturating_mul(FILE).saturating_add(SCORE)
    }
}

impl Aggregate for Submission {
    type Event = SubmissionEvent;

    fn evolve(&mut self, event: &SubmissionEvent) {
        match event {
            SubmissionEvent::Accepted(accepted) => {
                self.accepted = true;
                self.book = accepted.book;
                self.job_id = accepted.job_id;
                self.worker_id = accepted.worker_id;
                self.worker_region.clone_from(&accepted.worker_region);
                self.files_reserved = accepted.files;
                self.accepted_at = accepted.at;
                self.expires_at = Some(accepted.expires_at);
            }
            SubmissionEvent::Uploaded(uploaded) => {
                self.status = SubmissionStatus::PendingScore;
                self.attempt = uploaded.attempt;
                self.files.clone_from(&uploaded.files);
                self.measurements.clear();
                // They belong to the files before these.
                self.score = None;
                self.scored_at = None;
                self.captured_at = uploaded.captured_at;
                self.location_verified = uploaded.location_verified;
                self.submitted_at = Some(uploaded.at);
                self.expires_at = None;
            }
            SubmissionEvent::Scored(scored) => {
                self.score = Some(scored.score.clone());
                self.measurements.clone_from(&scored.measurements);
                self.scored_at = Some(scored.at);
            }
            SubmissionEvent::Approved(approved) => {
                self.status = SubmissionStatus::Approved;
                self.worker_cents = approved.worker_cents;
            }
            SubmissionEvent::RetryRequested(requested) => {
                self.status = SubmissionStatus::RetryPending;
                self.expires_at = Some(requested.expires_at);
            }
            SubmissionEvent::Rejected(rejected) => {
                self.status = SubmissionStatus::Rejected;
                self.rejection_code = Some(rejected.code);
                self.expires_at = None;
            }
            SubmissionEvent::Withdrawn(_) => {
                self.status = SubmissionStatus::Withdrawn;
                self.expires_at = None;
            }
            SubmissionEvent::TimedOut(_) => {
                self.status = SubmissionStatus::TimedOut;
                self.expires_at = None;
            }
            SubmissionEvent::Delivered(delivered) => {
                for moved in &delivered.files {
                    if let Some(file) =
                        self.files.iter_mut().find(|file| file.file_id == moved.file_id)
                    {
                        file.storage_key.clone_from(&moved.storage_key);
                    }
                }
                self.delivered_at = Some(delivered.at);
            }
            SubmissionEvent::LinkRefreshed(_) => (),
        }
    }
}
