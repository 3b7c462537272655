//! Purchases, and money that goes back. The specification names refunds, disputes and debts; how they are booked is
//! decided in ADR 0014: under each name the provider tells a total, and the difference to before is booked. What
//! goes back is taken out of the purchase's own lot, then out of other lots that were paid for; what they lack is
//! owed, and paid out of what is bought next. Of the bonus the same proportion is taken, as far as it is left.

use super::{Amount, At, Book, Movement, Origin, Outcome, find, refuse};
use std::collections::BTreeMap;

/// What is paid for each pack, and what it gives on top: section 7 of the specification.
pub const PACKS: [(Amount, Amount); 5] =
    [(1_000, 0), (2_500, 125), (5_000, 500), (10_000, 1_500), (25_000, 5_000)];

/// Where a purchase stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paid {
    /// It can be paid.
    Not,
    /// It was not paid; the money may come all the same.
    Failed,
    /// It was.
    Yes,
}

/// A purchase.
#[derive(Debug, Clone)]
pub struct Purchase {
    /// What it costs.
    pub amount: Amount,
    /// Where it stands.
    pub paid: Paid,
    /// Its lot, and the lot of its bonus; they exist once it is paid.
    pub lots: [String; 2],
    /// How much is gone under each refund or dispute.
    pub gone: BTreeMap<String, Amount>,
}

/// What a pack gives on top.
pub fn bonus_of(pack: Amount) -> Amount {
    PACKS.iter().find(|(amount, _)| *amount == pack).map_or(0, |(_, bonus)| *bonus)
}

impl Book {
    /// Somebody wants to buy a pack.
    pub fn open(&mut self, id: &str, pack: Amount) -> Outcome {
        let lots = [String::new(), String::new()];
        let purchase = Purchase { amount: pack, paid: Paid::Not, lots, gone: BTreeMap::new() };
        self.purchases.insert(id.to_owned(), purchase);
        Ok(true)
    }

    /// A purchase is paid: two lots, booked once however often it is told.
    pub fn pay(&mut self, id: &str, amount: Amount, lots: [&str; 2], now: At) -> Outcome {
        let purchase = find(&self.purchases, id)?;
        if purchase.paid == Paid::Yes {
            return Ok(false);
        }
        if purchase.amount != amount {
            return refuse("amount_mismatch");
        }
        let purchase = self.purchases.get_mut(id).unwrap();
        purchase.paid = Paid::Yes;
        purchase.lots = lots.map(ToOwned::to_owned);
        self.issue(lots[0], Origin::Purchase, amount, now);
        if bonus_of(amount) > 0 {
            self.issue(lots[1], Origin::Bonus, bonus_of(amount), now);
        }
        self.pay_debt(lots[0]);
        Ok(true)
    }

    /// A purchase is not paid.
    pub fn fail(&mut self, id: &str) -> Outcome {
        find(&self.purchases, id)?;
        let purchase = self.purchases.get_mut(id).unwrap();
        let open = purchase.paid == Paid::Not;
        if open {
            purchase.paid = Paid::Failed;
        }
        Ok(open)
    }

    /// So much of a purchase is gone under a name, all in all; never more than was paid.
    pub fn reverse(&mut self, id: &str, name: &str, total: Amount, lot: &str, now: At) -> Outcome {
        let purchase = find(&self.purchases, id)?.clone();
        if purchase.paid != Paid::Yes {
            return refuse("not_paid");
        }
        let before = purchase.gone.get(name).copied().unwrap_or(0);
        let elsewhere = purchase.gone.values().sum::<Amount>() - before;
        let total = total.clamp(0, purchase.amount - elsewhere);
        if total == before {
            return Ok(false);
        }
        self.purchases.get_mut(id).unwrap().gone.insert(name.to_owned(), total);
        if total > before {
            self.charge_back(&purchase, total - before, elsewhere + total);
        } else {
            self.issue(lot, Origin::Reinstatement, before - total, now);
            self.pay_debt(lot);
        }
        Ok(true)
    }

    /// Books that an amount went back, so that `gone` of the purchase are gone in all.
    fn charge_back(&mut self, purchase: &Purchase, amount: Amount, gone: Amount) {
        let mut missing = amount - self.take_back(&purchase.lots[0], amount);
        let mut others: Vec<_> = self.lots.iter().filter(|(_, lot)| lot.origin.paid()).collect();
        others.sort_by_key(|(_, lot)| lot.age);
        let others: Vec<String> = others.into_iter().map(|(id, _)| id.clone()).collect();
        for id in others {
            missing -= self.take_back(&id, missing);
        }
        self.debt += missing;
        self.post("receivable", -missing);
        self.post("payment_clearing", amount);
        // The proportion is that of all that is gone, so that it does not depend on the number of refunds.
        let due = bonus_of(purchase.amount) * gone / purchase.amount;
        let taken = self.lots.get(&purchase.lots[1]).map_or(0, |bonus| bonus.taken_back);
        let bonus = self.take_back(&purchase.lots[1], (due - taken).max(0));
        self.post("promotions", bonus);
        self.moved(Movement::of("chargeback", -amount - bonus, 0));
    }

    /// Takes up to an amount out of what is left of a lot, if it was ever issued.
    fn take_back(&mut self, id: &str, most: Amount) -> Amount {
        let Some(lot) = self.lots.get_mut(id) else { return 0 };
        let taken = lot.remaining.min(most);
        lot.remaining -= taken;
        lot.taken_back += taken;
        self.post(&format!("available:{id}"), -taken);
        taken
    }

    /// What is owed is paid out of a lot that was just bought. That is no transaction: what is owed was taken from
    /// the balance when it became due.
    fn pay_debt(&mut self, lot: &str) {
        let paid = self.take_back(lot, self.debt);
        self.debt -= paid;
        self.post("receivable", paid);
    }
}
