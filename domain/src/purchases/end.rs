//! End a purchase that was not paid.

use super::events::{PurchaseEnded, PurchaseEvent};
use super::open;
use super::state::PurchaseStatus;
use crate::credits::{CreditEvent, CreditsTopUpFailed, TOP_UP_FAILURES};
use crate::decision::{self, Changes, Command, Context, View};
use crate::ids::{Book, Environment, PurchaseId, StreamId};
use crate::organizations::{AutoTopUp, OrganizationAutoTopUpChanged, OrganizationEvent};
use crate::rejection::Rejection;

/// The code of a top-up that the buyer switched off before it was charged: no failure of his card.
pub const SWITCHED_OFF: &str = "switched_off";

/// Ends a purchase that was not paid. A third top-up that fails in a row switches the automatic
/// top-up off; one of a test book switches nothing off, since live books go by the same settings. Does
/// nothing if the purchase has ended or was paid.
#[derive(Debug, Clone)]
pub struct EndPurchase {
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// Why, as the provider says it.
    pub code: String,
}

impl Command for EndPurchase {
    fn book(&self, view: &dyn View) -> Option<Book> {
        open::book(view, self.purchase_id)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        open::needs(view, self.purchase_id)
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let purchase = decision::purchase(view, self.purchase_id)?;
        if purchase.status != PurchaseStatus::Open {
            return Ok(Changes::none());
        }
        let ended = PurchaseEnded { code: self.code.clone(), at: context.now };
        let mut changes = Changes::none()
            .append(StreamId::Purchase(self.purchase_id), PurchaseEvent::Ended(ended));
        let account = decision::credits(view, purchase.book)?;
        if account.top_ups.under_way != Some(self.purchase_id) {
            return Ok(changes);
        }
        let counted = u32::from(self.code != SWITCHED_OFF);
        // The three that switched it off are over: somebody has switched it on again.
        let so_far = account.top_ups.failures;
        let so_far = if so_far >= TOP_UP_FAILURES { 0 } else { so_far };
        let failed = CreditsTopUpFailed {
            purchase_id: self.purchase_id,
            code: self.code.clone(),
            failures: so_far.saturating_add(counted),
            at: context.now,
        };
        let failures = failed.failures;
        changes.push(purchase.book.stream(), CreditEvent::TopUpFailed(failed));
        if let Book::Organization(id, Environment::Live) = purchase.book
            && failures >= TOP_UP_FAILURES
        {
            let before = decision::organization(view, id)?.settings.auto_top_up;
            let after = AutoTopUp { enabled: false, ..before };
            if after != before {
                let off = OrganizationAutoTopUpChanged { before, after };
                changes.push(StreamId::Organization(id), OrganizationEvent::AutoTopUpChanged(off));
            }
        }
        Ok(changes)
    }
}
