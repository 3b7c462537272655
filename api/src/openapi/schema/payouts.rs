//! Schemas of what workers are paid, and of their strikes.

use super::{id, names};
use firsthand_domain::appeals::AppealStatus as Appealed;
use firsthand_domain::ids;
use firsthand_domain::payouts::PayoutStatus as Paid;
use firsthand_domain::workers::StrikeStatus as Struck;
use firsthand_projections::worker_earnings::EarningStatus as Earned;
use serde_json::{Value, json};
use std::borrow::Cow;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

schemas! {
    /// The id of a payout.
    PayoutId = id(ids::PayoutId::PREFIX);
    /// The id of a run of payouts.
    PayoutBatchId = id(ids::PayoutBatchId::PREFIX);
    /// The id of an appeal.
    AppealId = id(ids::AppealId::PREFIX);
    /// An account at Stripe.
    PayoutAccount = json!({
        "type": "string", "pattern": "^acct_[A-Za-z0-9]{8,64}$",
        "examples": ["acct_1Nv0FGQ9RKHgCVdK"],
    });
    /// `in_transit`: on its way. `paid`: transferred. `failed`: not transferred, the money is
    /// available again. `reversed`: transferred, and all of it was taken back.
    PayoutStatus = names(Paid::NAMES);
    /// `pending`: not old enough. `available`: can be paid out, or what is left of it can.
    /// `in_transit`: on its way. `paid_out`: all of it was paid out.
    EarningStatus = names(Earned::ALL.map(Earned::as_str));
    /// `active`: counts. `appealed`: counts until it is decided. `lifted`: does not count.
    /// `upheld`: counts, after an appeal.
    StrikeStatus = names(Struck::NAMES);
    /// What became of an appeal.
    AppealStatus = names(Appealed::NAMES);
    /// How far a run of payouts is.
    PayoutBatchStatus = names(["opening", "in_transit", "settled"]);
    /// A count for each reason.
    CountsByReason = json!({
        "type": "object", "additionalProperties": {"type": "integer", "minimum": 1},
        "examples": [{"no_payout_account": 2}],
    });
}
