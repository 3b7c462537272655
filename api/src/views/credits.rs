//! Balances and credit transactions on the wire (spec section 7).

use crate::openapi::schema;
use firsthand_domain::credits::CreditAccount;
use firsthand_domain::organizations::AutoTopUp;
use firsthand_domain::{Cents, Environment, Timestamp};
use firsthand_projections::credit_transactions::CreditTransactionRow;
use firsthand_projections::finance::balances::BalanceAt;
use serde::Serialize;
use ulid::Ulid;
use utoipa::ToSchema;

/// A balance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreditBalance)]
pub(crate) struct BalanceView {
    #[schema(example = "credit_balance")]
    object: &'static str,
    /// What can be spent.
    #[schema(value_type = schema::Cents)]
    available_cents: Cents,
    /// What is held for jobs.
    #[schema(value_type = schema::Cents)]
    held_cents: Cents,
    /// Both together.
    #[schema(value_type = schema::Cents)]
    total_cents: Cents,
    /// The same as `available_cents`.
    #[schema(value_type = schema::Cents)]
    balance_cents: Cents,
    #[schema(example = "usd")]
    currency: &'static str,
    #[schema(value_type = schema::Environment)]
    environment: Environment,
    livemode: bool,
    /// The instant that was asked for; null means now.
    #[schema(value_type = Option<schema::Instant>)]
    as_of: Option<Timestamp>,
    #[schema(value_type = Option<schema::Instant>)]
    updated_at: Option<Timestamp>,
    /// Where the automatic top-up stands now; null if another instant was asked for.
    auto_top_up: Option<AutoTopUpView>,
}

/// Where the automatic top-up stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AutoTopUpStatus)]
pub(crate) struct AutoTopUpView {
    /// Whether the settings have it on; three failures in a row switch it off.
    enabled: bool,
    /// Whether one has begun and is not paid yet.
    under_way: bool,
    /// Failures in a row.
    #[schema(minimum = 0, example = 0)]
    failures: u32,
}

impl BalanceView {
    /// Makes the view of an account at a time.
    pub(crate) fn new(
        account: &CreditAccount,
        rule: AutoTopUp,
        environment: Environment,
        now: Timestamp,
    ) -> Self {
        let available = account.available_at(now);
        Self {
            object: "credit_balance",
            available_cents: available,
            held_cents: account.held,
            total_cents: [available, account.held].into_iter().sum(),
            balance_cents: available,
            currency: "usd",
            environment,
            livemode: environment == Environment::Live,
            as_of: None,
            updated_at: Some(account.updated_at),
            auto_top_up: Some(AutoTopUpView {
                enabled: rule.enabled,
                under_way: account.top_ups.under_way.is_some(),
                failures: account.top_ups.failures,
            }),
        }
    }

    /// Makes the view of what was booked by an instant.
    pub(crate) fn as_of(as_of: Timestamp, at: BalanceAt, environment: Environment) -> Self {
        let amounts = AmountsView::new(at.available_cents, at.held_cents);
        Self {
            object: "credit_balance",
            available_cents: amounts.available,
            held_cents: amounts.held,
            total_cents: amounts.total,
            balance_cents: amounts.available,
            currency: "usd",
            environment,
            livemode: environment == Environment::Live,
            as_of: Some(as_of),
            updated_at: at.moved_at.map(Timestamp::from_micros),
            auto_top_up: None,
        }
    }
}

/// What is available, what is held, and both together.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Amounts)]
pub(crate) struct AmountsView {
    #[serde(rename = "available_cents")]
    #[schema(value_type = schema::Cents)]
    available: Cents,
    #[serde(rename = "held_cents")]
    #[schema(value_type = schema::Cents)]
    held: Cents,
    #[serde(rename = "total_cents")]
    #[schema(value_type = schema::Cents)]
    total: Cents,
}

impl AmountsView {
    /// Makes the view of two amounts in cents.
    pub(crate) fn new(available: i64, held: i64) -> Self {
        let (available, held) = (Cents::new(available), Cents::new(held));
        Self { available, held, total: [available, held].into_iter().sum() }
    }
}

