//! A purchase's state.

use super::events::{PurchaseEvent, PurchaseKind};
use crate::credits::Card;
use crate::ids::{Book, LotId};
use crate::money::Cents;
use crate::state::Aggregate;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a purchase stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PurchaseStatus {
    /// It can be paid.
    #[default]
    Open,
    /// It was paid and booked.
    Paid,
    /// It was not paid.
    Failed,
}

impl PurchaseStatus {
    /// Returns the public name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Paid => "paid",
            Self::Failed => "failed",
        }
    }
}

/// Where a purchase can be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// What the provider calls it.
    pub id: String,
    /// The page.
    pub url: String,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A purchase of credits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Purchase {
    /// Who gets the credits.
    pub book: Book,
    /// Who buys.
    pub kind: PurchaseKind,
    /// Where it stands.
    pub status: PurchaseStatus,
    /// What is paid.
    pub amount: Cents,
    /// What is issued on top.
    pub bonus: Cents,
    /// The card that an automatic top-up charges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
    /// Where it can be paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// What the provider calls the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<String>,
    /// The lot that was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot_id: Option<LotId>,
    /// The bonus that was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bonus_lot_id: Option<LotId>,
    /// Why it was not paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// What is said to have gone back, by the provider's name of the refund or dispute. Zero for a dispute
    /// that was won; together they may be more than was paid.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reversed: BTreeMap<String, Cents>,
    /// What of the bonus went with it, or is owed for it.
    #[serde(default, skip_serializing_if = "Cents::is_zero")]
    pub bonus_gone: Cents,
    /// When it was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Timestamp>,
    /// When it was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<Timestamp>,
}

impl Purchase {
    /// Says whether it was opened.
    pub fn exists(&self) -> bool {
        self.opened_at.is_some()
    }

    /// Returns what of the payment is gone, all in all: never more than was paid.
    pub fn reversed_total(&self) -> Cents {
        self.reversed.values().copied().sum::<Cents>().min(self.amount)
    }

    /// Returns the same if so much were gone under a reference.
    pub(super) fn reversed_with(&self, reference: &str, total: Cents) -> Cents {
        let others = self.reversed.iter().filter(|(name, _)| *name != reference);
        others.map(|(_, gone)| *gone).chain([total]).sum::<Cents>().min(self.amount)
    }
}

impl Aggregate for Purchase {
    type Event = PurchaseEvent;

    fn evolve(&mut self, event: &PurchaseEvent) {
        match event {
            PurchaseEvent::Opened(opened) => {
                self.book = opened.book;
                self.kind = opened.kind;
                self.amount = opened.amount_cents;
                self.bonus = opened.bonus_cents;
                self.card.clone_from(&opened.card);
                self.opened_at = Some(opened.at);
            }
            PurchaseEvent::SessionCreated(created) => {
                self.session = Some(Session {
                    id: created.session_id.clone(),
                    url: created.url.clone(),
                    expires_at: created.expires_at,
                });
            }
            PurchaseEvent::Paid(paid) => {
                self.status = PurchaseStatus::Paid;
                self.payment = Some(paid.payment.clone());
                self.lot_id = Some(paid.lot_id);
                self.bonus_lot_id = paid.bonus_lot_id;
                self.failure = None;
                self.paid_at = Some(paid.at);
            }
            PurchaseEvent::Ended(ended) => {
                self.status = PurchaseStatus::Failed;
                self.failure = Some(ended.code.clone());
            }
            PurchaseEvent::Reversed(reversed) => {
                self.reversed.insert(reversed.reference.clone(), reversed.total_cents);
                self.bonus_gone = reversed.bonus_gone_cents;
            }
        }
    }
}
