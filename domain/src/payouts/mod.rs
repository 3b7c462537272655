//! Payouts: what a worker can be paid is on its way, and has one outcome: paid or failed. What was
//! paid may be reversed later. What the payment provider says becomes a command, and the commands
//! know what is booked: saying it twice changes nothing.

mod events;
mod open;
mod reverse;
mod settle;
mod state;

pub use events::{PayoutEvent, PayoutFailed, PayoutOpened, PayoutPaid, PayoutReversed};
pub use open::{MINIMUM, OpenPayout};
pub use reverse::ReversePayout;
pub use settle::{CompletePayout, FailPayout};
pub use state::{Payout, PayoutStatus};
