//! Open a payout: what can be paid out is set aside and on its way.

use super::events::{PayoutEvent, PayoutOpened};
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::earnings::{EarningsEvent, PayoutReserved};
use crate::ids::{Book, PayoutBatchId, PayoutId, StreamId, WorkerId};
use crate::money::Cents;
use crate::rejection::Rejection;
use crate::state::State;

/// The least that a payout may have: five dollars (spec section 11).
pub const MINIMUM: Cents = Cents::new(500);

/// Opens a payout. What was approved was earned: a worker's standing does not matter here.
#[derive(Debug, Clone)]
pub struct OpenPayout {
    /// Who is paid.
    pub worker_id: WorkerId,
    /// The new payout.
    pub payout_id: PayoutId,
    /// How much; all that can be paid out if nothing is named.
    pub amount: Option<Cents>,
    /// The run that it belongs to.
    pub batch_id: Option<PayoutBatchId>,
}

impl Command for OpenPayout {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(Book::Worker(self.worker_id))
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
        need(view, StreamId::Worker(self.worker_id), &mut missing);
        need(view, StreamId::Earnings(self.worker_id), &mut missing);
        missing
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        decision::worker(view, self.worker_id)?;
        let earnings = decision::earnings(view, self.worker_id)?;
        if let Some(payout_id) = earnings.payout {
            return Err(Rejection::PayoutInFlight { payout_id });
        }
        let Some(destination) = earnings.account.clone() else {
            return Err(Rejection::NoPayoutAccount);
        };
        let available = earnings.available_at(context.now);
        let amount_cents = self.amount.unwrap_or(available);
        if amount_cents < MINIMUM {
            return Err(Rejection::PayoutBelowMinimum { minimum: MINIMUM, available });
        }
        if amount_cents > available {
            return Err(Rejection::InsufficientEarnings { requested: amount_cents, available });
        }
        let opened = PayoutOpened {
            payout_id: self.payout_id,
            worker_id: self.worker_id,
            amount_cents,
            destination,
            batch_id: self.batch_id,
            at: context.now,
        };
        let reserved = PayoutReserved { payout_id: self.payout_id, amount_cents, at: context.now };
        Ok(Changes::none()
            .append(StreamId::Payout(self.payout_id), PayoutEvent::Opened(opened))
            .append(StreamId::Earnings(self.worker_id), EarningsEvent::Reserved(reserved)))
    }
}

/// Returns the book of a payout that exists.
pub(super) fn book(view: &dyn View, id: PayoutId) -> Option<Book> {
    match view.state(StreamId::Payout(id)) {
        Some(State::Payout(payout)) if payout.exists() => Some(Book::Worker(payout.worker_id)),
        _ => None,
    }
}

/// Names a payout, then the earnings that it is paid from.
pub(super) fn needs(view: &dyn View, id: PayoutId) -> Vec<StreamId> {
    let mut missing = Vec::new();
    need(view, StreamId::Payout(id), &mut missing);
    if let Some(Book::Worker(worker_id)) = book(view, id) {
        need(view, StreamId::Worker(worker_id), &mut missing);
        need(view, StreamId::Earnings(worker_id), &mut missing);
    }
    missing
}
