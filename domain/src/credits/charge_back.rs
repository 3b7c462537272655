//! Money that was paid goes back: a refund or a dispute (spec section 7). What was bought with it is
//! taken out of the lots; what was spent already or is held is owed, and a negative balance blocks
//! new holds.

use super::events::{
    CreditEvent, CreditsChargedBack, CreditsDebtSettled, CreditsGranted, Draw, LotOrigin,
    PurchaseOf,
};
use super::grant::lot;
use super::state::CreditAccount;
use crate::ids::LotId;
use crate::money::Cents;
use crate::time::Timestamp;

/// What was bought, and how much of its bonus goes with the money.
#[derive(Debug, Clone, Copy)]
pub struct Bought {
    /// The lot that was paid for.
    pub lot_id: LotId,
    /// The bonus that came with it.
    pub bonus_lot_id: Option<LotId>,
    /// What of the bonus is gone or owed so far.
    pub bonus_gone: Cents,
    /// What of the bonus is to be gone or owed then.
    pub bonus_share: Cents,
}

/// Takes back what money that goes back had bought: first out of its own lot, then out of other
/// lots that were paid for; what they lack becomes a debt. Of the bonus, what is left of its share is taken; what
/// jobs hold of it is owed, or it would come back as a gift; what was spent before is not asked for.
pub fn charge_back(
    account: &CreditAccount,
    bought: &Bought,
    purchase: PurchaseOf,
    amount: Cents,
    now: Timestamp,
) -> CreditsChargedBack {
    let own = account.lot(bought.lot_id).into_iter();
    let others = account.lots.iter().filter(|lot| lot.origin.paid() && lot.lot_id != bought.lot_id);
    let mut missing = amount;
    let mut draws = Vec::new();
    for lot in own.chain(others).filter(|lot| lot.remaining > Cents::ZERO) {
        let amount_cents = lot.remaining.min(missing);
        if amount_cents == Cents::ZERO {
            break;
        }
        missing = missing.minus(amount_cents).unwrap_or_default();
        draws.push(Draw { lot_id: lot.lot_id, amount_cents });
    }
    let (bonus, bonus_debt_cents) = take_bonus(account, bought, now);
    CreditsChargedBack {
        purchase,
        amount_cents: amount,
        draws,
        debt_cents: missing,
        bonus,
        bonus_debt_cents,
        at: now,
    }
}

/// Returns what is taken of a bonus, and what is owed for it.
fn take_bonus(account: &CreditAccount, bought: &Bought, now: Timestamp) -> (Option<Draw>, Cents) {
    let Some(lot) = bought.bonus_lot_id.and_then(|id| account.lot(id)) else {
        return (None, Cents::ZERO);
    };
    let more = bought.bonus_share.minus(bought.bonus_gone).unwrap_or_default().max(Cents::ZERO);
    // What is left of a bonus that has ended is gone, whether or not that is booked.
    let left = if lot.spendable(now) { lot.remaining } else { Cents::ZERO };
    let amount_cents = left.min(more);
    let owed = lot.held.min(more.minus(amount_cents).unwrap_or_default());
    let taken = (amount_cents > Cents::ZERO).then_some(Draw { lot_id: lot.lot_id, amount_cents });
    (taken, owed)
}

/// Issues a lot for what came back, for example after a dispute that was won.
pub fn reinstate(
    lot_id: LotId,
    origin: LotOrigin,
    purchase: PurchaseOf,
    amount: Cents,
    now: Timestamp,
) -> CreditEvent {
    let lot = lot(lot_id, origin, amount, "Money that came back", now);
    CreditEvent::Granted(CreditsGranted { purchase: Some(purchase), ..lot })
}

/// Pays what is owed out of lots that something just came to. What was paid for pays everything, a bonus
/// what is owed for bonuses, a gift nothing.
pub fn settle(
    account: &CreditAccount,
    came: impl IntoIterator<Item = (LotId, LotOrigin, Cents)>,
    now: Timestamp,
) -> Option<CreditsDebtSettled> {
    let mut debt = account.debt;
    let mut bonus_debt = account.bonus_debt;
    let mut draws = Vec::new();
    for (lot_id, origin, amount) in came {
        let payable = match origin {
            LotOrigin::Purchase | LotOrigin::Reinstatement => debt,
            LotOrigin::Bonus => bonus_debt,
            LotOrigin::FreeTier | LotOrigin::Promotional | LotOrigin::Sandbox => Cents::ZERO,
        };
        let amount_cents = amount.min(payable);
        if amount_cents > Cents::ZERO {
            (debt, bonus_debt) = pay((debt, bonus_debt), origin, amount_cents);
            draws.push(Draw { lot_id, amount_cents });
        }
    }
    let amount_cents = draws.iter().map(|draw| draw.amount_cents).sum();
    (!draws.is_empty()).then_some(CreditsDebtSettled { draws, amount_cents, at: now })
}

/// Returns what is owed in all, and of it for bonuses, once a lot has paid an amount: money pays what is owed
/// for bonuses last.
pub(super) fn pay(
    (debt, bonus_debt): (Cents, Cents),
    origin: LotOrigin,
    amount: Cents,
) -> (Cents, Cents) {
    let debt = debt.minus(amount).unwrap_or_default();
    let by_bonus = if origin == LotOrigin::Bonus { amount } else { Cents::ZERO };
    (debt, bonus_debt.minus(by_bonus).unwrap_or_default().min(debt))
}
