//! Grant credits: the free grant, promotions by the operator, the sandbox's play money.

use super::events::{CreditEvent, CreditsGranted, LotOrigin};
use super::state::CreditAccount;
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{Book, LotId, StreamId};
use crate::money::Cents;
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// The grant for a verified phone number (spec section 17 row 4).
pub const FREE_GRANT: Cents = Cents::new(250);

/// What a sandbox book starts with, and is filled up to once a day (spec section 14).
pub const SANDBOX_GRANT: Cents = Cents::new(100_000);

/// A sandbox with so many lots is filled up no more: one whose clock goes through many years, with jobs
/// that hold a little of each day's play money, would gather lots without end.
const MOST_SANDBOX_LOTS: usize = 1_000;

/// Free and bonus credits expire after this many months (spec section 17 row 5).
pub(super) const EXPIRY_MONTHS: i32 = 12;

/// Returns a lot to issue, with the expiry that its origin has.
pub fn lot(
    lot_id: LotId,
    origin: LotOrigin,
    amount: Cents,
    reason: &str,
    now: Timestamp,
) -> CreditsGranted {
    let expires_at = match origin {
        LotOrigin::FreeTier | LotOrigin::Bonus | LotOrigin::Promotional => {
            Some(now.after_months(EXPIRY_MONTHS))
        }
        LotOrigin::Purchase | LotOrigin::Sandbox | LotOrigin::Reinstatement => None,
    };
    CreditsGranted {
        lot_id,
        origin,
        amount_cents: amount,
        expires_at,
        reason: reason.to_owned(),
        purchase: None,
        available_cents: None,
        at: now,
    }
}

/// Returns the event that issues a lot.
pub fn issue(
    lot_id: LotId,
    origin: LotOrigin,
    amount: Cents,
    reason: &str,
    now: Timestamp,
) -> CreditEvent {
    CreditEvent::Granted(lot(lot_id, origin, amount, reason, now))
}

/// Returns the play money that a sandbox book gets with its first job of a day (UTC), so that it
/// has [`SANDBOX_GRANT`] again.
pub fn refill(account: &CreditAccount, lot_id: LotId, now: Timestamp) -> Option<CreditEvent> {
    let missing = SANDBOX_GRANT.minus(account.available_at(now))?;
    let due = account.refilled_on.is_some_and(|day| day < now.day()) && missing > Cents::ZERO;
    let room = account.lots.len() < MOST_SANDBOX_LOTS;
    (due && room).then(|| issue(lot_id, LotOrigin::Sandbox, missing, "sandbox refilled", now))
}

/// Grants promotional credits; only the operator may.
#[derive(Debug, Clone)]
pub struct GrantCredits {
    /// The book that receives them.
    pub book: Book,
    /// The new lot.
    pub lot_id: LotId,
    /// How much, positive.
    pub amount: Cents,
    /// Why, for people.
    pub reason: String,
}

impl Command for GrantCredits {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(self.book)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
        need(view, self.book.stream(), &mut missing);
        if let Book::Organization(id, _) = self.book {
            need(view, StreamId::Organization(id), &mut missing);
        }
        missing
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let Book::Organization(id, _) = self.book else {
            return Err(Rejection::NotFound { kind: "organization" });
        };
        decision::organization(view, id)?;
        let account = decision::credits(view, self.book)?;
        if self.amount <= Cents::ZERO {
            return Err(Rejection::AmountOverflow);
        }
        account.issued.plus(self.amount).ok_or(Rejection::AmountOverflow)?;
        let event =
            issue(self.lot_id, LotOrigin::Promotional, self.amount, &self.reason, context.now);
        Ok(Changes::none().append(self.book.stream(), event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Aggregate;
    use crate::time::Span;

    const NOON: Timestamp = Timestamp::from_micros(1_767_268_800_000_000);

    fn granted(account: &mut CreditAccount, event: &CreditEvent) {
        account.evolve(event);
    }

    #[test]
    fn a_sandbox_is_filled_up_once_a_day_and_no_other_book_is() {
        let lot_id = LotId::default();
        let mut account = CreditAccount::default();
        assert_eq!(refill(&account, lot_id, NOON), None, "not a sandbox");
        let first = issue(lot_id, LotOrigin::Sandbox, Cents::new(40_000), "sandbox opened", NOON);
        granted(&mut account, &first);
        assert_eq!(refill(&account, lot_id, NOON.after(Span::hours(11))), None, "the same day");
        let tomorrow = NOON.after(Span::hours(13));
        let refilled = refill(&account, lot_id, tomorrow).expect("another day");
        granted(&mut account, &refilled);
        assert_eq!(account.available_at(tomorrow), SANDBOX_GRANT);
        assert_eq!(refill(&account, lot_id, tomorrow), None, "filled up already");
        let mut crowded = account.clone();
        crowded.lots = account.lots.iter().cycle().take(MOST_SANDBOX_LOTS).cloned().collect();
        crowded.lots.iter_mut().for_each(|lot| lot.remaining = Cents::ZERO);
        let later = tomorrow.after(Span::days(1));
        assert_eq!(refill(&crowded, lot_id, later), None, "too many lots");
        crowded.lots.pop();
        assert!(refill(&crowded, lot_id, later).is_some());
        let full = refill(&account, lot_id, tomorrow.after(Span::days(1)));
        assert_eq!(full, None, "nothing is missing");
    }
}
