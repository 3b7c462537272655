//! A worker's state.

use super::events::WorkerEvent;
use crate::money::Cents;
use crate::state::Aggregate;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Whether a worker may work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "standing")]
pub enum Standing {
    /// Yes.
    #[default]
    Good,
    /// Not before that time.
    Suspended {
        /// The end of the suspension.
        until: Timestamp,
    },
    /// No.
    Banned,
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
    /// When strikes were issued; those of the last 30 days count.
    pub strikes: Vec<Timestamp>,
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
            WorkerEvent::StrikeIssued(strike) => self.strikes.push(strike.at),
            WorkerEvent::Suspended(suspended) => {
                self.standing = Standing::Suspended { until: suspended.until };
            }
            WorkerEvent::Banned(_) => self.standing = Standing::Banned,
        }
    }
}
