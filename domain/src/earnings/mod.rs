//! Earnings: what a worker has earned in the worker's own book, when it can be paid out, and where
//! every cent of it went. Payouts call it; it decides nothing about them.

mod account;
mod earn;
mod events;
mod postings;
mod state;

pub use account::SetPayoutAccount;
pub(crate) use earn::earn;
pub use earn::{HOLD, Pay};
pub use events::{
    EarningsEarned, EarningsEvent, EarningsPaidOut, PayoutAccountSet, PayoutReserved,
    PayoutReturned, ReturnedFrom,
};
pub use postings::postings;
pub use state::{Earnings, Pending};
