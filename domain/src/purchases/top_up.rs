//! Watch a balance that falls, and open the purchase of an automatic top-up.

use super::events::{PurchaseEvent, PurchaseKind, PurchaseOpened};
use super::packs::pack;
use crate::credits::{self, CreditAccount, CreditEvent, CreditsLowBalance};
use crate::decision::{Changes, Context, View};
use crate::ids::{Book, PurchaseId, StreamId};
use crate::money::Cents;
use crate::state::State;
use ulid::Ulid;

/// A balance that falls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fall {
    /// What is available afterwards.
    pub after: Cents,
    /// The ULID of what took the money, so that a decision needs no new id for the purchase; `None`
    /// if no top-up may follow.
    pub cause: Option<Ulid>,
    /// Whether the warning is given whatever the threshold is: the sandbox was asked for it.
    pub told: bool,
}

/// Adds what follows from a balance that falls: a warning, a top-up.
pub(crate) fn watch(
    changes: &mut Changes,
    view: &dyn View,
    (book, account): (Book, &CreditAccount),
    fall: Fall,
    context: &Context,
) {
    let Book::Organization(id, _) = book else { return };
    let Some(State::Organization(organization)) = view.state(StreamId::Organization(id)) else {
        return;
    };
    if !organization.exists() {
        return;
    }
    let purchase_id = PurchaseId::in_slot(fall.cause.unwrap_or_default(), book.slot());
    let mut thresholds = organization.settings.thresholds();
    thresholds.top_up = thresholds.top_up.filter(|_rule| fall.cause.is_some());
    let mut fallen = credits::fallen(account, &thresholds, fall.after, purchase_id, context.now);
    let low = |event: &CreditEvent| matches!(event, CreditEvent::LowBalance(_));
    if fall.told && !fallen.events.iter().any(low) {
        fallen.events.push(CreditEvent::LowBalance(CreditsLowBalance {
            available_cents: fall.after,
            threshold_cents: thresholds.low_balance,
            at: context.now,
        }));
    }
    if let Some(pack) = fallen.top_up.and_then(pack) {
        let opened = PurchaseOpened {
            purchase_id,
            book,
            kind: PurchaseKind::AutoTopUp,
            amount_cents: pack.amount,
            bonus_cents: pack.bonus,
            card: account.card.clone(),
            at: context.now,
        };
        changes.push(StreamId::Purchase(purchase_id), PurchaseEvent::Opened(opened));
    }
    for event in fallen.events {
        changes.push(book.stream(), event);
    }
}
