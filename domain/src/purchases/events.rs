//! What can happen to a purchase.

use crate::credits::Card;
use crate::event::events;
use crate::ids::{Book, LotId, PurchaseId};
use crate::money::Cents;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

events! {
    /// An event of a purchase.
    PurchaseEvent {
        /// Somebody wants to buy.
        Opened(PurchaseOpened) = "purchase.opened", 1;
        /// The payment provider has a page where it can be paid.
        SessionCreated(PurchaseSessionCreated) = "purchase.session_created", 1;
        /// It was paid.
        Paid(PurchasePaid) = "purchase.paid", 1;
        /// It was not paid.
        Ended(PurchaseEnded) = "purchase.ended", 1;
        /// Money went back, or came back.
        Reversed(PurchaseReversed) = "purchase.reversed", 1;
    }
}

/// Who buys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PurchaseKind {
    /// A person, on the payment provider's page.
    #[default]
    Checkout,
    /// The automatic top-up, with the card that was left.
    AutoTopUp,
}

/// Somebody wants to buy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurchaseOpened {
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// Who gets the credits.
    pub book: Book,
    /// Who buys.
    pub kind: PurchaseKind,
    /// What is to be paid.
    pub amount_cents: Cents,
    /// What is issued on top.
    pub bonus_cents: Cents,
    /// The card that an automatic top-up charges: always this one, however often it is tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
    /// When.
    pub at: Timestamp,
}

/// The payment provider has a page where it can be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurchaseSessionCreated {
    /// What the provider calls it.
    pub session_id: String,
    /// The page.
    pub url: String,
    /// Until when it can be paid there.
    pub expires_at: Timestamp,
}

/// It was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurchasePaid {
    /// What the provider calls the payment.
    pub payment: String,
    /// The lot that was issued.
    pub lot_id: LotId,
    /// The bonus that was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bonus_lot_id: Option<LotId>,
    /// When.
    pub at: Timestamp,
}

/// It was not paid. Should it be paid after all, it is booked then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurchaseEnded {
    /// Why, as the provider says it: `expired`, `card_declined`, …
    pub code: String,
    /// When.
    pub at: Timestamp,
}

/// Money went back, or came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurchaseReversed {
    /// What the provider calls the refund or dispute.
    pub reference: String,
    /// How much of the payment is gone under this reference, all in all.
    pub total_cents: Cents,
    /// How much of the bonus went with all that is gone, or is owed for it.
    #[serde(default, skip_serializing_if = "Cents::is_zero")]
    pub bonus_gone_cents: Cents,
    /// When.
    pub at: Timestamp,
}
