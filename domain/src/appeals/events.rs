//! What can happen to an appeal.

use crate::event::events;
use crate::ids::{AppealId, SubmissionId, WorkerId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

events! {
    /// An event of an appeal.
    AppealEvent {
        /// The worker appealed.
        Opened(AppealOpened) = "appeal.opened", 1;
        /// The operator decided.
        Decided(AppealDecided) = "appeal.decided", 1;
    }
}

/// The worker appealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppealOpened {
    /// The appeal.
    pub appeal_id: AppealId,
    /// Who appealed.
    pub worker_id: WorkerId,
    /// The submission that the strike was given for.
    pub submission_id: SubmissionId,
    /// Why, in the worker's words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// What became of an appeal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The strike does not count.
    Lifted,
    /// The strike counts.
    Upheld,
}

/// The operator decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppealDecided {
    /// How.
    pub outcome: Outcome,
    /// Why, in the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When.
    pub at: Timestamp,
}
