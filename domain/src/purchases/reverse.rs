//! Reverse a purchase: money went back to the customer, or came back from a dispute.

use super::events::{PurchaseEvent, PurchaseReversed};
use super::open;
use super::state::{Purchase, PurchaseStatus};
use super::top_up::{Fall, watch};
use crate::credits::{self, Bought, CreditAccount, CreditEvent, LotOrigin, PurchaseOf};
use crate::decision::{self, Changes, Command, Context, View};
use crate::ids::{Book, LotId, PurchaseId, StreamId};
use crate::money::Cents;
use crate::rejection::Rejection;

/// Says how much of a payment is gone under one reference, all in all. What the provider tells comes twice
/// and in any order: under a reference the largest total counts, until zero says that a dispute was won; that
/// is its last word. Never more goes back than was paid, however much the references add up to.
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
    /// The lot to issue for the bonus that comes back with it.
    pub bonus_lot_id: LotId,
}

impl ReversePurchase {
    /// Returns what counts as gone under the reference now, if that is news.
    fn news(&self, purchase: &Purchase) -> Option<Cents> {
        let known = purchase.reversed.get(&self.reference).copied();
        let said = match known {
            Some(Cents::ZERO) => Cents::ZERO,
            Some(known) if self.total > Cents::ZERO => known.max(self.total),
            Some(_) | None => self.total.max(Cents::ZERO),
        };
        (known != Some(said)).then_some(said)
    }

    fn of(&self) -> PurchaseOf {
        PurchaseOf {
            purchase_id: self.purchase_id,
            external_ref: self.reference.clone(),
            auto_top_up: false,
        }
    }

    /// Records what is said to be gone, and what of the bonus went with it.
    fn recorded(&self, total_cents: Cents, bonus_gone_cents: Cents, context: &Context) -> Changes {
        let reference = self.reference.clone();
        let at = context.now;
        let reversed = PurchaseReversed { reference, total_cents, bonus_gone_cents, at };
        Changes::none()
            .append(StreamId::Purchase(self.purchase_id), PurchaseEvent::Reversed(reversed))
    }

    /// Books money that came back, and as much of the bonus as had gone with it.
    fn give_back(
        &self,
        changes: &mut Changes,
        (book, account): (Book, &CreditAccount),
        [amount, bonus]: [Cents; 2],
        context: &Context,
    ) {
        let mut lots = vec![(self.lot_id, LotOrigin::Reinstatement, amount)];
        if bonus > Cents::ZERO {
            lots.push((self.bonus_lot_id, LotOrigin::Bonus, bonus));
        }
        for (lot_id, origin, amount) in &lots {
            let lot = credits::reinstate(*lot_id, *origin, self.of(), *amount, context.now);
            changes.push(book.stream(), lot);
        }
        if let Some(settled) = credits::settle(account, lots, context.now) {
            changes.push(book.stream(), CreditEvent::DebtSettled(settled));
        }
    }
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
        let Some(said) = self.news(purchase) else { return Ok(Changes::none()) };
        let account = decision::credits(view, purchase.book)?;
        let before = purchase.reversed_total();
        let after = purchase.reversed_with(&self.reference, said);
        let [more, less] =
            [after.minus(before), before.minus(after)].map(Option::unwrap_or_default);
        // In proportion to all that is gone, so that many small refunds take no less than one.
        let share = purchase.bonus.share(after, purchase.amount);
        if more > Cents::ZERO {
            let bought = Bought {
                lot_id,
                bonus_lot_id: purchase.bonus_lot_id,
                bonus_gone: purchase.bonus_gone,
                bonus_share: share,
            };
            let back = credits::charge_back(account, &bought, self.of(), more, context.now);
            let bonus = back.bonus_total();
            let bonus_gone = [purchase.bonus_gone, bonus].into_iter().sum();
            let mut changes = self.recorded(said, bonus_gone, context);
            changes.push(purchase.book.stream(), CreditEvent::ChargedBack(back));
            // The card is not charged for what its owner took back.
            let taken: Cents = [more, bonus].into_iter().sum();
            let after = account.available_at(context.now).minus(taken).unwrap_or_default();
            let fall = Fall { after, cause: None, told: false };
            watch(&mut changes, view, (purchase.book, account), fall, context);
            return Ok(changes);
        }
        let bonus = purchase.bonus_gone.minus(share).unwrap_or_default().max(Cents::ZERO);
        let bonus_gone = purchase.bonus_gone.minus(bonus).unwrap_or_default();
        let mut changes = self.recorded(said, bonus_gone, context);
        if less > Cents::ZERO {
            self.give_back(&mut changes, (purchase.book, account), [less, bonus], context);
        }
        Ok(changes)
    }
}
