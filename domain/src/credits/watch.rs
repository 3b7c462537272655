//! Watch a balance: the low-balance warning and the automatic top-up (spec section 7).

use super::events::{CreditEvent, CreditsLowBalance, CreditsTopUpRequested};
use super::state::CreditAccount;
use crate::ids::PurchaseId;
use crate::money::Cents;
use crate::time::Timestamp;

/// How many automatic top-ups may begin on one day (UTC).
pub const TOP_UPS_PER_DAY: u32 = 5;

/// After so many failures in a row the automatic top-up is switched off (spec section 7).
pub const TOP_UP_FAILURES: u32 = 3;

/// What an organization wants to be told, and done, when its balance falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// It is told when less than this is available.
    pub low_balance: Cents,
    /// A pack is bought when less than this is available.
    pub top_up: Option<TopUpRule>,
}

/// When the automatic top-up fires, and what it buys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopUpRule {
    /// It fires when less than this is available.
    pub threshold: Cents,
    /// The pack.
    pub amount: Cents,
}

/// What a falling balance causes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fallen {
    /// Events of the account, in order.
    pub events: Vec<CreditEvent>,
    /// The pack that is bought, if one is.
    pub top_up: Option<Cents>,
}

/// Returns what follows from a balance that falls to `after`. The warning is given once for each
/// downward crossing, and again for a threshold that was lowered since; a top-up begins whenever too
/// little is left, none is under way and the day's number is not used up. It gets the id `purchase`.
pub fn fallen(
    account: &CreditAccount,
    thresholds: &Thresholds,
    after: Cents,
    purchase: PurchaseId,
    now: Timestamp,
) -> Fallen {
    let mut fallen = Fallen::default();
    let low = thresholds.low_balance;
    // What was told while there was more, since the sandbox asked for it, told of no crossing.
    let there = account.available_at(now);
    let told = account.told_low.is_some_and(|threshold| threshold <= low && there < threshold);
    if after < low && account.available >= low && !told {
        fallen.events.push(CreditEvent::LowBalance(CreditsLowBalance {
            available_cents: after,
            threshold_cents: low,
            at: now,
        }));
    }
    let top_ups = &account.top_ups;
    let begun = if top_ups.day == now.day() { top_ups.on_day } else { 0 };
    if let Some(rule) = thresholds.top_up
        && after < rule.threshold
        && top_ups.under_way.is_none()
        && begun < TOP_UPS_PER_DAY
    {
        fallen.top_up = Some(rule.amount);
        fallen.events.push(CreditEvent::TopUpRequested(CreditsTopUpRequested {
            purchase_id: purchase,
            amount_cents: rule.amount,
            at: now,
        }));
    }
    fallen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Aggregate;
    use crate::time::Span;

    const NOON: Timestamp = Timestamp::from_micros(1_767_268_800_000_000);
    const RULE: Thresholds = Thresholds {
        low_balance: Cents::new(500),
        top_up: Some(TopUpRule { threshold: Cents::new(500), amount: Cents::new(1_000) }),
    };

    fn account(available: i64) -> CreditAccount {
        CreditAccount { available: Cents::new(available), ..CreditAccount::default() }
    }

    fn falls(account: &CreditAccount, after: i64, now: Timestamp) -> Fallen {
        fallen(account, &RULE, Cents::new(after), PurchaseId::default(), now)
    }

    /// Begins a top-up and lets it fail.
    fn failed_top_up(account: &mut CreditAccount, now: Timestamp) -> bool {
        let fallen = falls(account, 100, now);
        for event in &fallen.events {
            account.evolve(event);
        }
        account.top_ups.under_way = None;
        fallen.top_up.is_some()
    }

    #[test]
    fn a_day_has_five_top_ups_and_the_next_five_more() {
        let mut account = account(100);
        for day in 0..2 {
            let now = NOON.after(Span::days(day));
            let begun = (0..7).filter(|_| failed_top_up(&mut account, now)).count();
            assert_eq!(begun, 5);
        }
    }

    #[test]
    fn nothing_begins_while_one_is_under_way() {
        let mut account = account(100);
        account.top_ups.under_way = Some(PurchaseId::default());
        assert_eq!(falls(&account, 100, NOON), Fallen::default());
    }

    #[test]
    fn the_threshold_itself_is_not_below_it() {
        assert_eq!(falls(&account(1_000), 500, NOON), Fallen::default());
        assert_eq!(falls(&account(1_000), 499, NOON).events.len(), 2);
    }

    #[test]
    fn who_was_told_is_not_told_again_until_the_balance_has_risen() {
        let mut account = account(1_000);
        for event in falls(&account, 499, NOON).events {
            account.evolve(&event);
        }
        account.top_ups.under_way = Some(PurchaseId::default());
        // A lot that has ended, and is not booked yet, is still counted in what was there.
        assert_eq!(falls(&account, 100, NOON), Fallen::default());
    }

    #[test]
    fn a_threshold_that_was_lowered_is_crossed_anew() {
        let mut account = account(1_000);
        account.top_ups.under_way = Some(PurchaseId::default());
        for event in falls(&account, 499, NOON).events {
            account.evolve(&event);
        }
        account.available = Cents::new(499);
        let lower = Thresholds { low_balance: Cents::new(200), ..RULE };
        let falls = |account: &CreditAccount| {
            fallen(account, &lower, Cents::new(199), PurchaseId::default(), NOON).events
        };
        let told = falls(&account);
        assert_eq!(told.len(), 1, "{told:?}");
        for event in &told {
            account.evolve(event);
        }
        assert_eq!(falls(&account), []);
    }
}
