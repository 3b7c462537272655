//! Expire a lot: take what is left of it, once its time is over. Held money never expires. Stands
//! here because a balance that falls may begin a purchase, and credits know no one.

use super::top_up::{Fall, watch};
use crate::credits::{CreditEvent, CreditsExpired};
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{Book, LotId, StreamId};
use crate::money::Cents;
use crate::rejection::Rejection;

/// Books the expiry of a lot. Does nothing if nothing is left of it; refused before its time.
#[derive(Debug, Clone)]
pub struct ExpireLot {
    /// The book.
    pub book: Book,
    /// The lot.
    pub lot_id: LotId,
}

impl Command for ExpireLot {
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
        let account = decision::credits(view, self.book)?;
        let Some(lot) = account.lot(self.lot_id).filter(|lot| lot.remaining > Cents::ZERO) else {
            return Ok(Changes::none());
        };
        if lot.expires_at.is_none_or(|end| end > context.now) {
            return Err(Rejection::TooEarly);
        }
        let event = CreditEvent::Expired(CreditsExpired {
            lot_id: lot.lot_id,
            amount_cents: lot.remaining,
            available_cents: Some(account.available_at(context.now)),
            at: context.now,
        });
        let mut changes = Changes::none().append(self.book.stream(), event);
        // It was not available any more, whether or not this was booked.
        let fall = Fall {
            after: account.available_at(context.now),
            cause: Some(lot.end_name()),
            told: false,
        };
        watch(&mut changes, view, (self.book, account), fall, context);
        Ok(changes)
    }
}
