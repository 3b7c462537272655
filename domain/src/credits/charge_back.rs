//! Money that was paid goes back: a refund or a dispute (spec section 7). What was bought with it is
//! taken out of the lots; what was spent already is owed, and a negative balance blocks new holds.

use super::events::{
    CreditEvent, CreditsChargedBack, CreditsDebtSettled, CreditsGranted, Draw, LotOrigin,
    PurchaseOf,
};
use super::grant::lot;
use super::state::CreditAccount;
use crate::ids::LotId;
use crate::money::Cents;
use crate::time::Timestamp;

/// What was bought, and how much of the money went back so far.
#[derive(Debug, Clone, Copy)]
pub struct Bought {
    /// The lot that was paid for.
    pub lot_id: LotId,
    /// The bonus that came with it.
    pub bonus_lot_id: Option<LotId>,
    /// What was paid.
    pub amount: Cents,
    /// What the bonus was.
    pub bonus: Cents,
    /// What of the payment is gone, all in all, with what goes back now.
    pub gone: Cents,
}

/// Takes back what money that goes back had bought: first out of its own lot, then out of other
/// lots that were paid for; what they lack becomes a debt. Of the bonus as much is taken as makes the
/// same proportion of it gone, rounded down, as far as it is left: many small refunds take no less
/// than one.
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
    let share = bought.bonus.share(bought.gone, bought.amount);
    let bonus = bought
        .bonus_lot_id
        .and_then(|id| account.lot(id))
        .map(|lot| {
            let more = share.minus(lot.charged_back).unwrap_or_default();
            Draw { lot_id: lot.lot_id, amount_cents: lot.remaining.min(more) }
        })
        .filter(|draw| draw.amount_cents > Cents::ZERO);
    CreditsChargedBack {
        purchase,
        amount_cents: amount,
        draws,
        debt_cents: missing,
        bonus,
        at: now,
    }
}

/// Issues a lot for money that came back, for example after a dispute that was won.
pub fn reinstate(
    lot_id: LotId,
    purchase: PurchaseOf,
    amount: Cents,
    now: Timestamp,
) -> CreditEvent {
    let lot = lot(lot_id, LotOrigin::Reinstatement, amount, "Money that came back", now);
    CreditEvent::Granted(CreditsGranted { purchase: Some(purchase), ..lot })
}

/// Pays what is owed out of a lot that is just being issued.
pub fn settle(
    account: &CreditAccount,
    lot_id: LotId,
    amount: Cents,
    now: Timestamp,
) -> Option<CreditEvent> {
    let amount_cents = account.debt.min(amount);
    (amount_cents > Cents::ZERO).then(|| {
        CreditEvent::DebtSettled(CreditsDebtSettled {
            draws: vec![Draw { lot_id, amount_cents }],
            amount_cents,
            at: now,
        })
    })
}
