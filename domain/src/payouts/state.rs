//! A payout's state.

use super::events::PayoutEvent;
use crate::ids::{PayoutBatchId, WorkerId};
use crate::money::Cents;
use crate::state::Aggregate;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a payout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayoutStatus {
    /// On its way.
    #[default]
    InTransit,
    /// Transferred.
    Paid,
    /// Not transferred.
    Failed,
    /// Transferred, and all of it was taken back.
    Reversed,
}

impl PayoutStatus {
    /// Every status by its public name.
    pub const NAMES: [&'static str; 4] = ["in_transit", "paid", "failed", "reversed"];

    /// Returns the public name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InTransit => "in_transit",
            Self::Paid => "paid",
            Self::Failed => "failed",
            Self::Reversed => "reversed",
        }
    }
}

/// A payout.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Payout {
    /// Who is paid.
    pub worker_id: WorkerId,
    /// How much.
    pub amount: Cents,
    /// The provider's name of the account that it goes to.
    pub destination: String,
    /// The run that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<PayoutBatchId>,
    /// Where it stands.
    pub status: PayoutStatus,
    /// What the provider calls the transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// What was taken back.
    #[serde(default, skip_serializing_if = "Cents::is_zero")]
    pub reversed: Cents,
    /// When it was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Timestamp>,
    /// When it was paid or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Timestamp>,
}

impl Payout {
    /// Says whether it was opened.
    pub fn exists(&self) -> bool {
        self.opened_at.is_some()
    }
}

impl Aggregate for Payout {
    type Event = PayoutEvent;

    fn evolve(&mut self, event: &PayoutEvent) {
        match event {
            PayoutEvent::Opened(opened) => {
                self.worker_id = opened.worker_id;
                self.amount = opened.amount_cents;
                self.destination.clone_from(&opened.destination);
                self.batch_id = opened.batch_id;
                self.opened_at = Some(opened.at);
            }
            PayoutEvent::Paid(paid) => {
                self.status = PayoutStatus::Paid;
                self.transfer = Some(paid.transfer.clone());
                self.settled_at = Some(paid.at);
            }
            PayoutEvent::Failed(failed) => {
                self.status = PayoutStatus::Failed;
                self.failure = Some(failed.code.clone());
                self.settled_at = Some(failed.at);
            }
            PayoutEvent::Reversed(reversed) => {
                self.reversed = reversed.total_cents;
                if self.reversed >= self.amount {
                    self.status = PayoutStatus::Reversed;
                }
            }
        }
    }
}
