//! A worker's state.

use super::events::WorkerEvent;
use super::standing::Standing;
use super::tier::Tier;
use crate::ids::{AppealId, SubmissionId};
use crate::money::Cents;
use crate::state::Aggregate;
use crate::submissions::RejectionCode;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What became of a strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StrikeStatus {
    /// It counts.
    #[default]
    Active,
    /// It counts until the appeal against it is decided.
    Appealed,
    /// It does not count.
    Lifted,
    /// It counts, after an appeal.
    Upheld,
}

impl StrikeStatus {
    /// Every status by its public name.
    pub const NAMES: [&'static str; 4] = ["active", "appealed", "lifted", "upheld"];

    /// Returns the public name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Appealed => "appealed",
            Self::Lifted => "lifted",
            Self::Upheld => "upheld",
        }
    }
}

/// A strike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strike {
    /// The submission that it was given for.
    pub submission_id: SubmissionId,
    /// Why the submission was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<RejectionCode>,
    /// When it was given.
    pub at: Timestamp,
    /// What became of it.
    pub status: StrikeStatus,
    /// The appeal against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appeal_id: Option<AppealId>,
}

/// A worker.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Worker {
    /// When the worker registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registered_at: Option<Timestamp>,
    /// Where the worker is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Keyed hash of the token.
    pub secret_hash: String,
    /// Whether the worker may work.
    pub standing: Standing,
    /// Every strike, oldest first.
    pub strikes: Vec<Strike>,
    /// Submissions approved.
    pub approved: u32,
    /// Submissions rejected.
    pub rejected: u32,
    /// Earned so far.
    pub earned: Cents,
}

impl Worker {
    /// Says whether the worker registered.
    pub fn exists(&self) -> bool {
        self.registered_at.is_some()
    }

    /// Returns what the record is worth.
    pub fn tier(&self) -> Tier {
        Tier::of(self.approved, self.rejected)
    }

    /// Returns the strike that a submission gave.
    pub fn strike(&self, submission_id: SubmissionId) -> Option<&Strike> {
        self.strikes.iter().find(|strike| strike.submission_id == submission_id)
    }

    /// Returns the strikes that count if they are recent enough.
    pub fn counting(&self) -> impl Iterator<Item = &Strike> {
        self.strikes.iter().filter(|strike| strike.status != StrikeStatus::Lifted)
    }

    fn mark(&mut self, submission_id: SubmissionId, status: StrikeStatus, appeal_id: AppealId) {
        let mut strikes = self.strikes.iter_mut();
        if let Some(strike) = strikes.find(|strike| strike.submission_id == submission_id) {
            strike.status = status;
            strike.appeal_id = Some(appeal_id);
        }
    }
}

impl Aggregate for Worker {
    type Event = WorkerEvent;

    fn evolve(&mut self, event: &WorkerEvent) {
        match event {
            WorkerEvent::Registered(registered) => {
                self.registered_at = Some(registered.at);
                self.region.clone_from(&registered.region);
                self.secret_hash.clone_from(&registered.secret_hash);
            }
            WorkerEvent::SubmissionEnded(ended) => {
                if ended.approved {
                    self.approved = self.approved.saturating_add(1);
                } else {
                    self.rejected = self.rejected.saturating_add(1);
                }
                self.earned = self.earned.plus(ended.earned_cents).unwrap_or(self.earned);
            }
            WorkerEvent::StrikeIssued(strike) => self.strikes.push(Strike {
                submission_id: strike.submission_id,
                code: strike.code,
                at: strike.at,
                status: StrikeStatus::Active,
                appeal_id: None,
            }),
            WorkerEvent::Suspended(suspended) => {
                self.standing = Standing::Suspended { until: suspended.until };
            }
            WorkerEvent::Banned(_) => self.standing = Standing::Banned,
            WorkerEvent::StrikeAppealed(one) => {
                self.mark(one.submission_id, StrikeStatus::Appealed, one.appeal_id);
            }
            WorkerEvent::StrikeLifted(one) => {
                self.mark(one.submission_id, StrikeStatus::Lifted, one.appeal_id);
            }
            WorkerEvent::StrikeUpheld(one) => {
                self.mark(one.submission_id, StrikeStatus::Upheld, one.appeal_id);
            }
            WorkerEvent::Reinstated(reinstated) => {
                self.standing = match reinstated.suspended_until {
                    Some(until) => Standing::Suspended { until },
                    None => Standing::Good,
                };
            }
        }
    }
}
