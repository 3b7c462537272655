//! Escrow: hold a job's price, capture it file by file, release the rest.

use super::events::{
    CreditsCaptured, CreditsHeld, CreditsReleased, Draw, LotExtension, ReleaseReason,
};
use super::state::CreditAccount;
use crate::ids::{JobId, SubmissionId, WorkerId};
use crate::money::Cents;
use crate::rejection::Rejection;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// How long a lot lives on that expired while a job held its money (spec section 7).
pub(super) const EXTENSION: Span = Span::days(30);

/// What a job holds: the record of its hold, kept by the job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Escrow {
    /// What is still held, lot by lot.
    pub held: Vec<Draw>,
    /// What was paid for approved files.
    pub spent: Cents,
    /// What went back.
    pub refunded: Cents,
}

impl Escrow {
    /// Returns what is still held.
    pub fn held_total(&self) -> Cents {
        self.held.iter().map(|draw| draw.amount_cents).sum()
    }

    /// Returns what was set aside in the beginning.
    pub fn total(&self) -> Cents {
        [self.held_total(), self.spent, self.refunded].into_iter().sum()
    }

    /// Takes these draws out of what is held.
    pub fn take(&mut self, draws: &[Draw]) {
        for draw in draws {
            if let Some(held) = self.held.iter_mut().find(|held| held.lot_id == draw.lot_id) {
                held.amount_cents = held.amount_cents.minus(draw.amount_cents).unwrap_or_default();
            }
        }
        self.held.retain(|held| held.amount_cents != Cents::ZERO);
    }
}

/// Draws an amount from lots in the given order.
fn draw(
    amount: Cents,
    lots: impl IntoIterator<Item = (crate::ids::LotId, Cents)>,
) -> (Vec<Draw>, Cents) {
    let mut missing = amount;
    let mut draws = Vec::new();
    for (lot_id, left) in lots {
        if missing == Cents::ZERO {
            break;
        }
        let amount_cents = left.min(missing);
        missing = missing.minus(amount_cents).unwrap_or_default();
        draws.push(Draw { lot_id, amount_cents });
    }
    (draws, missing)
}

/// A job is paid from no more lots than this. Each is a posting of one entry, and the book's state is one row.
pub(super) const MOST_LOTS: usize = 10_000;

/// Sets a job's price aside. Spends what expires soonest first, promotional before paid at equal
/// expiry, then the oldest (design D10); the lots are fixed by the hold.
pub fn hold(
    account: &CreditAccount,
    job_id: JobId,
    amount: Cents,
    now: Timestamp,
) -> Result<CreditsHeld, Rejection> {
    let available = account.available_at(now);
    if available < amount {
        return Err(Rejection::InsufficientCredits { required: amount, available });
    }
    let mut lots: Vec<_> = account.lots.iter().filter(|lot| lot.spendable(now)).collect();
    // A stable sort: lots stay in order of issue where nothing else decides.
    lots.sort_by_key(|lot| (lot.expires_at.is_none(), lot.expires_at, lot.origin.paid()));
    let (draws, missing) = draw(amount, lots.iter().map(|lot| (lot.lot_id, lot.remaining)));
    if draws.len() > MOST_LOTS {
        return Err(Rejection::AmountOverflow);
    }
    if missing == Cents::ZERO {
        Ok(CreditsHeld { job_id, amount_cents: amount, draws, at: now })
    } else {
        Err(Rejection::InsufficientCredits { required: amount, available })
    }
}

/// What a capture pays for.
#[derive(Debug, Clone, Copy)]
pub struct CaptureFor {
    /// The job whose escrow pays.
    pub job_id: JobId,
    /// The approved submission.
    pub submission_id: SubmissionId,
    /// Who earns.
    pub worker_id: WorkerId,
    /// Number of approved files.
    pub files: u32,
    /// Price of one file.
    pub price: Cents,
}

/// Pays an approved submission from its job's escrow: each file's price is split by itself.
pub fn capture(
    escrow: &Escrow,
    paid: &CaptureFor,
    now: Timestamp,
) -> Result<CreditsCaptured, Rejection> {
    let amount = paid.price.times(paid.files).ok_or(Rejection::AmountOverflow)?;
    let split = paid.price.split();
    let (draws, missing) =
        draw(amount, escrow.held.iter().map(|held| (held.lot_id, held.amount_cents)));
    if missing != Cents::ZERO {
        return Err(Rejection::InsufficientCredits {
            required: amount,
            available: escrow.held_total(),
        });
    }
    Ok(CreditsCaptured {
        job_id: paid.job_id,
        submission_id: paid.submission_id,
        worker_id: paid.worker_id,
        files: paid.files,
        amount_cents: amount,
        worker_cents: split.worker.times(paid.files).ok_or(Rejection::AmountOverflow)?,
        platform_cents: split.platform.times(paid.files).ok_or(Rejection::AmountOverflow)?,
        draws,
        closes: escrow.held_total() == amount,
        at: now,
    })
}

/// Gives what a job still holds back to the lots that it came from. A lot that has expired
/// meanwhile lives on for 30 days rather than being confiscated (spec section 7).
pub fn release(
    account: &CreditAccount,
    job_id: JobId,
    escrow: &Escrow,
    reason: ReleaseReason,
    now: Timestamp,
) -> Result<CreditsReleased, Rejection> {
    let mut extended = Vec::new();
    for held in &escrow.held {
        let lot = account
            .lot(held.lot_id)
            .filter(|lot| lot.held >= held.amount_cents)
            .ok_or(Rejection::OutOfBalance { lot: held.lot_id })?;
        if lot.expires_at.is_some_and(|end| end <= now) {
            extended.push(LotExtension { lot_id: lot.lot_id, expires_at: now.after(EXTENSION) });
        }
    }
    Ok(CreditsReleased {
        job_id,
        amount_cents: escrow.held_total(),
        draws: escrow.held.clone(),
        reason,
        extended,
        at: now,
    })
}
