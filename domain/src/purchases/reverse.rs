//! Reverse a purchase: money went back to the customer, or came back from a dispute.

use super::events::{PurchaseEvent, PurchaseReversed};
use super::open;
use super::state::PurchaseStatus;
use super::top_up::{Fall, watch};
use crate::credits::{self, Bought, CreditEvent, PurchaseOf};
use crate::decision::{self, Changes, Command, Context, View};
use crate::ids::{Book, LotId, PurchaseId, StreamId};
use crate::money::Cents;
use crate::rejection::Rejection;

/// Says how much of a payment is gone under one reference, all in all; what differs from what is
/// booked under it is booked. So events may come twice, and a partial refund may grow. Never more
/// goes back than was paid.
#[derive(Debug, Clone)]
pub struct ReversePurchase {
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// What the provider calls the refund or dispute.
    pub reference: String,
    /// How much is gone under this reference; zero for a dispute that was won.
    pub total: Cents,
    /// The lot to issue if money came back.
    pub lot_id: LotId,
}

impl Command for ReversePurchase {
    fn book(&self, view: &dyn View) -> Option<Book> {
        open::book(view, self.purchase_id)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        open::needs(view, self.purchase_id)
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let purchase = decision::purchase(view, self.purchase_id)?;
        let lot_id = match purchase.lot_id {
            Some(lot_id) if purchase.status == PurchaseStatus::Paid => lot_id,
            _ => return Err(Rejection::NotPaid),
        };
        let booked = purchase.reversed.get(&self.reference).copied().unwrap_or_default();
        let elsewhere = purchase.reversed_total().minus(booked).unwrap_or_default();
        let most = purchase.amount.minus(elsewhere).unwrap_or_default();
        let total = self.total.min(most).max(Cents::ZERO);
        if total == booked {
            return Ok(Changes::none());
        }
        let account = decision::credits(view, purchase.book)?;
        let of = PurchaseOf {
            purchase_id: self.purchase_id,
            external_ref: self.reference.clone(),
            auto_top_up: false,
        };
        let stream = purchase.book.stream();
        let reversed = PurchaseReversed {
            reference: self.reference.clone(),
            total_cents: total,
            at: context.now,
        };
        let mut changes = Changes::none()
            .append(StreamId::Purchase(self.purchase_id), PurchaseEvent::Reversed(reversed));
        if total > booked {
            let bought = Bought {
                lot_id,
                bonus_lot_id: purchase.bonus_lot_id,
                amount: purchase.amount,
                bonus: purchase.bonus,
                gone: elsewhere.plus(total).unwrap_or(purchase.amount),
            };
            let amount = total.minus(booked).unwrap_or_default();
            let back = credits::charge_back(account, &bought, of, amount, context.now);
            let taken =
                back.bonus.map_or(amount, |bonus| [amount, bonus.amount_cents].into_iter().sum());
            changes.push(stream, CreditEvent::ChargedBack(back));
            // The card is not charged for what its owner took back.
            let after = account.available_at(context.now).minus(taken).unwrap_or_default();
            let fall = Fall { after, cause: None, told: false };
            watch(&mut changes, view, (purchase.book, account), fall, context);
        } else {
            let amount = booked.minus(total).unwrap_or_default();
            changes.push(stream, credits::reinstate(self.lot_id, of, amount, context.now));
            if let Some(settled) = credits::settle(account, self.lot_id, amount, context.now) {
                changes.push(stream, settled);
            }
        }
        Ok(changes)
    }
}
