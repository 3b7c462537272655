//! A credit account: its lots and totals.

use super::charge_back::pay;
use super::events::{
    CreditEvent, CreditsCaptured, CreditsChargedBack, CreditsDebtSettled, CreditsGranted,
    CreditsHeld, CreditsReleased, CreditsTopUpRequested, Draw, LotOrigin,
};
use crate::ids::{LotId, PurchaseId};
use crate::money::Cents;
use crate::state::Aggregate;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// One lot. At every position `issued = remaining + held + spent + expired + charged_back` (design
/// D10).
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
    /// What was taken back with the money that had paid for it.
    #[serde(default, skip_serializing_if = "Cents::is_zero")]
    pub charged_back: Cents,
    /// Whether its expiry was announced.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub announced: bool,
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

    /// Returns what names this end of the lot, in the lot's slot and of its time: what comes back to a lot
    /// that has ended lives on for a while and ends again, so the lot's own id would name two purchases.
    pub(crate) fn end_name(&self) -> Ulid {
        let end = self.expires_at.map_or(0, Timestamp::micros);
        // Behind the slot, in the random bits.
        Ulid(self.lot_id.ulid().0 ^ (u128::from(end.unsigned_abs()) << 10))
    }
}

/// A card that the payment provider keeps: its names there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The provider's customer.
    pub customer: String,
    /// The provider's payment method.
    pub payment_method: String,
}

/// The record of the automatic top-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TopUps {
    /// The one that is under way.
    pub under_way: Option<PurchaseId>,
    /// The day (UTC, since the epoch) of the last one.
    pub day: i64,
    /// How many began on that day.
    pub on_day: u32,
    /// Failures in a row.
    pub failures: u32,
}

impl TopUps {
    /// Says whether there never was one.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The credits of an organization in one environment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CreditAccount {
    /// Lots with something left or held, in order of issue. A lot that is used up leaves the list;
    /// `issued`, `spent` and `expired` still count it.
    pub lots: Vec<Lot>,
    /// Σ of the lots' remainders, less the debt.
    pub available: Cents,
    /// Σ of what jobs hold.
    pub held: Cents,
    /// Everything ever issued.
    pub issued: Cents,
    /// Everything ever paid for approved files.
    pub spent: Cents,
    /// Everything that ever expired.
    pub expired: Cents,
    /// What was taken out of lots with the money that had paid for them.
    #[serde(default, skip_serializing_if = "Cents::is_zero")]
    pub charged_back: Cents,
    /// What is owed: credits that were spent or held when their money went back.
    #[serde(default, skip_serializing_if = "Cents::is_zero")]
    pub debt: Cents,
    /// What of the debt is owed for bonuses.
    #[serde(default, skip_serializing_if = "Cents::is_zero")]
    pub bonus_debt: Cents,
    /// The threshold below which the balance was said to be low, until it rises again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_low: Option<Cents>,
    /// The automatic top-up.
    #[serde(default, skip_serializing_if = "TopUps::is_empty")]
    pub top_ups: TopUps,
    /// The card for automatic top-ups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
    /// The day (UTC, since the epoch) on which a sandbox book was given play money last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refilled_on: Option<i64>,
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
        let lots = self.lots.iter().filter(|lot| lot.spendable(now)).map(|lot| lot.remaining);
        lots.chain([self.debt.negated()]).sum()
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

/// Says whether an event makes more available.
fn raises(event: &CreditEvent) -> bool {
    matches!(event, CreditEvent::Granted(_) | CreditEvent::Released(_))
}

fn add(to: &mut Cents, amount: Cents) {
    *to = [*to, amount].into_iter().sum();
}

fn subtract(from: &mut Cents, amount: Cents) {
    add(from, amount.negated());
}

/// What each event does.
impl CreditAccount {
    fn granted(&mut self, granted: &CreditsGranted) {
        self.lots.push(Lot {
            lot_id: granted.lot_id,
            origin: granted.origin,
            issued: granted.amount_cents,
            remaining: granted.amount_cents,
            held: Cents::ZERO,
            spent: Cents::ZERO,
            expired: Cents::ZERO,
            charged_back: Cents::ZERO,
            announced: false,
            expires_at: granted.expires_at,
            issued_at: granted.at,
        });
        add(&mut self.available, granted.amount_cents);
        add(&mut self.issued, granted.amount_cents);
        self.beyond_free_tier |= granted.origin != LotOrigin::FreeTier;
        if granted.origin == LotOrigin::Sandbox {
            self.refilled_on = Some(granted.at.day());
        }
    }

