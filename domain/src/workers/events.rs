//! What can happen to a worker.

use crate::event::events;
use crate::ids::{AppealId, SubmissionId, WorkerId};
use crate::money::Cents;
use crate::submissions::RejectionCode;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

events! {
    /// An event of a worker.
    WorkerEvent {
        /// The worker registered.
        Registered(WorkerRegistered) = "worker.registered", 1;
        /// A submission of the worker was approved or rejected.
        SubmissionEnded(WorkerSubmissionEnded) = "worker.submission_ended", 1;
        /// A strike.
        StrikeIssued(WorkerStrikeIssued) = "worker.strike_issued", 1;
        /// Too many strikes: suspended for a while.
        Suspended(WorkerSuspended) = "worker.suspended", 1;
        /// Far too many strikes.
        Banned(WorkerBanned) = "worker.banned", 1;
        /// The worker appealed against a strike.
        StrikeAppealed(WorkerStrikeAppealed) = "worker.strike_appealed", 1;
        /// A strike does not count any more.
        StrikeLifted(WorkerStrikeDecided) = "worker.strike_lifted", 1;
        /// A strike goes on counting.
        StrikeUpheld(WorkerStrikeDecided) = "worker.strike_upheld", 1;
        /// A suspension or ban rested on a strike that was lifted.
        Reinstated(WorkerReinstated) = "worker.reinstated", 1;
    }
}

/// The worker registered. Name and e-mail are personal and live elsewhere (design D13).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerRegistered {
    /// The worker.
    pub worker_id: WorkerId,
    /// Where the worker is, as `US-NY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Keyed hash of the worker's token.
    pub secret_hash: String,
    /// When.
    pub at: Timestamp,
}

/// A submission ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerSubmissionEnded {
    /// The submission.
    pub submission_id: SubmissionId,
    /// Whether it was approved.
    pub approved: bool,
    /// What it earned.
    pub earned_cents: Cents,
}

/// A strike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerStrikeIssued {
    /// For which submission.
    pub submission_id: SubmissionId,
    /// Why the submission was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<RejectionCode>,
    /// When.
    pub at: Timestamp,
}

/// Suspended for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerSuspended {
    /// Until when.
    pub until: Timestamp,
}

/// Banned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerBanned {
    /// When.
    pub at: Timestamp,
}

/// The worker appealed against a strike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerStrikeAppealed {
    /// The submission that the strike was given for.
    pub submission_id: SubmissionId,
    /// The appeal.
    pub appeal_id: AppealId,
    /// When.
    pub at: Timestamp,
}

/// An appeal against a strike was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerStrikeDecided {
    /// The submission that the strike was given for.
    pub submission_id: SubmissionId,
    /// The appeal.
    pub appeal_id: AppealId,
    /// When.
    pub at: Timestamp,
}

/// The worker's standing without the strike that was lifted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerReinstated {
    /// The end of the suspension that the other strikes deserve, if they deserve one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_until: Option<Timestamp>,
    /// When.
    pub at: Timestamp,
}
