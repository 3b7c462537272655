//! Double entry in a worker's own book. `worker_settlement` is the other side of what buyers' books
//! owe the worker (`worker_payable`): over all books the two of a worker cancel, but for what the
//! worker's book was not told yet.

use super::events::{EarningsEvent, ReturnedFrom};
use crate::credits::{Account, Posting};
use crate::money::Cents;

fn moved(from: Account, to: Account, amount: Cents) -> Vec<Posting> {
    vec![Posting { account: from, amount: amount.negated() }, Posting { account: to, amount }]
}

/// Returns the postings of an event, which sum to zero; none for one that moves no money.
pub fn postings(event: &EarningsEvent) -> Vec<Posting> {
    match event {
        EarningsEvent::Earned(earned) => {
            moved(Account::WorkerSettlement, Account::Earnings, earned.amount_cents)
        }
        EarningsEvent::AccountSet(_) => Vec::new(),
        EarningsEvent::Reserved(reserved) => {
            let transit = Account::PayoutTransit(reserved.payout_id);
            moved(Account::Earnings, transit, reserved.amount_cents)
        }
        EarningsEvent::PaidOut(paid) => {
            let transit = Account::PayoutTransit(paid.payout_id);
            moved(transit, Account::PayoutClearing, paid.amount_cents)
        }
        EarningsEvent::Returned(returned) => {
            let from = match returned.from {
                ReturnedFrom::Transit => Account::PayoutTransit(returned.payout_id),
                ReturnedFrom::Paid => Account::PayoutClearing,
            };
            moved(from, Account::Earnings, returned.amount_cents)
        }
    }
}
