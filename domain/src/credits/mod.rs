//! Credits: lots of prepaid money, what is held for jobs, and where every cent went.
//!
//! Knows no other capability. A hold's record of the lots that it drew from is kept by the job that
//! it pays for (its `escrow`), so that an account's state stays small however many jobs it has.

mod announce;
mod charge_back;
mod escrow;
mod events;
mod grant;
mod postings;
mod state;
mod watch;

pub use announce::{AnnounceExpiry, NOTICE, overdue};
pub use charge_back::{Bought, charge_back, reinstate, settle};
pub use escrow::{CaptureFor, Escrow, capture, hold, release};
pub use events::{
    CreditEvent, CreditsAutoToppedUp, CreditsCaptured, CreditsCardSaved, CreditsChargedBack,
    CreditsDebtSettled, CreditsExpired, CreditsExpiringSoon, CreditsGranted, CreditsHeld,
    CreditsLowBalance, CreditsReleased, CreditsTopUpFailed, CreditsTopUpRequested, Draw,
    LotExtension, LotOrigin, PurchaseOf, ReleaseReason,
};
pub use grant::{FREE_GRANT, GrantCredits, SANDBOX_GRANT, issue, lot, refill};
pub use postings::{Account, Posting, debit, ledger_branch, postings};
pub use state::{Card, CreditAccount, Lot, TopUps};
pub use watch::{Fallen, TOP_UP_FAILURES, TOP_UPS_PER_DAY, Thresholds, TopUpRule, fallen};
