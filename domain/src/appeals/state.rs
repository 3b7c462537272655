//! An appeal's state.

use super::events::{AppealEvent, Outcome};
use crate::ids::{SubmissionId, WorkerId};
use crate::state::Aggregate;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Where an appeal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppealStatus {
    /// Nobody has decided.
    #[default]
    Open,
    /// The strike does not count.
    Lifted,
    /// The strike counts.
    Upheld,
}

impl AppealStatus {
    /// Every status by its public name.
    pub const NAMES: [&'static str; 3] = ["open", "lifted", "upheld"];

    /// Returns the public name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Lifted => "lifted",
            Self::Upheld => "upheld",
        }
    }
}

/// An appeal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Appeal {
    /// Who appealed.
    pub worker_id: WorkerId,
    /// The submission that the strike was given for.
    pub submission_id: SubmissionId,
    /// Why, in the worker's words.
    pub reason: String,
    /// Where it stands.
    pub status: AppealStatus,
    /// Why it was decided so, in the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Timestamp>,
    /// When it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
}

impl Appeal {
    /// Says whether it was made.
    pub fn exists(&self) -> bool {
        self.opened_at.is_some()
    }
}

impl Aggregate for Appeal {
    type Event = AppealEvent;

    fn evolve(&mut self, event: &AppealEvent) {
        match event {
            AppealEvent::Opened(opened) => {
                self.worker_id = opened.worker_id;
                self.submission_id = opened.submission_id;
                self.reason.clone_from(&opened.reason);
                self.opened_at = Some(opened.at);
            }
            AppealEvent::Decided(decided) => {
                self.status = match decided.outcome {
                    Outcome::Lifted => AppealStatus::Lifted,
                    Outcome::Upheld => AppealStatus::Upheld,
                };
                self.note.clone_from(&decided.note);
                self.decided_at = Some(decided.at);
            }
        }
    }
}
