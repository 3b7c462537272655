//! What can happen to an organization's credits.

use crate::event::events;
use crate::ids::{JobId, LotId, PurchaseId, SubmissionId, WorkerId};
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
        /// What is available fell below the organization's threshold.
        LowBalance(CreditsLowBalance) = "credits.low_balance", 1;
        /// A lot with something left expires in 30 days or less.
        ExpiringSoon(CreditsExpiringSoon) = "credits.expiring_soon", 1;
        /// What is available fell below the threshold of the automatic top-up.
        TopUpRequested(CreditsTopUpRequested) = "credits.top_up_requested", 1;
        /// The automatic top-up was paid.
        AutoToppedUp(CreditsAutoToppedUp) = "credits.auto_topped_up", 1;
        /// The automatic top-up was not paid.
        TopUpFailed(CreditsTopUpFailed) = "credits.top_up_failed", 1;
        /// A card was left with the payment provider for automatic top-ups.
        CardSaved(CreditsCardSaved) = "credits.card_saved", 1;
        /// Money that was paid went back: a refund or a dispute.
        ChargedBack(CreditsChargedBack) = "credits.charged_back", 1;
        /// What was owed after a chargeback was paid from credits that came or came back.
        DebtSettled(CreditsDebtSettled) = "credits.debt_settled", 1;
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
    /// Money that came back: a dispute that was won.
    Reinstatement,
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
            Self::Reinstatement => "reinstatement",
        }
    }

    /// Says whether the lot was paid for: such lots are spent after promotional ones of equal
    /// expiry (design D10) and never expire (spec section 17 row 5).
    pub fn paid(self) -> bool {
        matches!(self, Self::Purchase | Self::Reinstatement)
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
    /// What it was bought by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchase: Option<PurchaseOf>,
    /// What is available afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_cents: Option<Cents>,
    /// When it was issued.
    pub at: Timestamp,
}

/// The purchase that a lot, or what is taken of it, belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurchaseOf {
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// What the payment provider calls it.
    pub external_ref: String,
    /// Whether the automatic top-up bought it.
    pub auto_top_up: bool,
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
    /// What is available afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_cents: Option<Cents>,
    /// When.
    pub at: Timestamp,
}

/// What is available fell below the threshold: told once for each downward crossing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditsLowBalance {
    /// What is available.
    pub available_cents: Cents,
    /// The threshold.
    pub threshold_cents: Cents,
    /// When.
    pub at: Timestamp,
}

/// A lot expires soon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditsExpiringSoon {
    /// The lot.
    pub lot_id: LotId,
    /// What is left of it.
    pub amount_cents: Cents,
    /// What is available, all in all.
    pub available_cents: Cents,
    /// When it expires.
    pub expires_at: Timestamp,
    /// When this was noticed.
    pub at: Timestamp,
}

/// A top-up is due; there is no other until this one was paid or has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditsTopUpRequested {
    /// The purchase that it begins.
    pub purchase_id: PurchaseId,
    /// The pack.
    pub amount_cents: Cents,
    /// When.
    pub at: Timestamp,
}

/// The automatic top-up was paid. The lots are events of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditsAutoToppedUp {
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// What was paid.
    pub amount_cents: Cents,
    /// What is available afterwards.
    pub available_cents: Cents,
    /// When.
    pub at: Timestamp,
}

/// The automatic top-up was not paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditsTopUpFailed {
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// What the payment provider said.
    pub code: String,
    /// Failures in a row, this one included.
    pub failures: u32,
    /// When.
    pub at: Timestamp,
}

/// A card was left with the payment provider; these are its names there, not the card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditsCardSaved {
    /// The provider's customer.
    pub customer: String,
    /// The provider's payment method.
    pub payment_method: String,
    /// When.
    pub at: Timestamp,
}

/// Money that was paid went back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditsChargedBack {
    /// What was bought, and what the provider calls the refund or dispute.
    pub purchase: PurchaseOf,
    /// What went back: as much as the draws and the debt add up to.
    pub amount_cents: Cents,
    /// From which lots.
    pub draws: Vec<Draw>,
    /// What had been spent already, or jobs hold, and is owed now.
    pub debt_cents: Cents,
    /// What is taken of the purchase's bonus, in proportion, as far as it is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bonus: Option<Draw>,
    /// What jobs hold of that proportion, and is owed now.
    #[serde(default, skip_serializing_if = "Cents::is_zero")]
    pub bonus_debt_cents: Cents,
    /// When.
    pub at: Timestamp,
}

impl CreditsChargedBack {
    /// Returns what the purchase's bonus loses: what is taken of it and what is owed for it.
    pub fn bonus_total(&self) -> Cents {
        self.bonus.map(|draw| draw.amount_cents).into_iter().chain([self.bonus_debt_cents]).sum()
    }
}

/// What was owed was paid from credits that came or came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditsDebtSettled {
    /// From which lots.
    pub draws: Vec<Draw>,
    /// How much.
    pub amount_cents: Cents,
    /// When.
    pub at: Timestamp,
}
