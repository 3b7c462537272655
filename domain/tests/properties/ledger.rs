//! The books as an accountant keeps them: from the postings of every event, and nothing else.

use firsthand_domain::credits::{Account, LotOrigin, postings};
use firsthand_domain::earnings;
use firsthand_domain::{Book, Event, StreamId};
use std::collections::BTreeMap;

/// Balances of every account of every book, in cents.
#[derive(Default)]
pub(crate) struct Ledger {
    balances: BTreeMap<(Book, Account), i64>,
}

impl Ledger {
    /// Books what a command appended.
    pub(crate) fn book(&mut self, events: &[(StreamId, Event)]) -> Result<(), String> {
        for (stream, event) in events {
            let (book, entry) = match (*stream, event) {
                (StreamId::Credits(organization, environment), Event::Credits(event)) => {
                    (Book::Organization(organization, environment), postings(event))
                }
                (StreamId::Earnings(worker), Event::Earnings(event)) => {
                    (Book::Worker(worker), earnings::postings(event))
                }
                (_, Event::Credits(_) | Event::Earnings(_)) => {
                    return Err(format!("{event:?} was appended to {stream:?}"));
                }
                _ => continue,
            };
            let sum: i64 = entry.iter().map(|posting| posting.amount.get()).sum();
            if sum != 0 {
                return Err(format!("postings of {event:?} sum to {sum}: {entry:?}"));
            }
            for posting in entry {
                *self.balances.entry((book, posting.account)).or_default() += posting.amount.get();
            }
        }
        Ok(())
    }

    /// Returns one account's balance.
    pub(crate) fn balance(&self, book: Book, account: Account) -> i64 {
        self.balances.get(&(book, account)).copied().unwrap_or(0)
    }

    /// Returns the accounts of a book that are not at zero.
    pub(crate) fn open_accounts(&self, book: Book) -> impl Iterator<Item = (Account, i64)> {
        self.balances
            .iter()
            .filter(move |((of, _), balance)| *of == book && **balance != 0)
            .map(|((_, account), balance)| (*account, *balance))
    }
}

/// The account that pays for a lot (specification section 7: promotions cost us, purchases are
/// owed by the payment provider).
pub(crate) fn source(origin: LotOrigin) -> Account {
    match origin {
        LotOrigin::Purchase | LotOrigin::Reinstatement => Account::PaymentClearing,
        LotOrigin::FreeTier | LotOrigin::Bonus | LotOrigin::Promotional | LotOrigin::Sandbox => {
            Account::Promotions
        }
    }
}
