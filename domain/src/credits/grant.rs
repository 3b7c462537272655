//! Grant credits: the free grant, promotions by the operator, the sandbox's play money.

use super::events::{CreditEvent, CreditsGranted, LotOrigin};
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{Book, LotId, StreamId};
use crate::money::Cents;
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// The grant for a verified phone number (spec section 17 row 4).
pub const FREE_GRANT: Cents = Cents::new(250);

/// What a sandbox book starts with (spec section 14).
pub const SANDBOX_GRANT: Cents = Cents::new(100_000);

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
