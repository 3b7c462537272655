//! Credits: lots of prepaid money, what is held for jobs, and where every cent went.
//!
//! Knows no other capability. A hold's record of the lots that it drew from is kept by the job that
//! it pays for (its `escrow`), so that an account's state stays small however many jobs it has.

mod escrow;
mod events;
mod expire;
mod grant;
mod postings;
mod state;

pub use escrow::{CaptureFor, Escrow, capture, hold, release};
pub use events::{
    CreditEvent, CreditsCaptured, CreditsExpired, CreditsGranted, CreditsHeld, CreditsReleased,
    Draw, LotExtension, LotOrigin, ReleaseReason,
};
pub use expire::ExpireLot;
pub use grant::{FREE_GRANT, GrantCredits, SANDBOX_GRANT, issue};
pub use postings::{Account, Posting, debit, ledger_branch, postings};
pub use state::{CreditAccount, Lot};
