//! Finance: balances, statements, entries and reports as of any recorded instant.
//!
//! All of it is read from `credit_transactions`, `journal` and `credit_lots`, whatever kinds of
//! accounts and types of movements they hold. Nothing is written here, and nobody asks for the time.

pub mod accounts;
pub mod balances;
pub mod clearing;
pub mod deferred_revenue;
pub mod entries;
pub mod escrow_ageing;
pub mod position;
pub mod statement;
pub mod trial_balance;
pub mod worker_payables;

use firsthand_domain::{Book, Environment};
use firsthand_eventstore::Store;

/// Which books a report of the operator is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every book.
    All,
    /// The books of one environment.
    Environment(Environment),
    /// One book.
    Book(Book),
}

impl Scope {
    /// Returns a pattern of `like` that the books' texts match. Identifiers hold no wildcard but
    /// the underscore, which matches itself.
    fn pattern(self) -> String {
        match self {
            Self::All => "%".to_owned(),
            Self::Environment(environment) => format!("%:{}", environment.as_str()),
            Self::Book(book) => book.to_string(),
        }
    }

    /// Returns the one book.
    fn book(self) -> Option<Book> {
        match self {
            Self::Book(book) => Some(book),
            Self::All | Self::Environment(_) => None,
        }
    }

    /// Returns the parts that hold these books.
    fn parts(self, store: &Store) -> Vec<i16> {
        match self {
            Self::All | Self::Environment(_) => store.all_parts().collect(),
            Self::Book(book) => vec![store.part_of_book(book)],
        }
    }
}

/// Which positions of a part a report is about: those above the first and up to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The position before the first.
    pub after: i64,
    /// The last position.
    pub until: i64,
}

impl Span {
    /// All that there is.
    pub const ALL: Self = Self { after: 0, until: i64::MAX };
}
