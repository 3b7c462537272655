//! What can happen to a job.
#![expect(clippy::disallowed_types, reason = "serde's flatten names floats; there are none")]

use super::create::JobInput;
use crate::event::events;
use crate::ids::{Book, JobId, SubmissionId, WorkerId};
use crate::money::Cents;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

events! {
    /// An event of a job.
    JobEvent {
        /// The buyer posted the job.
        Created(JobCreated) = "job.created", 1;
        /// A worker accepted: files are reserved.
        SlotReserved(JobSlotReserved) = "job.slot_reserved", 1;
        /// A submission ended without approval: its files are free again.
        SlotReleased(JobSlotReleased) = "job.slot_released", 1;
        /// A submission's files were approved and paid.
        FilesApproved(JobFilesApproved) = "job.files_approved", 1;
        /// Every file that was asked for is approved.
        Completed(JobCompleted) = "job.completed", 1;
        /// The buyer cancelled, or the deadline passed.
        Cancelled(JobCancelled) = "job.cancelled", 1;
        /// The buyer rated the completed job.
        Rated(JobRated) = "job.rated", 1;
        /// A worker flagged the job as unreasonable.
        Flagged(JobFlagged) = "job.flagged", 1;
    }
}

/// The buyer posted the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCreated {
    /// The job.
    pub job_id: JobId,
    /// The book that pays.
    pub book: Book,
    /// What is asked for.
    #[serde(flatten)]
    pub input: JobInput,
    /// The whole price, held from the book's credits.
    pub total_cost_cents: Cents,
    /// The hold's record, lot by lot.
    pub escrow: Vec<crate::credits::Draw>,
    /// When.
    pub at: Timestamp,
}

/// A worker accepted the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSlotReserved {
    /// The new submission.
    pub submission_id: SubmissionId,
    /// Who accepted.
    pub worker_id: WorkerId,
    /// Number of files that it reserves.
    pub files: u32,
}

/// A submission ended without approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSlotReleased {
    /// The submission.
    pub submission_id: SubmissionId,
    /// Number of files that are free again.
    pub files: u32,
    /// Whether it counts as rejected (it had been uploaded).
    pub rejected: bool,
}

/// A submission was approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFilesApproved {
    /// The submission.
    pub submission_id: SubmissionId,
    /// Number of files approved.
    pub files: u32,
    /// Number of files that were reserved and not delivered: they are free again.
    #[serde(default)]
    pub unused: u32,
    /// What was drawn from the job's escrow.
    pub draws: Vec<crate::credits::Draw>,
    /// Price of the files.
    pub amount_cents: Cents,
}

/// Every file is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCompleted {
    /// When.
    pub at: Timestamp,
}

/// Why a job was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// The buyer asked for it.
    Buyer,
    /// The deadline passed.
    Deadline,
}

/// The job takes no more files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCancelled {
    /// Why.
    pub reason: CancelReason,
    /// What went back to the book's credits.
    pub refunded_cents: Cents,
    /// When.
    pub at: Timestamp,
}

/// The buyer's rating.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRated {
    /// 1 to 5.
    pub rating: u8,
    /// Words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<String>,
}

/// A worker's complaint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFlagged {
    /// Who flagged.
    pub worker_id: WorkerId,
    /// Why.
    pub reason: String,
}
