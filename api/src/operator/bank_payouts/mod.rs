//! What the payment provider paid into our bank account, matched with what is booked here:
//! `GET /internal/operator/bank_payouts/{id}`.

mod matching;

use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{Id, ListQuery, Operator};
use crate::openapi::schema;
use axum::Json;
use axum::extract::State;
use firsthand_adapters::payments::{Account, BalanceTransaction, BankPayout, PaymentError, Source};
use firsthand_domain::ids::PayoutId;
use firsthand_domain::{Cents, Environment, Timestamp};
use firsthand_projections::finance::clearing;
use matching::{Booked, Kind, Matching, Reason, Residue, matching};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use utoipa::ToSchema;

/// How often the provider is asked after something that is booked here and not in the payout.
const MOST_ASKED: usize = 100;
/// The longest id of a payout that is asked for.
const LONGEST_ID: usize = 64;

/// The provider's id of a payout.
#[derive(Debug, Clone)]
pub(super) struct BankPayoutId(String);

impl FromStr for BankPayoutId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let own = text.strip_prefix("po_").ok_or(())?;
        let plain = own.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let good = plain && !own.is_empty() && text.len() <= LONGEST_ID;
        good.then(|| Self(text.to_owned())).ok_or(())
    }
}

/// Query parameters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BankPayoutQuery {
    /// Whose account paid: that of real money if nothing else is said.
    #[param(value_type = schema::Environment, required = false)]
    environment: Option<Environment>,
}

/// What is matched.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BankPayoutMatch)]
struct MatchView {
    kind: Kind,
    #[schema(minimum = 1, example = 3)]
    transaction_count: usize,
    #[schema(value_type = schema::Cents)]
    amount_cents: i64,
}

/// Something that is not matched.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BankPayoutResidue)]
struct ResidueView {
    reason: Reason,
    kind: Kind,
    /// What the provider calls the payment, charge, dispute or transfer.
    #[schema(example = "pi_3Nv0FGQ9RKHgCVdK")]
    reference: String,
    /// The provider's names of its transactions.
    balance_transactions: Vec<String>,
    /// What they make of the payout; 0 for what is missing there.
    #[schema(value_type = schema::Cents)]
    amount_cents: i64,
    /// What is booked here under that name, all in all.
    #[schema(value_type = schema::Cents)]
    booked_cents: i64,
    /// When it was made there, or booked here if it is missing there.
    #[schema(value_type = schema::Instant)]
    since: Timestamp,
}

impl From<Residue> for ResidueView {
    fn from(residue: Residue) -> Self {
        Self {
            reason: residue.reason,
            kind: residue.kind,
            reference: residue.reference,
            balance_transactions: residue.transactions,
            amount_cents: residue.amount,
            booked_cents: residue.booked,
            since: residue.since,
        }
    }
}

/// A payout into our bank account: `matched_cents`, `fees_cents`, `residues_cents` and `unexplained_cents` are together
/// `amount_cents`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BankPayout)]
pub(super) struct BankPayoutView {
    #[schema(example = "bank_payout")]
    object: &'static str,
    #[schema(value_type = schema::BankPayoutId)]
    id: String,
    #[schema(value_type = schema::Environment)]
    environment: Environment,
    /// Where it stands, in the provider's word.
    #[schema(example = "paid")]
    status: String,
    #[schema(value_type = schema::Instant)]
    arrives_at: Timestamp,
    #[schema(example = "usd")]
    currency: &'static str,
    /// What was paid.
    #[schema(value_type = schema::Cents)]
    amount_cents: i64,
    #[schema(minimum = 0, example = 5)]
    transaction_count: usize,
    /// What is booked here too, by what it is about.
    matched: Vec<MatchView>,
    #[schema(value_type = schema::Cents)]
    matched_cents: i64,
    /// What the provider kept for itself; it is not booked here.
    #[schema(value_type = schema::Cents)]
    fees_cents: i64,
    /// Everything else, by name.
    residues: Vec<ResidueView>,
    #[schema(value_type = schema::Cents)]
    residues_cents: i64,
    /// What the provider paid and shows no transaction for: 0 unless something is wrong.
    #[schema(value_type = schema::Cents)]
    unexplained_cents: i64,
    /// What was booked here between the transaction before the payout's first and the payout's last and is not in
    /// it, but known to the provider: it belongs to another payout.
    #[schema(minimum = 0, example = 0)]
    elsewhere_count: usize,
    /// What the provider was not asked after, since there is too much of it.
    #[schema(minimum = 0, example = 0)]
    not_asked_count: usize,
}

