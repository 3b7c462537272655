//! What can happen to a payout.

use crate::event::events;
use crate::ids::{PayoutBatchId, PayoutId, WorkerId};
use crate::money::Cents;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

events! {
    /// An event of a payout.
    PayoutEvent {
        /// It is on its way.
        Opened(PayoutOpened) = "payout.opened", 1;
        /// The payment provider transferred it.
        Paid(PayoutPaid) = "payout.paid", 1;
        /// The payment provider did not transfer it.
        Failed(PayoutFailed) = "payout.failed", 1;
        /// The transfer was taken back, wholly or in part.
        Reversed(PayoutReversed) = "payout.reversed", 1;
    }
}

/// It is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutOpened {
    /// The payout.
    pub payout_id: PayoutId,
    /// Who is paid.
    pub worker_id: WorkerId,
    /// How much.
    pub amount_cents: Cents,
    /// The provider's name of the account that it goes to.
    pub destination: String,
    /// The run that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<PayoutBatchId>,
    /// When.
    pub at: Timestamp,
}

/// The payment provider transferred it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutPaid {
    /// What the provider calls the transfer.
    pub transfer: String,
    /// When.
    pub at: Timestamp,
}

/// The payment provider did not transfer it. The money can be paid out again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutFailed {
    /// Why, as the provider says it.
    pub code: String,
    /// When.
    pub at: Timestamp,
}

/// The transfer was taken back, wholly or in part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutReversed {
    /// How much was taken back, all in all.
    pub total_cents: Cents,
    /// When.
    pub at: Timestamp,
}
