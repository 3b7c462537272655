//! Announce the expiry of a lot, 30 days ahead (spec section 7).

use super::events::{CreditEvent, CreditsExpiringSoon};
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{Book, LotId, StreamId};
use crate::money::Cents;
use crate::rejection::Rejection;
use crate::time::Span;

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
