//! Lots: credits that were issued together. Section 7 of the specification, decision D10 of the design.

use super::calendar::a_year_after;
use super::{Amount, At, Book, Draw, Movement, Refusal};

/// A refund to a lot that has expired meanwhile gives it that much longer.
pub const EXTENSION: i64 = 30 * 86_400_000_000;

/// Where credits come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The free grant of a verified phone number.
    FreeTier,
    /// What a pack gives on top.
    Bonus,
    /// The operator's gift.
    Promotional,
    /// Bought.
    Purchase,
    /// Play money of a test book.
    Sandbox,
    /// Bought, taken back, and returned by the bank.
    Reinstatement,
}

impl Origin {
    /// Whether real money was received for it.
    pub fn paid(self) -> bool {
        matches!(self, Self::Purchase | Self::Reinstatement)
    }

    /// When a lot of this origin expires, if its grant says nothing: gifts after 12 months, purchases never.
    pub fn end(self, now: At) -> Option<At> {
        matches!(self, Self::FreeTier | Self::Bonus).then(|| a_year_after(now))
    }

    fn transaction(self) -> &'static str {
        match self {
            Self::FreeTier => "free_tier",
            Self::Bonus => "bonus",
            Self::Purchase => "purchase",
            Self::Promotional | Self::Sandbox | Self::Reinstatement => "adjustment",
        }
    }
}

/// Credits that were issued together, and where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    /// Where they come from.
    pub origin: Origin,
    /// How many lots of the book are older.
    pub age: usize,
    /// When what is left of it expires.
    pub expires_at: Option<At>,
    /// How much it was.
    pub issued: Amount,
    /// Available.
    pub remaining: Amount,
    /// Held by jobs.
    pub held: Amount,
    /// Paid out.
    pub spent: Amount,
    /// Expired.
    pub expired: Amount,
    /// Gone back with the money that it was bought for.
    pub taken_back: Amount,
}

impl Lot {
    /// Whether its time is over at a moment; at its last instant it is.
    pub fn lapsed(&self, now: At) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Soonest expiry first, gifts before what was paid for, then oldest.
    fn turn(&self) -> (At, bool, usize) {
        (self.expires_at.unwrap_or(At::MAX), self.origin.paid(), self.age)
    }
}

impl Book {
    /// Issues a lot; then debts are paid out of it.
    pub fn issue(&mut self, id: &str, origin: Origin, amount: Amount, expires_at: Option<At>) {
        let lot = Lot {
            origin,
            age: self.lots.len(),
            expires_at,
            issued: amount,
            remaining: amount,
            held: 0,
            spent: 0,
            expired: 0,
            taken_back: 0,
        };
        self.lots.insert(id.to_owned(), lot);
        self.post(&format!("available:{id}"), amount);
        self.post(if origin.paid() { "payment_clearing" } else { "promotions" }, -amount);
        self.moved(Movement::of(origin.transaction(), amount, 0).lot(id));
    }

    /// Draws an amount from the lots that can be spent, in the order of spending; nothing if it is not there.
    pub fn draw(&mut self, amount: Amount, now: At) -> Option<Vec<Draw>> {
        if self.spendable(now) < amount {
            return None;
        }
        let mut turns: Vec<_> = self.lots.iter().filter(|(_, lot)| !lot.lapsed(now)).collect();
        turns.sort_by_key(|(_, lot)| lot.turn());
        let mut missing = amount;
        let mut draws = Vec::new();
        for (id, lot) in turns {
            let taken = lot.remaining.min(missing);
            if taken > 0 {
                draws.push(Draw { lot: id.clone(), amount: taken });
                missing -= taken;
            }
        }
        for draw in &draws {
            let lot = self.lots.get_mut(&draw.lot).unwrap();
            lot.remaining -= draw.amount;
        }
        Some(draws)
    }

    /// Books what is left of a lot as expired.
    pub fn expire(&mut self, id: &str, now: At) -> Result<(), Refusal> {
        let lot = self.lots.get(id).ok_or("not_found")?;
        if !lot.lapsed(now) {
            return Err("too_early");
        }
        self.write_off(id);
        Ok(())
    }

    /// What is left of a lot becomes breakage.
    pub fn write_off(&mut self, id: &str) {
        let lot = self.lots.get_mut(id).unwrap();
        let left = std::mem::take(&mut lot.remaining);
        if left > 0 {
            lot.expired += left;
            self.post(&format!("available:{id}"), -left);
            self.post("breakage", left);
            self.moved(Movement::of("expiration", -left, 0).lot(id));
        }
    }
}
