//! Open a purchase, and record where it can be paid.

use super::events::{PurchaseEvent, PurchaseKind, PurchaseOpened, PurchaseSessionCreated};
use super::packs::Pack;
use super::state::PurchaseStatus;
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{Book, PurchaseId, StreamId};
use crate::rejection::Rejection;
use crate::state::State;

/// Opens a purchase that a person will pay.
#[derive(Debug, Clone)]
pub struct OpenPurchase {
    /// Who gets the credits.
    pub book: Book,
    /// The new purchase.
    pub purchase_id: PurchaseId,
    /// What is bought.
    pub pack: Pack,
}

impl Command for OpenPurchase {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(self.book)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
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
        let opened = PurchaseOpened {
            purchase_id: self.purchase_id,
            book: self.book,
            kind: PurchaseKind::Checkout,
            amount_cents: self.pack.amount,
            bonus_cents: self.pack.bonus,
            card: None,
            at: context.now,
        };
        let stream = StreamId::Purchase(self.purchase_id);
        Ok(Changes::none().append(stream, PurchaseEvent::Opened(opened)))
    }
}

/// Returns the book of a purchase that exists.
pub(super) fn book(view: &dyn View, id: PurchaseId) -> Option<Book> {
    match view.state(StreamId::Purchase(id)) {
        Some(State::Purchase(purchase)) if purchase.exists() => Some(purchase.book),
        _ => None,
    }
}

/// Names a purchase, then the accounts of its book.
pub(super) fn needs(view: &dyn View, id: PurchaseId) -> Vec<StreamId> {
    let mut missing = Vec::new();
    need(view, StreamId::Purchase(id), &mut missing);
    if let Some(book) = book(view, id) {
        need(view, book.stream(), &mut missing);
        if let Book::Organization(organization, _) = book {
            need(view, StreamId::Organization(organization), &mut missing);
        }
    }
    missing
}

/// Records the page where a purchase can be paid. Does nothing if that is known.
#[derive(Debug, Clone)]
pub struct RecordSession {
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// The page.
    pub session: PurchaseSessionCreated,
}

impl Command for RecordSession {
    fn book(&self, view: &dyn View) -> Option<Book> {
        book(view, self.purchase_id)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
        need(view, StreamId::Purchase(self.purchase_id), &mut missing);
        missing
    }

    fn decide(&self, view: &dyn View, _context: &Context) -> Result<Changes, Rejection> {
        let purchase = decision::purchase(view, self.purchase_id)?;
        if purchase.session.is_some() || purchase.status != PurchaseStatus::Open {
            return Ok(Changes::none());
        }
        let stream = StreamId::Purchase(self.purchase_id);
        let created = PurchaseEvent::SessionCreated(self.session.clone());
        Ok(Changes::none().append(stream, created))
    }
}
