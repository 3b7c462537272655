//! Why a rule refused a command: one closed list, data instead of sentences.

use crate::ids::{LotId, PayoutId};
use crate::money::Cents;
use crate::time::Timestamp;

/// The reason for which a command was refused. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A stream that the command names does not exist, or not in this book.
    #[error("no such {kind}")]
    NotFound {
        /// The kind of thing that is missing.
        kind: &'static str,
    },
    /// A stream that the command would begin exists already.
    #[error("this {kind} exists already")]
    AlreadyExists {
        /// The kind of thing that exists.
        kind: &'static str,
    },
    /// The book's available credits do not cover the price.
    #[error("insufficient credits: {required} needed, {available} available")]
    InsufficientCredits {
        /// What the command would hold.
        required: Cents,
        /// What is available.
        available: Cents,
    },
    /// An amount left the range of the arithmetic.
    #[error("the amount is out of range")]
    AmountOverflow,
    /// An organization with only free credits has its one active job already.
    #[error("organizations on the free tier may have one active job")]
    FreeTierJobLimit,
    /// The job's status does not allow this.
    #[error("the job is {status}")]
    JobNotActive {
        /// The job's public status.
        status: &'static str,
    },
    /// The job is there for workers of higher tiers first.
    #[error("the job opens to you at {opens_at}")]
    NotOpenYet {
        /// When it opens to this worker.
        opens_at: Timestamp,
    },
    /// Every slot of the job is taken.
    #[error("the job has no free slot")]
    JobFull,
    /// The job's limit of concurrent workers is reached.
    #[error("the job has its maximum of concurrent workers")]
    TooManyWorkers,
    /// The worker already works on this job.
    #[error("you have an active submission to this job")]
    AlreadyAccepted,
    /// The worker's account is suspended or banned.
    #[error("the worker is suspended")]
    WorkerSuspended {
        /// When the suspension ends; `None` for a ban.
        until: Option<Timestamp>,
    },
    /// The submission's status does not allow this.
    #[error("the submission is {status}")]
    WrongSubmissionStatus {
        /// The submission's status.
        status: &'static str,
    },
    /// The time allowed for this step is over.
    #[error("the time for this step is over")]
    WindowOver,
    /// An upload has more files than the submission has reserved.
    #[error("between 1 and {reserved} files are accepted")]
    WrongFileCount {
        /// Files that the submission has reserved.
        reserved: u32,
    },
    /// A job can be rated only when it is completed.
    #[error("only a completed job can be rated")]
    NotCompleted,
    /// The job has its rating already.
    #[error("the job is already rated")]
    AlreadyRated,
    /// The deadline has not passed yet, or a time-out came too early.
    #[error("it is too early for this")]
    TooEarly,
    /// The organization's phone number is verified already.
    #[error("the organization's phone is already verified")]
    PhoneAlreadyVerified,
    /// The key may not grant scopes that it does not hold.
    #[error("a key may not grant scopes that it lacks")]
    ScopeNotHeld,
    /// The key is revoked.
    #[error("the key is revoked")]
    KeyRevoked,
    /// Revoking the key would lock the organization out.
    #[error("the last key that manages keys can't be revoked without force")]
    LastManagingKey,
    /// The webhook endpoint is disabled.
    #[error("the webhook endpoint is disabled")]
    EndpointDisabled,
    /// Too many secrets of a webhook endpoint sign at a time.
    #[error("too many secrets are in their overlap; wait for one to expire")]
    TooManySecrets,
    /// The amount that was paid is not that of the purchase.
    #[error("{found} was paid for a purchase of {expected}")]
    AmountMismatch {
        /// What was to be paid.
        expected: Cents,
        /// What was paid.
        found: Cents,
    },
    /// The purchase is not paid, so nothing can go back.
    #[error("the purchase is not paid")]
    NotPaid,
    /// Less can be paid out than a payout must have.
    #[error("a payout has {minimum} or more; {available} can be paid out")]
    PayoutBelowMinimum {
        /// The least that a payout may have.
        minimum: Cents,
        /// What can be paid out.
        available: Cents,
    },
    /// More was asked for than can be paid out.
    #[error("{requested} were asked for, {available} can be paid out")]
    InsufficientEarnings {
        /// What was asked for.
        requested: Cents,
        /// What can be paid out.
        available: Cents,
    },
    /// A payout of the worker is under way; there is one at a time.
    #[error("a payout is under way: {payout_id}")]
    PayoutInFlight {
        /// That payout.
        payout_id: PayoutId,
    },
    /// The worker has named no account to pay to.
    #[error("no payout account is set")]
    NoPayoutAccount,
    /// The payout has its outcome, and it is another one.
    #[error("the payout is {status}")]
    PayoutSettled {
        /// The outcome.
        status: &'static str,
    },
    /// The strike was appealed before.
    #[error("this strike was appealed already")]
    AlreadyAppealed,
    /// The appeal is decided.
    #[error("the appeal is decided already")]
    AlreadyDecided,
    /// What the command would change is no longer as the client saw it.
    #[error("the resource is no longer as If-Match names it")]
    PreconditionFailed,
    /// A test clock never goes back.
    #[error("the clock stands at {now} and never goes back")]
    ClockBackwards {
        /// Where it stands.
        now: Timestamp,
    },
    /// A test clock goes forward by two years at a time, and not beyond a far end.
    #[error(
        "a clock goes forward by no more than 731 days at a time, and not beyond the year 2199"
    )]
    ClockTooFar,
    /// The test clock is on its way.
    #[error("the clock is still on its way")]
    ClockAdvancing,
    /// A setting's value is not allowed.
    #[error("{field}: {message}")]
    InvalidSetting {
        /// The setting.
        field: &'static str,
        /// What is wrong with it.
        message: &'static str,
    },
    /// The books would not balance: a rule was broken elsewhere. Never expected.
    #[error("the books do not balance at lot {lot}")]
    OutOfBalance {
        /// The lot that does not cover the movement.
        lot: LotId,
    },
}

impl Rejection {
    /// Says whether the same command may succeed later without being changed.
    pub fn transient(&self) -> bool {
        match self {
            Self::InsufficientCredits { .. }
            | Self::NotOpenYet { .. }
            | Self::JobFull
            | Self::TooManyWorkers
            | Self::FreeTierJobLimit
            | Self::TooManySecrets
            | Self::WorkerSuspended { .. }
            | Self::NotCompleted
            | Self::NotPaid
            | Self::PayoutBelowMinimum { .. }
            | Self::InsufficientEarnings { .. }
            | Self::PayoutInFlight { .. }
            | Self::NoPayoutAccount
            | Self::ClockAdvancing
            | Self::TooEarly => true,
            Self::NotFound { .. }
            | Self::AlreadyExists { .. }
            | Self::AmountOverflow
            | Self::JobNotActive { .. }
            | Self::AlreadyAccepted
            | Self::WrongSubmissionStatus { .. }
            | Self::WindowOver
            | Self::WrongFileCount { .. }
            | Self::AlreadyRated
            | Self::PhoneAlreadyVerified
            | Self::ScopeNotHeld
            | Self::KeyRevoked
            | Self::LastManagingKey
            | Self::EndpointDisabled
            | Self::AmountMismatch { .. }
            | Self::PayoutSettled { .. }
            | Self::AlreadyAppealed
            | Self::AlreadyDecided
            | Self::PreconditionFailed
            | Self::ClockBackwards { .. }
            | Self::ClockTooFar
            | Self::InvalidSetting { .. }
            | Self::OutOfBalance { .. } => false,
        }
    }
}
