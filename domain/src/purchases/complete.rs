//! Complete a purchase: it was paid, so its credits are issued.

use super::events::{PurchaseEvent, PurchaseKind, PurchasePaid};
use super::open;
use super::state::{Purchase, PurchaseStatus};
use crate::credits::{
    self, CreditEvent, CreditsAutoToppedUp, CreditsCardSaved, CreditsGranted, LotOrigin, PurchaseOf,
};
use crate::decision::{self, Changes, Command, Context, View};
use crate::ids::{Book, LotId, PurchaseId, StreamId};
use crate::money::Cents;
use crate::rejection::Rejection;

/// What the payment provider says of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// What the provider calls it.
    pub payment: String,
    /// What was paid.
    pub amount: Cents,
    /// The customer and the card that were left for automatic top-ups.
    pub card: Option<(String, String)>,
}

/// Books a payment. Does nothing if the purchase is booked already, however often the provider says
/// that it was paid. One that had failed is booked all the same: the money came.
#[derive(Debug, Clone)]
pub struct CompletePurchase {
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// The payment.
    pub paid: Paid,
    /// The lot to issue.
    pub lot_id: LotId,
    /// The bonus lot to issue, if the pack has a bonus.
    pub bonus_lot_id: LotId,
}

impl CompletePurchase {
    /// Returns the lots to issue, and what is available after them.
    fn lots(
        &self,
        purchase: &Purchase,
        mut available: Cents,
        context: &Context,
    ) -> (Vec<CreditEvent>, Cents) {
        let auto_top_up = purchase.kind == PurchaseKind::AutoTopUp;
        let of = PurchaseOf {
            purchase_id: self.purchase_id,
            external_ref: self.paid.payment.clone(),
            auto_top_up,
        };
        let reason = if auto_top_up { "Automatic top-up" } else { "Credit purchase" };
        let mut lots = vec![(self.lot_id, LotOrigin::Purchase, purchase.amount, reason.to_owned())];
        if purchase.bonus > Cents::ZERO {
            let reason = format!("{reason}: bonus");
            lots.push((self.bonus_lot_id, LotOrigin::Bonus, purchase.bonus, reason));
        }
        let events = lots
            .into_iter()
            .map(|(lot_id, origin, amount, reason)| {
                available = [available, amount].into_iter().sum();
                let lot = credits::lot(lot_id, origin, amount, &reason, context.now);
                CreditEvent::Granted(CreditsGranted {
                    purchase: Some(of.clone()),
                    available_cents: Some(available),
                    ..lot
                })
            })
            .collect();
        (events, available)
    }
}

impl Command for CompletePurchase {
    fn book(&self, view: &dyn View) -> Option<Book> {
        open::book(view, self.purchase_id)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        open::needs(view, self.purchase_id)
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let purchase = decision::purchase(view, self.purchase_id)?;
        if purchase.status == PurchaseStatus::Paid {
            return Ok(Changes::none());
        }
        if self.paid.amount != purchase.amount {
            return Err(Rejection::AmountMismatch {
                expected: purchase.amount,
                found: self.paid.amount,
            });
        }
        let account = decision::credits(view, purchase.book)?;
        let paid = PurchasePaid {
            payment: self.paid.payment.clone(),
            lot_id: self.lot_id,
            bonus_lot_id: (purchase.bonus > Cents::ZERO).then_some(self.bonus_lot_id),
            at: context.now,
        };
        let stream = purchase.book.stream();
        let mut changes =
            Changes::none().append(StreamId::Purchase(self.purchase_id), PurchaseEvent::Paid(paid));
        let (lots, available) = self.lots(purchase, account.available_at(context.now), context);
        for lot in lots {
            changes.push(stream, lot);
        }
        let bought = [(self.lot_id, LotOrigin::Purchase, purchase.amount)];
        if let Some(settled) = credits::settle(account, bought, context.now) {
            changes.push(stream, CreditEvent::DebtSettled(settled));
        }
        if account.top_ups.under_way == Some(self.purchase_id) {
            let topped_up = CreditsAutoToppedUp {
                purchase_id: self.purchase_id,
                amount_cents: purchase.amount,
                available_cents: available,
                at: context.now,
            };
            changes.push(stream, CreditEvent::AutoToppedUp(topped_up));
        }
        if let Some((customer, payment_method)) = self.paid.card.clone() {
            let saved = CreditsCardSaved { customer, payment_method, at: context.now };
            changes.push(stream, CreditEvent::CardSaved(saved));
        }
        Ok(changes)
    }
}
