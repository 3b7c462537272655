//! Name the account at the payment provider that payouts go to.

use super::events::{EarningsEvent, PayoutAccountSet};
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{Book, StreamId, WorkerId};
use crate::rejection::Rejection;

/// Names the account. Does nothing if it is that one. A payout that is under way keeps its own.
#[derive(Debug, Clone)]
pub struct SetPayoutAccount {
    /// Whose it is.
    pub worker_id: WorkerId,
    /// The provider's name of it.
    pub account: String,
}

impl Command for SetPayoutAccount {
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
        if earnings.account.as_ref() == Some(&self.account) {
            return Ok(Changes::none());
        }
        let set = PayoutAccountSet { account: self.account.clone(), at: context.now };
        let stream = StreamId::Earnings(self.worker_id);
        Ok(Changes::none().append(stream, EarningsEvent::AccountSet(set)))
    }
}