/// A credit transaction.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreditTransaction)]
pub(crate) struct TransactionView {
    #[schema(example = "credit_transaction")]
    object: &'static str,
    /// The transaction.
    #[schema(value_type = schema::TransactionId)]
    pub id: String,
    #[serde(rename = "type")]
    #[schema(value_type = schema::TransactionType)]
    transaction_type: String,
    #[schema(value_type = schema::Cents)]
    amount_cents: i64,
    #[schema(value_type = schema::Cents)]
    available_delta_cents: i64,
    #[schema(value_type = schema::Cents)]
    held_delta_cents: i64,
    #[schema(value_type = schema::Cents)]
    balance_after_cents: i64,
    #[schema(value_type = schema::Cents)]
    held_after_cents: i64,
    #[schema(example = "Free credits")]
    description: String,
    #[schema(value_type = Option<schema::LotId>)]
    lot_id: Option<String>,
    #[schema(value_type = Option<schema::JobId>)]
    job_id: Option<String>,
    #[schema(value_type = Option<schema::SubmissionId>)]
    submission_id: Option<String>,
    external_ref: Option<String>,
    #[schema(value_type = schema::Environment)]
    environment: Environment,
    livemode: bool,
    #[schema(value_type = schema::Instant)]
    created_at: Timestamp,
    /// When the credits expire; null if they never do.
    #[schema(value_type = Option<schema::Instant>)]
    expires_at: Option<Timestamp>,
}

/// Bits of a ULID that hold the position.
const POSITION_BITS: u32 = 64;

/// Returns the id of what stands at a position: a ULID of its time and its position in its book's
/// part.
fn positioned(prefix: &str, recorded_at: i64, position: i64) -> String {
    let millis = u64::try_from(recorded_at / 1_000).unwrap_or(0);
    let position = u128::try_from(position).unwrap_or(0);
    let mut buffer = [0; ulid::ULID_LEN];
    format!("{prefix}{}", Ulid::from_parts(millis, position).array_to_str(&mut buffer))
}

/// Returns the position in an id; `None` if it is none of this kind.
fn position_in(prefix: &str, id: &str) -> Option<i64> {
    let ulid = Ulid::from_string(id.strip_prefix(prefix)?).ok()?;
    if ulid.random() >> POSITION_BITS != 0 {
        return None;
    }
    i64::try_from(ulid.random()).ok()
}

/// Returns a transaction's id.
pub(crate) fn transaction_id(recorded_at: i64, position: i64) -> String {
    positioned("crtx_", recorded_at, position)
}

/// Returns the position of a transaction.
pub(crate) fn transaction_position(id: &str) -> Option<i64> {
    position_in("crtx_", id)
}

/// Returns an audit event's id.
pub(super) fn audit_id(recorded_at: i64, position: i64) -> String {
    positioned("aud_", recorded_at, position)
}

/// Returns the position of an audit event.
pub(crate) fn audit_position(id: &str) -> Option<i64> {
    position_in("aud_", id)
}

impl TransactionView {
    /// Makes the view.
    pub(crate) fn new(row: CreditTransactionRow, environment: Environment) -> Self {
        Self {
            object: "credit_transaction",
            id: transaction_id(row.created_at, row.position),
            transaction_type: row.transaction_type,
            amount_cents: row.amount_cents,
            available_delta_cents: row.available_delta_cents,
            held_delta_cents: row.held_delta_cents,
            balance_after_cents: row.balance_after_cents,
            held_after_cents: row.held_after_cents,
            description: row.description,
            lot_id: row.lot_id,
            job_id: row.job_id,
            submission_id: row.submission_id,
            external_ref: row.external_ref,
            environment,
            livemode: environment == Environment::Live,
            created_at: Timestamp::from_micros(row.created_at),
            expires_at: row.expires_at.map(Timestamp::from_micros),
        }
    }
}
