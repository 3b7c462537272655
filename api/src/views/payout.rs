//! What workers earn and are paid, their strikes and appeals, on the wire.

use crate::openapi::schema;
use firsthand_domain::appeals::Appeal;
use firsthand_domain::earnings::Earnings;
use firsthand_domain::ids::{AppealId, PayoutBatchId, PayoutId, SubmissionId, WorkerId};
use firsthand_domain::payouts::Payout;
use firsthand_domain::submissions::RejectionCode;
use firsthand_domain::workers::Strike;
use firsthand_domain::{Cents, Timestamp};
use firsthand_projections::worker_earnings::{EarningRow, Watermarks};
use serde::Serialize;
use utoipa::ToSchema;

/// Where a worker's money is.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = EarningTotals)]
pub(crate) struct EarningTotalsView {
    /// Everything ever earned: the sum of the others.
    #[schema(value_type = schema::Cents)]
    earned_cents: Cents,
    /// Not old enough to be paid out.
    #[schema(value_type = schema::Cents)]
    pending_cents: Cents,
    /// Can be paid out now.
    #[schema(value_type = schema::Cents)]
    available_cents: Cents,
    /// On its way.
    #[schema(value_type = schema::Cents)]
    in_transit_cents: Cents,
    /// Paid out, less what came back.
    #[schema(value_type = schema::Cents)]
    paid_cents: Cents,
    #[schema(example = "usd")]
    currency: &'static str,
}

impl EarningTotalsView {
    /// Makes the view.
    pub(crate) fn new(earnings: &Earnings, now: Timestamp) -> Self {
        Self {
            earned_cents: earnings.earned,
            pending_cents: earnings.pending_at(now),
            available_cents: earnings.available_at(now),
            in_transit_cents: earnings.in_transit,
            paid_cents: earnings.paid,
            currency: "usd",
        }
    }
}

/// What an approved submission earned.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Earning)]
pub(crate) struct EarningView {
    #[schema(example = "earning")]
    object: &'static str,
    #[schema(value_type = schema::SubmissionId)]
    pub submission_id: String,
    #[schema(value_type = schema::JobId)]
    job_id: String,
    #[schema(value_type = schema::Cents)]
    amount_cents: i64,
    /// How much of it was paid out: payouts take the oldest earnings first.
    #[schema(value_type = schema::Cents)]
    paid_out_cents: i64,
    #[schema(value_type = schema::EarningStatus)]
    status: &'static str,
    /// When the submission was approved.
    #[schema(value_type = schema::Instant)]
    earned_at: Timestamp,
    /// From when on it can be paid out.
    #[schema(value_type = schema::Instant)]
    available_at: Timestamp,
}

impl EarningView {
    /// Makes the view.
    pub(crate) fn new(row: EarningRow, marks: Watermarks) -> Self {
        Self {
            object: "earning",
            amount_cents: row.amount_cents,
            paid_out_cents: marks.paid_out(&row),
            status: marks.status(&row).as_str(),
            earned_at: Timestamp::from_micros(row.earned_at),
            available_at: Timestamp::from_micros(row.available_at),
            submission_id: row.submission_id,
            job_id: row.job_id,
        }
    }
}

/// A payout and where it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Payout)]
pub(crate) struct PayoutView {
    #[schema(example = "payout")]
    object: &'static str,
    /// The payout.
    #[schema(value_type = schema::PayoutId)]
    pub id: PayoutId,
    #[schema(value_type = schema::WorkerId)]
    worker_id: WorkerId,
    #[schema(value_type = schema::PayoutStatus)]
    status: &'static str,
    #[schema(value_type = schema::Cents)]
    amount_cents: Cents,
    /// What was taken back.
    #[schema(value_type = schema::Cents)]
    reversed_cents: Cents,
    #[schema(example = "usd")]
    currency: &'static str,
    #[schema(value_type = schema::PayoutAccount)]
    destination: String,
    /// Why it failed, as the payment provider says it.
    failure_code: Option<String>,
    /// The transfer, as the payment provider names it.
    external_ref: Option<String>,
    /// The run that it belongs to; null if the worker asked for it.
    #[schema(value_type = Option<schema::PayoutBatchId>)]
    batch_id: Option<PayoutBatchId>,
    #[schema(value_type = Option<schema::Instant>)]
    created_at: Option<Timestamp>,
    /// When it was paid or failed.
    #[schema(value_type = Option<schema::Instant>)]
    settled_at: Option<Timestamp>,
}

impl PayoutView {
    /// Makes the view.
    pub(crate) fn new(id: PayoutId, payout: &Payout) -> Self {
        Self {
            object: "payout",
            id,
            worker_id: payout.worker_id,
            status: payout.status.as_str(),
            amount_cents: payout.amount,
            reversed_cents: payout.reversed,
            currency: "usd",
            destination: payout.destination.clone(),
            failure_code: payout.failure.clone(),
            external_ref: payout.transfer.clone(),
            batch_id: payout.batch_id,
            created_at: payout.opened_at,
            settled_at: payout.settled_at,
        }
    }
}

/// A strike.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Strike)]
pub(crate) struct StrikeView {
    #[schema(example = "strike")]
    object: &'static str,
    /// The submission that it was given for: it names the strike.
    #[schema(value_type = schema::SubmissionId)]
    pub submission_id: SubmissionId,
    /// Why the submission was rejected.
    #[schema(value_type = Option<schema::RejectionCode>)]
    reason: Option<RejectionCode>,
    #[schema(value_type = schema::StrikeStatus)]
    status: &'static str,
    #[schema(value_type = Option<schema::AppealId>)]
    appeal_id: Option<AppealId>,
    #[schema(value_type = schema::Instant)]
    issued_at: Timestamp,
}

impl StrikeView {
    /// Makes the view.
    pub(crate) fn new(strike: &Strike) -> Self {
        Self {
            object: "strike",
            submission_id: strike.submission_id,
            reason: strike.code,
            status: strike.status.as_str(),
            appeal_id: strike.appeal_id,
            issued_at: strike.at,
        }
    }
}

/// An appeal against a strike.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Appeal)]
pub(crate) struct AppealView {
    #[schema(example = "appeal")]
    object: &'static str,
    /// The appeal.
    #[schema(value_type = schema::AppealId)]
    pub id: AppealId,
    #[schema(value_type = schema::WorkerId)]
    worker_id: WorkerId,
    #[schema(value_type = schema::SubmissionId)]
    submission_id: SubmissionId,
    /// Why, in the worker's words.
    #[schema(example = "The sign is in the picture, on the left.")]
    reason: String,
    #[schema(value_type = schema::AppealStatus)]
    status: &'static str,
    /// Why it was decided so, in the operator's words.
    note: Option<String>,
    #[schema(value_type = Option<schema::Instant>)]
    created_at: Option<Timestamp>,
    #[schema(value_type = Option<schema::Instant>)]
    decided_at: Option<Timestamp>,
}

impl AppealView {
    /// Makes the view.
    pub(crate) fn new(id: AppealId, appeal: &Appeal) -> Self {
        Self {
            object: "appeal",
            id,
            worker_id: appeal.worker_id,
            submission_id: appeal.submission_id,
            reason: appeal.reason.clone(),
            status: appeal.status.as_str(),
            note: appeal.note.clone(),
            created_at: appeal.opened_at,
            decided_at: appeal.decided_at,
        }
    }
}