fn failed(error: &PaymentError) -> ApiError {
    ApiError::PaymentsFailed(error.to_string())
}

/// Returns when the time of transactions begins: where that of the transactions before them ends, so that
/// nothing is booked between the times of two payouts.
async fn begins(account: &Account, transactions: &[BalanceTransaction]) -> Result<i64, ApiError> {
    // Nothing was booked in the time of no transaction at all.
    let Some(first) = transactions.iter().map(|transaction| transaction.created).min() else {
        return Ok(i64::MAX);
    };
    let before = account.transaction_before(first).await.map_err(|error| failed(&error))?;
    Ok(before.map_or(i64::MIN, Timestamp::micros))
}

/// Returns what is booked here: under the names of the transactions, and in their time.
async fn booked(
    app: &AppState,
    environment: Environment,
    (transactions, begins): (&[BalanceTransaction], i64),
) -> Result<BTreeMap<String, Booked>, ApiError> {
    let references: BTreeSet<&str> =
        transactions.iter().map(|transaction| transaction.source.reference()).collect();
    let references: Vec<String> = references.into_iter().map(ToOwned::to_owned).collect();
    let times = transactions.iter().map(|transaction| transaction.created.micros());
    // The provider counts whole seconds.
    let last = times.max().map_or(i64::MIN, |last| last.saturating_add(999_999));
    let time = (begins, last);
    let mut booked: BTreeMap<String, Booked> = BTreeMap::new();
    for row in clearing::cleared(app.store(), environment, &references, time).await? {
        let since = Timestamp::from_micros(row.booked_at);
        let of = booked.entry(row.reference).or_insert(Booked { amounts: Vec::new(), since });
        of.amounts.push(row.amount_cents);
    }
    if environment == Environment::Live {
        booked.extend(payouts(app, transactions).await?);
    }
    Ok(booked)
}

/// Returns what was transferred to workers and what was taken back of it in all, by the names of the transfers.
async fn payouts(
    app: &AppState,
    transactions: &[BalanceTransaction],
) -> Result<BTreeMap<String, Booked>, ApiError> {
    let named = transactions.iter().filter_map(|transaction| match &transaction.source {
        Source::Transfer { payout_id: Some(id), .. } => id.parse::<PayoutId>().ok(),
        _ => None,
    });
    let ids: BTreeSet<PayoutId> = named.collect();
    let mut booked = BTreeMap::new();
    for payout in clearing::payouts(app.store(), &ids).await? {
        let (Some(transfer), Some(since)) = (payout.transfer, payout.settled_at) else { continue };
        let back = (payout.reversed != Cents::ZERO).then(|| payout.reversed.get());
        let amounts = [-payout.amount.get()].into_iter().chain(back).collect();
        booked.insert(transfer, Booked { amounts, since });
    }
    Ok(booked)
}

fn kind(reference: &str) -> Kind {
    match reference.split_once('_') {
        Some(("pi", _)) => Kind::Purchase,
        Some(("du" | "dp", _)) => Kind::Dispute,
        Some(("tr", _)) => Kind::WorkerPayout,
        _ => Kind::Refund,
    }
}

