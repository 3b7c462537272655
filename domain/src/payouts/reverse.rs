//! Reverse a payout: the transfer was taken back, wholly or in part, and can be paid out again.

use super::events::{PayoutEvent, PayoutReversed};
use super::state::PayoutStatus;
use super::{open, settle};
use crate::decision::{self, Changes, Command, Context, View};
use crate::earnings::{EarningsEvent, PayoutReturned, ReturnedFrom};
use crate::ids::{Book, PayoutId, StreamId};
use crate::money::Cents;
use crate::rejection::Rejection;

/// Books what was taken back in all; only what exceeds the last total moves. A reversal that is told
/// before its transfer books both: there was a transfer.
#[derive(Debug, Clone)]
pub struct ReversePayout {
    /// The payout.
    pub payout_id: PayoutId,
    /// What the provider calls the transfer.
    pub transfer: String,
    /// How much was taken back, all in all.
    pub total: Cents,
}

impl Command for ReversePayout {
    fn book(&self, view: &dyn View) -> Option<Book> {
        open::book(view, self.payout_id)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        open::needs(view, self.payout_id)
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let payout = decision::payout(view, self.payout_id)?;
        if self.total > payout.amount {
            return Err(Rejection::AmountMismatch { expected: payout.amount, found: self.total });
        }
        let mut changes = match payout.status {
            PayoutStatus::InTransit => {
                settle::paid(self.payout_id, payout, &self.transfer, context.now)
            }
            PayoutStatus::Paid | PayoutStatus::Reversed => Changes::none(),
            PayoutStatus::Failed => return Err(settle::contradicted(payout)),
        };
        let more = self.total.minus(payout.reversed).ok_or(Rejection::AmountOverflow)?;
        if more <= Cents::ZERO {
            return Ok(changes);
        }
        let reversed = PayoutReversed { total_cents: self.total, at: context.now };
        changes.push(StreamId::Payout(self.payout_id), PayoutEvent::Reversed(reversed));
        let returned = PayoutReturned {
            payout_id: self.payout_id,
            amount_cents: more,
            from: ReturnedFrom::Paid,
            at: context.now,
        };
        changes.push(StreamId::Earnings(payout.worker_id), EarningsEvent::Returned(returned));
        Ok(changes)
    }
}
