//! Settle a payout: it was transferred, or it was not. One outcome, whatever is said again.

use super::events::{PayoutEvent, PayoutFailed, PayoutPaid};
use super::open;
use super::state::{Payout, PayoutStatus};
use crate::decision::{self, Changes, Command, Context, View};
use crate::earnings::{EarningsEvent, EarningsPaidOut, PayoutReturned, ReturnedFrom};
use crate::ids::{Book, PayoutId, StreamId};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// Returns the events of a payout that was transferred.
pub(super) fn paid(id: PayoutId, payout: &Payout, transfer: &str, at: Timestamp) -> Changes {
    let paid = PayoutPaid { transfer: transfer.to_owned(), at };
    let out = EarningsPaidOut { payout_id: id, amount_cents: payout.amount, at };
    Changes::none()
        .append(StreamId::Payout(id), PayoutEvent::Paid(paid))
        .append(StreamId::Earnings(payout.worker_id), EarningsEvent::PaidOut(out))
}

/// Refuses what contradicts the outcome that is booked.
pub(super) fn contradicted(payout: &Payout) -> Rejection {
    Rejection::PayoutSettled { status: payout.status.as_str() }
}

/// Books that a payout was transferred. Does nothing if that is booked; refused if it is booked as
/// failed: a person must look.
#[derive(Debug, Clone)]
pub struct CompletePayout {
    /// The payout.
    pub payout_id: PayoutId,
    /// What the provider calls the transfer.
    pub transfer: String,
}

impl Command for CompletePayout {
    fn book(&self, view: &dyn View) -> Option<Book> {
        open::book(view, self.payout_id)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        open::needs(view, self.payout_id)
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let payout = decision::payout(view, self.payout_id)?;
        match payout.status {
            PayoutStatus::InTransit => {
                Ok(paid(self.payout_id, payout, &self.transfer, context.now))
            }
            PayoutStatus::Paid | PayoutStatus::Reversed => Ok(Changes::none()),
            PayoutStatus::Failed => Err(contradicted(payout)),
        }
    }
}

/// Books that a payout was not transferred: the money can be paid out again. Does nothing if that is
/// booked; refused if it is booked as paid.
#[derive(Debug, Clone)]
pub struct FailPayout {
    /// The payout.
    pub payout_id: PayoutId,
    /// Why, as the provider says it.
    pub code: String,
}

impl Command for FailPayout {
    fn book(&self, view: &dyn View) -> Option<Book> {
        open::book(view, self.payout_id)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        open::needs(view, self.payout_id)
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let payout = decision::payout(view, self.payout_id)?;
        match payout.status {
            PayoutStatus::InTransit => (),
            PayoutStatus::Failed => return Ok(Changes::none()),
            PayoutStatus::Paid | PayoutStatus::Reversed => return Err(contradicted(payout)),
        }
        let failed = PayoutFailed { code: self.code.clone(), at: context.now };
        let returned = PayoutReturned {
            payout_id: self.payout_id,
            amount_cents: payout.amount,
            from: ReturnedFrom::Transit,
            at: context.now,
        };
        Ok(Changes::none()
            .append(StreamId::Payout(self.payout_id), PayoutEvent::Failed(failed))
            .append(StreamId::Earnings(payout.worker_id), EarningsEvent::Returned(returned)))
    }
}
