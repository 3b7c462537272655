//! What can happen to a worker's earnings.

use crate::event::events;
use crate::ids::{JobId, PayoutId, SubmissionId, WorkerId};
use crate::money::Cents;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

events! {
    /// An event of a worker's earnings.
    EarningsEvent {
        /// An approved submission was booked.
        Earned(EarningsEarned) = "earnings.earned", 1;
        /// The worker named the account that payouts go to.
        AccountSet(PayoutAccountSet) = "earnings.payout_account_set", 1;
        /// What can be paid out was set aside for a payout.
        Reserved(PayoutReserved) = "earnings.payout_reserved", 1;
        /// A payout reached the worker.
        PaidOut(EarningsPaidOut) = "earnings.paid_out", 1;
        /// A payout, or a part of it, came back.
        Returned(PayoutReturned) = "earnings.payout_returned", 1;
    }
}

/// An approved submission was booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarningsEarned {
    /// Whose earning it is.
    pub worker_id: WorkerId,
    /// For which submission.
    pub submission_id: SubmissionId,
    /// Of which job.
    pub job_id: JobId,
    /// How much, positive.
    pub amount_cents: Cents,
    /// When the submission was approved.
    pub earned_at: Timestamp,
    /// From when on it can be paid out; never before what was earned earlier.
    pub available_at: Timestamp,
    /// When it was booked.
    pub at: Timestamp,
}

/// The worker named an account at the payment provider: its name there, no bank account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutAccountSet {
    /// The provider's name of the account.
    pub account: String,
    /// When.
    pub at: Timestamp,
}

/// What can be paid out was set aside for a payout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutReserved {
    /// The payout.
    pub payout_id: PayoutId,
    /// How much, positive.
    pub amount_cents: Cents,
    /// When.
    pub at: Timestamp,
}

/// A payout reached the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarningsPaidOut {
    /// The payout.
    pub payout_id: PayoutId,
    /// How much, positive.
    pub amount_cents: Cents,
    /// When.
    pub at: Timestamp,
}

/// Where money that came back had been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnedFrom {
    /// On its way: the payout failed.
    Transit,
    /// With the worker: the payout was reversed.
    Paid,
}

/// A payout, or a part of it, came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutReturned {
    /// The payout.
    pub payout_id: PayoutId,
    /// How much, positive.
    pub amount_cents: Cents,
    /// Where it had been.
    pub from: ReturnedFrom,
    /// When.
    pub at: Timestamp,
}
