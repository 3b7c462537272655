//! Announce the expiry of a lot, 30 days ahead (spec section 7).

use super::events::{CreditEvent, CreditsDebtSettled, CreditsExpiringSoon, CreditsReleased, Draw};
use super::state::CreditAccount;
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{Book, LotId, StreamId};
use crate::money::Cents;
use crate::rejection::Rejection;
use crate::time::{Span, Timestamp};

/// How long before its expiry a lot is announced.
pub const NOTICE: Span = Span::days(30);

/// Announces a lot's expiry, once. Does nothing if nothing is left of it or its time is over;
/// refused before its time.
#[derive(Debug, Clone)]
pub struct AnnounceExpiry {
    /// The book.
    pub book: Book,
    /// The lot.
    pub lot_id: LotId,
}

impl Command for AnnounceExpiry {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(self.book)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
        need(view, self.book.stream(), &mut missing);
        missing
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let account = decision::credits(view, self.book)?;
        let Some(lot) = account.lot(self.lot_id) else { return Ok(Changes::none()) };
        let Some(expires_at) = lot.expires_at else { return Ok(Changes::none()) };
        if lot.remaining == Cents::ZERO || lot.announced || expires_at <= context.now {
            return Ok(Changes::none());
        }
        if expires_at.before(NOTICE) > context.now {
            return Err(Rejection::TooEarly);
        }
        let event = CreditEvent::ExpiringSoon(CreditsExpiringSoon {
            lot_id: lot.lot_id,
            amount_cents: lot.remaining,
            available_cents: account.available_at(context.now),
            expires_at,
            at: context.now,
        });
        Ok(Changes::none().append(self.book.stream(), event))
    }
}

/// Announces lots that something comes back to when their notice is over already: while jobs held all of one,
/// there was nothing to announce. One that is extended has its notice before it.
pub fn overdue(
    account: &CreditAccount,
    released: &CreditsReleased,
    settled: Option<&CreditsDebtSettled>,
    now: Timestamp,
) -> Vec<CreditEvent> {
    let available_cents =
        [account.available_at(now), released.amount_cents].into_iter().sum::<Cents>();
    let announce = |draw: &Draw| {
        let lot = account.lot(draw.lot_id).filter(|lot| !lot.announced)?;
        let expires_at = lot.expires_at.filter(|end| *end > now && end.before(NOTICE) <= now)?;
        let paid = settled.into_iter().flat_map(|settled| &settled.draws);
        let paid = paid.filter(|paid| paid.lot_id == draw.lot_id).map(|paid| paid.amount_cents);
        let back = draw.amount_cents.minus(paid.sum())?;
        let amount_cents = [lot.remaining, back].into_iter().sum();
        let soon = CreditsExpiringSoon {
            lot_id: lot.lot_id,
            amount_cents,
            available_cents,
            expires_at,
            at: now,
        };
        (amount_cents > Cents::ZERO).then_some(CreditEvent::ExpiringSoon(soon))
    };
    released.draws.iter().filter_map(announce).collect()
}