    fn held(&mut self, held: &CreditsHeld) {
        self.on_lots(&held.draws, |lot, amount| {
            subtract(&mut lot.remaining, amount);
            add(&mut lot.held, amount);
        });
        subtract(&mut self.available, held.amount_cents);
        add(&mut self.held, held.amount_cents);
        self.open_holds = self.open_holds.saturating_add(1);
    }

    fn captured(&mut self, captured: &CreditsCaptured) {
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

    fn released(&mut self, released: &CreditsReleased) {
        for extension in &released.extended {
            if let Some(lot) = self.lots.iter_mut().find(|lot| lot.lot_id == extension.lot_id) {
                lot.expires_at = Some(extension.expires_at);
                lot.announced = false;
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

    fn top_up_requested(&mut self, requested: &CreditsTopUpRequested) {
        let day = requested.at.day();
        self.top_ups.on_day =
            if self.top_ups.day == day { self.top_ups.on_day.saturating_add(1) } else { 1 };
        self.top_ups.day = day;
        self.top_ups.under_way = Some(requested.purchase_id);
    }

    fn charge_back(&mut self, back: &CreditsChargedBack) {
        self.take(&back.draws);
        if let Some(bonus) = back.bonus {
            self.take(&[bonus]);
        }
        let owed = [back.debt_cents, back.bonus_debt_cents].into_iter().sum();
        subtract(&mut self.available, owed);
        add(&mut self.debt, owed);
        add(&mut self.bonus_debt, back.bonus_debt_cents);
    }

    fn settle(&mut self, settled: &CreditsDebtSettled) {
        for draw in &settled.draws {
            let origin = self.lot(draw.lot_id).map_or(LotOrigin::Purchase, |lot| lot.origin);
            (self.debt, self.bonus_debt) =
                pay((self.debt, self.bonus_debt), origin, draw.amount_cents);
        }
        self.take(&settled.draws);
        // What was owed was counted already.
        add(&mut self.available, settled.amount_cents);
    }

    /// Takes money out of lots for good.
    fn take(&mut self, draws: &[Draw]) {
        self.on_lots(draws, |lot, amount| {
            subtract(&mut lot.remaining, amount);
            add(&mut lot.charged_back, amount);
        });
        let total: Cents = draws.iter().map(|draw| draw.amount_cents).sum();
        subtract(&mut self.available, total);
        add(&mut self.charged_back, total);
    }
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
            CreditEvent::ChargedBack(back) => back.at,
            CreditEvent::DebtSettled(settled) => settled.at,
            // Nothing is booked.
            CreditEvent::LowBalance(_)
            | CreditEvent::ExpiringSoon(_)
            | CreditEvent::TopUpRequested(_)
            | CreditEvent::AutoToppedUp(_)
            | CreditEvent::TopUpFailed(_)
            | CreditEvent::CardSaved(_) => self.updated_at,
        };
        match event {
            CreditEvent::Granted(granted) => self.granted(granted),
            CreditEvent::Held(held) => self.held(held),
            CreditEvent::Captured(captured) => self.captured(captured),
            CreditEvent::Released(released) => self.released(released),
            CreditEvent::Expired(expired) => {
                let draw = Draw { lot_id: expired.lot_id, amount_cents: expired.amount_cents };
                self.on_lots(&[draw], |lot, amount| {
                    subtract(&mut lot.remaining, amount);
                    add(&mut lot.expired, amount);
                });
                subtract(&mut self.available, expired.amount_cents);
                add(&mut self.expired, expired.amount_cents);
            }
            CreditEvent::LowBalance(low) => self.told_low = Some(low.threshold_cents),
            CreditEvent::ExpiringSoon(soon) => {
                if let Some(lot) = self.lots.iter_mut().find(|lot| lot.lot_id == soon.lot_id) {
                    lot.announced = true;
                }
            }
            CreditEvent::TopUpRequested(requested) => self.top_up_requested(requested),
            CreditEvent::AutoToppedUp(_) => {
                self.top_ups.under_way = None;
                self.top_ups.failures = 0;
            }
            CreditEvent::TopUpFailed(failed) => {
                self.top_ups.under_way = None;
                self.top_ups.failures = failed.failures;
            }
            CreditEvent::CardSaved(saved) => {
                self.card = Some(Card {
                    customer: saved.customer.clone(),
                    payment_method: saved.payment_method.clone(),
                });
            }
            CreditEvent::ChargedBack(back) => self.charge_back(back),
            CreditEvent::DebtSettled(settled) => self.settle(settled),
        }
        if self.told_low.is_some_and(|threshold| self.available >= threshold) && raises(event) {
            self.told_low = None;
        }
    }
}
