//! Purchases, and money that goes back. The specification names refunds, disputes and debts; how they are booked is
//! decided in ADR 0014: under each name the provider tells a total, in any order. The largest counts until it is
//! told that all came back, which is the last word; of what they add up to, no more is gone than was paid. What
//! goes back is taken out of the purchase's own lot, then out of other lots that were paid for; what they lack is
//! owed. Of the bonus the same proportion is taken, as far as it is left; what jobs hold of it is owed too. What is
//! owed is paid out of what is bought next, comes back from a dispute, or is given back by a job. A bonus pays only
//! what is owed for bonuses.

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
    /// How much is said to be gone under each refund or dispute.
    pub gone: BTreeMap<String, Amount>,
    /// How much of the bonus went with it, or is owed for it.
    pub bonus_gone: Amount,
}

impl Purchase {
    /// What of the money is gone.
    fn back(&self) -> Amount {
        self.gone.values().sum::<Amount>().min(self.amount)
    }

    /// What of the bonus should be gone with it.
    fn share(&self) -> Amount {
        bonus_of(self.amount) * self.back() / self.amount
    }
}

/// What a pack gives on top.
pub fn bonus_of(pack: Amount) -> Amount {
    PACKS.iter().find(|(amount, _)| *amount == pack).map_or(0, |(_, bonus)| *bonus)
}

impl Book {
    /// Somebody wants to buy a pack.
    pub fn open(&mut self, id: &str, pack: Amount) -> Outcome {
        let lots = [String::new(), String::new()];
        let gone = BTreeMap::new();
        let purchase = Purchase { amount: pack, paid: Paid::Not, lots, gone, bonus_gone: 0 };
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
        self.pay_debt(lots[0], amount);
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

    /// So much of a purchase is gone under a name, all in all.
    pub fn reverse(
        &mut self,
        id: &str,
        name: &str,
        total: Amount,
        lots: [&str; 2],
        now: At,
    ) -> Outcome {
        let mut purchase = find(&self.purchases, id)?.clone();
        if purchase.paid != Paid::Yes {
            return refuse("not_paid");
        }
        let known = purchase.gone.get(name).copied();
        let said = if known == Some(0) { 0 } else { total.max(0) };
        let said = if said == 0 { 0 } else { said.max(known.unwrap_or(0)) };
        if known == Some(said) {
            return Ok(false);
        }
        let before = purchase.back();
        purchase.gone.insert(name.to_owned(), said);
        let after = purchase.back();
        if after > before {
            self.charge_back(&mut purchase, after - before, now);
        }
        if after < before {
            let bonus = (purchase.bonus_gone - purchase.share()).max(0);
            purchase.bonus_gone -= bonus;
            self.issue(lots[0], Origin::Reinstatement, before - after, now);
            if bonus > 0 {
                self.issue(lots[1], Origin::Bonus, bonus, now);
            }
            self.pay_debt(lots[0], before - after);
            self.pay_debt(lots[1], bonus);
        }
        self.purchases.insert(id.to_owned(), purchase);
        Ok(true)
    }

    /// Books that an amount went back.
    fn charge_back(&mut self, purchase: &mut Purchase, amount: Amount, now: At) {
        let mut missing = amount - self.take_back(&purchase.lots[0], amount);
        let mut lots = Vec::new();
        lots.extend((missing < amount).then(|| purchase.lots[0].clone()));
        let mut others: Vec<_> = self.lots.iter().filter(|(_, lot)| lot.origin.paid()).collect();
        others.sort_by_key(|(_, lot)| lot.age);
        let others: Vec<String> = others.into_iter().map(|(id, _)| id.clone()).collect();
        for id in others {
            let taken = self.take_back(&id, missing);
            missing -= taken;
            lots.extend((taken > 0).then_some(id));
        }
        self.post("payment_clearing", amount);
        let due = (purchase.share() - purchase.bonus_gone).max(0);
        let over = self.lots.get(&purchase.lots[1]).is_some_and(|bonus| bonus.lapsed(now));
        let taken = self.take_back(&purchase.lots[1], if over { 0 } else { due });
        lots.extend((taken > 0).then(|| purchase.lots[1].clone()));
        let held = self.lots.get(&purchase.lots[1]).map_or(0, |bonus| bonus.held);
        let owed = held.min(due - taken);
        purchase.bonus_gone += taken + owed;
        self.post("promotions", taken + owed);
        self.debt += missing + owed;
        self.bonus_debt += owed;
        self.post("receivable", -missing - owed);
        self.moved(Movement::of("chargeback", -amount - taken - owed, 0).lots(lots));
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

    /// What is owed is paid out of an amount that just came to a lot. That is no transaction: what is owed was
    /// taken from the balance when it became due.
    pub(crate) fn pay_debt(&mut self, id: &str, came: Amount) {
        let payable = match self.lots.get(id).map(|lot| lot.origin) {
            Some(Origin::Purchase | Origin::Reinstatement) => self.debt,
            Some(Origin::Bonus) => self.bonus_debt,
            Some(Origin::FreeTier | Origin::Promotional | Origin::Sandbox) | None => 0,
        };
        let paid = self.take_back(id, payable.min(came));
        if self.lots.get(id).is_some_and(|lot| lot.origin == Origin::Bonus) {
            self.bonus_debt -= paid;
        }
        self.debt -= paid;
        self.bonus_debt = self.bonus_debt.min(self.debt);
        self.post("receivable", paid);
    }
}
