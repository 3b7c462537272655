//! What can happen to an organization's credits.

use crate::event::events;
use crate::ids::{JobId, LotId, SubmissionId, WorkerId};
use crate::money::Cents;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

events! {
    /// An event of a credit account.
    CreditEvent {
        /// A lot was issued.
        Granted(CreditsGranted) = "credits.granted", 1;
        /// A job's price was set aside.
        Held(CreditsHeld) = "credits.held", 1;
        /// An approved submission was paid from what its job holds.
        Captured(CreditsCaptured) = "credits.captured", 1;
        /// What a job did not need went back to its lots.
        Released(CreditsReleased) = "credits.released", 1;
        /// What was left of a lot expired.
        Expired(CreditsExpired) = "credits.expired", 1;
    }
}

/// Where a lot comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LotOrigin {
    /// The grant for a verified phone number.
    FreeTier,
    /// A bonus on a purchase.
    Bonus,
    /// Granted by the operator.
    Promotional,
    /// Bought.
    Purchase,
    /// The sandbox's play money.
    Sandbox,
}

impl LotOrigin {
    /// Returns the stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FreeTier => "free_tier",
            Self::Bonus => "bonus",
            Self::Promotional => "promotional",
            Self::Purchase => "purchase",
            Self::Sandbox => "sandbox",
        }
    }

    /// Says whether the lot was paid for: such lots are spent after promotional ones of equal
    /// expiry (design D10) and never expire (spec section 17 row 5).
    pub fn paid(self) -> bool {
        matches!(self, Self::Purchase)
    }
}

/// A part of an amount, and the lot that it is drawn from or returned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draw {
    /// The lot.
    pub lot_id: LotId,
    /// The part of the amount, positive.
    pub amount_cents: Cents,
}

/// A lot was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditsGranted {
    /// The new lot.
    pub lot_id: LotId,
    /// Where it comes from.
    pub origin: LotOrigin,
    /// How much, positive.
    pub amount_cents: Cents,
    /// When what is left of it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Why, for people.
    pub reason: String,
    /// When it was issued.
    pub at: Timestamp,
}

/// A job's price was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditsHeld {
    /// The job that the money is held for.
    pub job_id: JobId,
    /// How much.
    pub amount_cents: Cents,
    /// From which lots; adds up to the amount.
    pub draws: Vec<Draw>,
    /// When.
    pub at: Timestamp,
}

/// An approved submission was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditsCaptured {
    /// The job whose escrow paid.
    pub job_id: JobId,
    /// The submission that was approved.
    pub submission_id: SubmissionId,
    /// The worker who earned.
    pub worker_id: WorkerId,
    /// Number of files that were paid.
    pub files: u32,
    /// Price of all of them.
    pub amount_cents: Cents,
    /// The worker's share.
    pub worker_cents: Cents,
    /// The platform's share.
    pub platform_cents: Cents,
    /// From which lots; adds up to the amount.
    pub draws: Vec<Draw>,
    /// Whether this was the last that the job held.
    pub closes: bool,
    /// When.
    pub at: Timestamp,
}

/// Why a job's rest was released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseReason {
    /// The buyer cancelled.
    Cancelled,
    /// The deadline passed.
    Deadline,
}

/// A lot that had expired while its money was held, and lives on for a while (spec section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotExtension {
    /// The lot.
    pub lot_id: LotId,
    /// Its new end.
    pub expires_at: Timestamp,
}

/// What a job did not need went back to its lots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditsReleased {
    /// The job whose escrow was closed.
    pub job_id: JobId,
    /// How much.
    pub amount_cents: Cents,
    /// To which lots; adds up to the amount.
    pub draws: Vec<Draw>,
    /// Why.
    pub reason: ReleaseReason,
    /// Lots that would have expired already and were extended instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extended: Vec<LotExtension>,
    /// When.
    pub at: Timestamp,
}

/// What was left of a lot expired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditsExpired {
    /// The lot.
    pub lot_id: LotId,
    /// What was left.
    pub amount_cents: Cents,
    /// When.
    pub at: Timestamp,
}