/// Asks the provider after what is booked in the payout's time and is not in it. Returns how much of it the provider
/// knows, and how much was not asked after; the rest are residues.
async fn ask(
    account: &Account,
    transactions: &[BalanceTransaction],
    booked: &BTreeMap<String, Booked>,
    residues: &mut Vec<Residue>,
) -> Result<(usize, usize), ApiError> {
    let there: BTreeSet<&str> = transactions.iter().map(|one| one.source.reference()).collect();
    let here = booked.iter().filter(|(name, of)| !there.contains(name.as_str()) && of.total() != 0);
    let (mut elsewhere, mut not_asked) = (0, 0);
    for (place, (reference, of)) in here.enumerate() {
        if place >= MOST_ASKED {
            not_asked += 1;
        } else if account.amount_of(reference).await.map_err(|error| failed(&error))? != 0 {
            elsewhere += 1;
        } else {
            residues.push(Residue {
                reason: Reason::MissingThere,
                kind: kind(reference),
                reference: reference.clone(),
                transactions: Vec::new(),
                amount: 0,
                booked: of.total(),
                since: of.since,
            });
        }
    }
    Ok((elsewhere, not_asked))
}

fn view(
    (payout, environment): (BankPayout, Environment),
    transactions: &[BalanceTransaction],
    result: Matching,
    (elsewhere_count, not_asked_count): (usize, usize),
) -> BankPayoutView {
    let paid: i64 = transactions.iter().map(|one| one.amount - one.fee).sum();
    let matched = result.matched.iter();
    BankPayoutView {
        object: "bank_payout",
        id: payout.id,
        environment,
        status: payout.status,
        arrives_at: payout.arrival,
        currency: "usd",
        amount_cents: payout.amount,
        transaction_count: transactions.len(),
        matched_cents: matched.clone().map(|(_kind, (_count, amount))| amount).sum(),
        matched: matched
            .map(|(kind, (count, amount))| MatchView {
                kind: *kind,
                transaction_count: *count,
                amount_cents: *amount,
            })
            .collect(),
        fees_cents: result.fees,
        residues_cents: result.residues.iter().map(|residue| residue.amount).sum(),
        residues: result.residues.into_iter().map(ResidueView::from).collect(),
        unexplained_cents: payout.amount - paid,
        elsewhere_count,
        not_asked_count,
    }
}

/// `GET /internal/operator/bank_payouts/{id}`
#[utoipa::path(
    get,
    path = "/internal/operator/bank_payouts/{id}",
    operation_id = "get_bank_payout",
    tag = "operator",
    summary = "Match what the payment provider paid out with the books",
    description = "Asks the provider for a payout into our bank account and for the transactions that make it, and matches each with the purchase, refund, dispute or payout to a worker that is booked under its name. What is not matched is named.",
    params(BankPayoutQuery, ("id" = schema::BankPayoutId, Path, description = "The provider's id of the payout")),
    responses((status = 200, description = "The match", body = BankPayoutView)),
    security(("operator_token" = [])),
    extensions(("x-error-codes" = json!(["payments_unavailable", "payments_failed"]))),
)]
pub(super) async fn bank_payout(
    State(app): State<AppState>,
    _operator: Operator,
    Id(id): Id<BankPayoutId>,
    ListQuery(query): ListQuery<BankPayoutQuery>,
) -> Result<Json<BankPayoutView>, ApiError> {
    let environment = query.environment.unwrap_or(Environment::Live);
    let account = app.payments.of(environment).ok_or(ApiError::PaymentsUnavailable)?;
    let payout = account.bank_payout(&id.0).await.map_err(|error| failed(&error))?;
    let payout = payout.ok_or(ApiError::NotFound("bank payout"))?;
    let transactions = account.balance_transactions(&id.0).await.map_err(|error| failed(&error))?;
    let begins = begins(account, &transactions).await?;
    // After the provider was asked: what it had by then, and we had booked, is in the read models.
    app.must_catch_up_all().await?;
    let booked = booked(&app, environment, (&transactions, begins)).await?;
    let mut result = matching(&transactions, &booked);
    let rest = ask(account, &transactions, &booked, &mut result.residues).await?;
    let view = view((payout, environment), &transactions, result, rest);
    if view.unexplained_cents != 0 {
        let unexplained_cents = view.unexplained_cents;
        tracing::error!(payout = %view.id, unexplained_cents, "a bank payout does not add up");
    }
    Ok(Json(view))
}
