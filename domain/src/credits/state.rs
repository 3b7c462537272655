//! A credit account: its lots and totals.

use super::events::{CreditEvent, Draw, LotOrigin};
use crate::ids::LotId;
use crate::money::Cents;
use crate::state::Aggregate;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One lot. At every position `issued = remaining + held + spent + expired` (design D10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot {
    /// The lot.
    pub lot_id: LotId,
    /// Where it comes from.
    pub origin: LotOrigin,
    /// What was issued.
    pub issued: Cents,
    /// What is available.
    pub remaining: Cents,
    /// What jobs hold.
    pub held: Cents,
    /// What was paid out of it.
    pub spent: Cents,
    /// What expired.
    pub expired: Cents,
    /// When the available rest expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was issued.
    pub issued_at: Timestamp,
}

impl Lot {
    /// Says whether the lot's available rest may be spent at that time.
    pub fn spendable(&self, now: Timestamp) -> bool {
        self.remaining > Cents::ZERO && self.expires_at.is_none_or(|end| end > now)
    }
}

/// The credits of an organization in one environment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CreditAccount {
    /// Lots with something left or held, in order of issue. A lot that is used up leaves the list;
    /// `issued`, `spent` and `expired` still count it.
    pub lots: Vec<Lot>,
    /// Σ of the lots' remainders.
    pub available: Cents,
    /// Σ of what jobs hold.
    pub held: Cents,
    /// Everything ever issued.
    pub issued: Cents,
    /// Everything ever paid for approved files.
    pub spent: Cents,
    /// Everything that ever expired.
    pub expired: Cents,
    /// Jobs that hold money now.
    pub open_holds: u32,
    /// Whether the account ever had credits other than the free grant.
    pub beyond_free_tier: bool,
    /// When anything was booked last.
    pub updated_at: Timestamp,
}

impl CreditAccount {
    /// Returns what can be spent at that time: expired lots don't count, whether or not their
    /// expiry has been booked.
    pub fn available_at(&self, now: Timestamp) -> Cents {
        self.lots.iter().filter(|lot| lot.spendable(now)).map(|lot| lot.remaining).sum()
    }

    /// Returns a lot that has something left or held.
    pub fn lot(&self, id: LotId) -> Option<&Lot> {
        self.lots.iter().find(|lot| lot.lot_id == id)
    }

    fn on_lots(&mut self, draws: &[Draw], apply: fn(&mut Lot, Cents)) {
        for draw in draws {
            if let Some(lot) = self.lots.iter_mut().find(|lot| lot.lot_id == draw.lot_id) {
                apply(lot, draw.amount_cents);
            }
        }
        self.lots.retain(|lot| lot.remaining != Cents::ZERO || lot.held != Cents::ZERO);
    }
}

fn add(to: &mut Cents, amount: Cents) {
    *to = [*to, amount].into_iter().sum();
}

fn subtract(from: &mut Cents, amount: Cents) {
    add(from, amount.negated());
}

impl Aggregate for CreditAccount {
    type Event = CreditEvent;

    fn evolve(&mut self, event: &CreditEvent) {
        self.updated_at = match event {
            CreditEvent::Granted(granted) => granted.at,
            CreditEvent::Held(held) => held.at,
            CreditEvent::Captured(captured) => captured.at,
            CreditEvent::Released(released) => released.at,
            CreditEvent::Expired(expired) => expired.at,
        };
        match event {
            CreditEvent::Granted(granted) => {
                self.lots.push(Lot {
                    lot_id: granted.lot_id,
                    origin: granted.origin,
                    issued: granted.amount_cents,
                    remaining: granted.amount_cents,
                    held: Cents::ZERO,
                    spent: Cents::ZERO,
                    expired: Cents::ZERO,
                    expires_at: granted.expires_at,
                    issued_at: granted.at,
                });
                add(&mut self.available, granted.amount_cents);
                add(&mut self.issued, granted.amount_cents);
                self.beyond_free_tier |= granted.origin != LotOrigin::FreeTier;
            }
            CreditEvent::Held(held) => {
                self.on_lots(&held.draws, |lot, amount| {
                    subtract(&mut lot.remaining, amount);
                    add(&mut lot.held, amount);
                });
                subtract(&mut self.available, held.amount_cents);
                add(&mut self.held, held.amount_cents);
                self.open_holds = self.open_holds.saturating_add(1);
            }
            CreditEvent::Captured(captured) => {
                self.on_lots(&captured.draws, |lot, amount| {
                    subtract(&mut lot.held, amount);
                    add(&mut lot.spent, amount);
                });
                subtract(&mut self.held, captured.amount_cents);
                add(&mut self.spent, captured.amount_cents);
                if captured.closes {
                    self.open_holds = self.open_holds.saturating_sub(1);
                }
            }
            CreditEvent::Released(released) => {
                for extension in &released.extended {
                    if let Some(lot) =
                        self.lots.iter_mut().find(|lot| lot.lot_id == extension.lot_id)
                    {
                        lot.expires_at = Some(extension.expires_at);
                    }
                }
                self.on_lots(&released.draws, |lot, amount| {
                    subtract(&mut lot.held, amount);
                    add(&mut lot.remaining, amount);
                });
                subtract(&mut self.held, released.amount_cents);
                add(&mut self.available, released.amount_cents);
                self.open_holds = self.open_holds.saturating_sub(1);
            }
            CreditEvent::Expired(expired) => {
                let draw = Draw { lot_id: expired.lot_id, amount_cents: expired.amount_cents };
                self.on_lots(&[draw], |lot, amount| {
                    subtract(&mut lot.remaining, amount);
                    add(&mut lot.expired, amount);
                });
                subtract(&mut self.available, expired.amount_cents);
                add(&mut self.expired, expired.amount_cents);
            }
        }
    }
}
