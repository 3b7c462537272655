//! Lots: credits that were issued together. Section 7 of the specification, decision D10 of the design.

use super::calendar::a_year_after;
use super::{Amount, At, Book, Draw, Movement, Outcome, find, refuse};

/// A day.
pub(crate) const DAY: i64 = 86_400_000_000;
/// A refund to a lot that has expired meanwhile gives it that much longer.
pub(crate) const EXTENSION: i64 = 30 * DAY;
/// So long before its end a lot is announced.
pub(crate) const NOTICE: i64 = 30 * DAY;
/// What a verified phone number is given.
const FREE_GRANT: Amount = 250;
/// What a sandbox has at the beginning of a day.
const PLAY_MONEY: Amount = 100_000;

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

    /// When a lot of this origin expires: gifts after 12 months, what was paid for never, nor does play money.
    fn end(self, now: At) -> Option<At> {
        let gift = matches!(self, Self::FreeTier | Self::Bonus | Self::Promotional);
        gift.then(|| a_year_after(now))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::FreeTier => "free_tier",
            Self::Bonus => "bonus",
            Self::Promotional => "promotional",
            Self::Purchase => "purchase",
            Self::Sandbox => "sandbox",
            Self::Reinstatement => "reinstatement",
        }
    }

    fn transaction(self) -> &'static str {
        match self {
            Self::FreeTier => "free_tier",
            Self::Bonus | Self::Promotional | Self::Sandbox => "bonus",
            Self::Purchase => "purchase",
            Self::Reinstatement => "adjustment",
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
    /// When it was issued.
    pub issued_at: At,
    /// When what is left of it expires.
    pub expires_at: Option<At>,
    /// Whether its end was told.
    pub announced: bool,
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
    /// The phone number is verified: the free grant, once.
    pub fn verify(&mut self, lot: &str, now: At) -> Outcome {
        if self.verified {
            return refuse("phone_already_verified");
        }
        self.verified = true;
        self.issue(lot, Origin::FreeTier, FREE_GRANT, now);
        Ok(true)
    }

    /// A sandbox begins with play money.
    pub fn open_sandbox(&mut self, lot: &str, now: At) {
        self.sandbox = true;
        self.issue(lot, Origin::Sandbox, PLAY_MONEY, now);
    }

    /// The operator gives.
    pub fn give(&mut self, lot: &str, amount: Amount, now: At) -> Outcome {
        if amount <= 0 {
            return refuse("amount_out_of_range");
        }
        self.issue(lot, Origin::Promotional, amount, now);
        Ok(true)
    }

    /// On another day than the last time, a sandbox is filled up again: by how much.
    pub(crate) fn missing_play_money(&self, now: At) -> Amount {
        let play = self.lots.values().filter(|lot| lot.origin == Origin::Sandbox);
        let last = play.map(|lot| lot.issued_at.div_euclid(DAY)).max().unwrap_or(i64::MAX);
        let due = self.sandbox && last < now.div_euclid(DAY);
        if due { (PLAY_MONEY - self.spendable(now)).max(0) } else { 0 }
    }

    /// Tells that a lot will expire: 30 days ahead, once for each end that it has.
    pub fn announce(&mut self, id: &str, now: At) -> Outcome {
        find(&self.lots, id)?;
        let lot = self.lots.get_mut(id).unwrap();
        let Some(end) = lot.expires_at else { return Ok(false) };
        if lot.remaining == 0 || lot.announced || lot.lapsed(now) {
            return Ok(false);
        }
        if now < end - NOTICE {
            return refuse("too_early");
        }
        lot.announced = true;
        Ok(true)
    }

    /// Issues a lot.
    pub(crate) fn issue(&mut self, id: &str, origin: Origin, amount: Amount, now: At) {
        let lot = Lot {
            origin,
            age: self.lots.len(),
            issued_at: now,
            expires_at: origin.end(now),
            announced: false,
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
    pub(crate) fn draw(&mut self, amount: Amount, now: At) -> Option<Vec<Draw>> {
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
            self.lots.get_mut(&draw.lot).unwrap().remaining -= draw.amount;
        }
        Some(draws)
    }

    /// Books what is left of a lot as expired, if anything is.
    pub fn expire(&mut self, id: &str, now: At) -> Outcome {
        let lot = find(&self.lots, id)?;
        if lot.remaining > 0 && !lot.lapsed(now) {
            return refuse("too_early");
        }
        Ok(self.write_off(id))
    }

    /// What is left of a lot becomes breakage.
    pub(crate) fn write_off(&mut self, id: &str) -> bool {
        let lot = self.lots.get_mut(id).unwrap();
        let left = std::mem::take(&mut lot.remaining);
        if left > 0 {
            lot.expired += left;
            self.post(&format!("available:{id}"), -left);
            self.post("breakage", left);
            self.moved(Movement::of("expiration", -left, 0).lot(id));
        }
        left > 0
    }
}
