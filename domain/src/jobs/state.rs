//! A job's state.

use super::create::JobInput;
use super::events::{CancelReason, JobEvent};
use crate::credits::Escrow;
use crate::ids::{Book, JobId, SubmissionId, WorkerId};
use crate::money::Cents;
use crate::rejection::Rejection;
use crate::state::Aggregate;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A job's public status (spec section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Takes workers; nothing approved yet.
    #[default]
    Open,
    /// Every slot is taken; nothing approved yet.
    Filled,
    /// At least one file is approved.
    InProgress,
    /// Every file is approved.
    Completed,
    /// Cancelled by the buyer or by its deadline.
    Cancelled,
}

impl JobStatus {
    /// Returns the public name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Filled => "filled",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Says whether the job can still take or pay files.
    pub fn active(self) -> bool {
        match self {
            Self::Open | Self::Filled | Self::InProgress => true,
            Self::Completed | Self::Cancelled => false,
        }
    }
}

/// A submission that holds a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveSubmission {
    /// Whose it is.
    pub worker_id: WorkerId,
    /// Files that it reserves.
    pub files: u32,
}

/// How many submissions ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SubmissionCounts {
    /// Approved.
    pub approved: u32,
    /// Rejected.
    pub rejected: u32,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Job {
    /// The job; `None` before it was created.
    pub job_id: Option<JobId>,
    /// The book that pays.
    pub book: Book,
    /// What is asked for.
    pub input: JobInput,
    /// The public status.
    pub status: JobStatus,
    /// Files approved so far.
    pub files_approved: u32,
    /// Files reserved by active submissions.
    pub files_reserved: u32,
    /// Submissions that hold a slot.
    pub active: BTreeMap<SubmissionId, ActiveSubmission>,
    /// How many submissions ended how.
    pub ended: SubmissionCounts,
    /// What the job holds, spent and gave back.
    pub escrow: Escrow,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// When it was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<Timestamp>,
    /// Why it was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<CancelReason>,
    /// The buyer's rating, 1 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyer_rating: Option<u8>,
    /// The buyer's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyer_feedback: Option<String>,
    /// Who flagged it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub flagged_by: BTreeSet<WorkerId>,
    /// How many events the job has: it grows with every change.
    pub version: u64,
}

impl Job {
    /// Says whether the job was created.
    pub fn exists(&self) -> bool {
        self.job_id.is_some()
    }

    /// Returns the price of everything.
    pub fn total_cost(&self) -> Cents {
        self.input.price_per_file_cents.times(self.input.files_needed).unwrap_or_default()
    }

    /// Returns the number of files that nobody has reserved or delivered.
    pub fn files_open(&self) -> u32 {
        if self.status.active() {
            self.input
                .files_needed
                .saturating_sub(self.files_approved)
                .saturating_sub(self.files_reserved)
        } else {
            0
        }
    }

    /// Returns the number of slots that workers can still accept; the last may be smaller than the
    /// others (spec section 4).
    pub fn slots_open(&self) -> u32 {
        self.files_open().div_ceil(self.input.files_per_submission.max(1))
    }

    /// Refuses unless the job can still take or pay files.
    pub fn must_be_active(&self) -> Result<(), Rejection> {
        if self.status.active() {
            Ok(())
        } else {
            Err(Rejection::JobNotActive { status: self.status.as_str() })
        }
    }

    fn end_submission(&mut self, id: SubmissionId) {
        if let Some(ended) = self.active.remove(&id) {
            self.files_reserved = self.files_reserved.saturating_sub(ended.files);
        }
    }

    fn update_status(&mut self) {
        if !self.status.active() {
            return;
        }
        self.status = if self.files_approved > 0 {
            JobStatus::InProgress
        } else if self.files_open() == 0 {
            JobStatus::Filled
        } else {
            JobStatus::Open
        };
    }
}

impl Aggregate for Job {
    type Event = JobEvent;

    fn evolve(&mut self, event: &JobEvent) {
        self.version = self.version.saturating_add(1);
        match event {
            JobEvent::Created(created) => {
                self.job_id = Some(created.job_id);
                self.book = created.book;
                self.input = created.input.clone();
                self.escrow.held.clone_from(&created.escrow);
                self.created_at = created.at;
            }
            JobEvent::SlotReserved(reserved) => {
                self.files_reserved = self.files_reserved.saturating_add(reserved.files);
                let active =
                    ActiveSubmission { worker_id: reserved.worker_id, files: reserved.files };
                self.active.insert(reserved.submission_id, active);
            }
            JobEvent::SlotReleased(released) => {
                self.end_submission(released.submission_id);
                if released.rejected {
                    self.ended.rejected = self.ended.rejected.saturating_add(1);
                }
            }
            JobEvent::FilesApproved(approved) => {
                self.end_submission(approved.submission_id);
                self.ended.approved = self.ended.approved.saturating_add(1);
                self.files_approved = self.files_approved.saturating_add(approved.files);
                self.escrow.take(&approved.draws);
                self.escrow.spent =
                    self.escrow.spent.plus(approved.amount_cents).unwrap_or_default();
            }
            JobEvent::Completed(completed) => {
                self.status = JobStatus::Completed;
                self.completed_at = Some(completed.at);
            }
            JobEvent::Cancelled(cancelled) => {
                self.status = JobStatus::Cancelled;
                self.cancelled_at = Some(cancelled.at);
                self.cancel_reason = Some(cancelled.reason);
                self.escrow.held.clear();
                self.escrow.refunded = cancelled.refunded_cents;
            }
            JobEvent::Rated(rated) => {
                self.buyer_rating = Some(rated.rating);
                self.buyer_feedback.clone_from(&rated.feedback);
            }
            JobEvent::Flagged(flagged) => {
                self.flagged_by.insert(flagged.worker_id);
            }
        }
        self.update_status();
    }
}
