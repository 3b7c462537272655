//! Earn: book an approved submission's pay in its worker's own book.

use super::events::EarningsEarned;
use super::state::Earnings;
use crate::ids::{JobId, SubmissionId, WorkerId};
use crate::money::Cents;
use crate::time::{Span, Timestamp};

/// How long after its approval an earning can be paid out (spec section 11).
pub const HOLD: Span = Span::hours(48);

/// What an approved submission pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pay {
    /// The job.
    pub job_id: JobId,
    /// How much.
    pub amount: Cents,
    /// When it was approved.
    pub approved_at: Timestamp,
    /// How long it can't be paid out.
    pub hold: Span,
}

/// Books a submission's pay; nothing if it is booked already. What is told late becomes available
/// no earlier than what was told before it, so that earnings are paid out in the order of the book.
pub(crate) fn earn(
    earnings: &Earnings,
    worker_id: WorkerId,
    submission_id: SubmissionId,
    pay: &Pay,
    now: Timestamp,
) -> Option<EarningsEarned> {
    if pay.amount <= Cents::ZERO || earnings.expects(submission_id) {
        return None;
    }
    Some(EarningsEarned {
        worker_id,
        submission_id,
        job_id: pay.job_id,
        amount_cents: pay.amount,
        earned_at: pay.approved_at,
        available_at: pay.approved_at.after(pay.hold).max(earnings.last_available_at),
        at: now,
    })
}
