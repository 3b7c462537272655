//! Balances and credit transactions (spec section 7).

use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{
    BillingRead, Can, ListQuery, PageParams, PageQuery, after_instant_or_day,
    before_instant_or_day, past,
};
use crate::openapi::schema;
use crate::views::{BalanceView, ListView, TransactionView, transaction_position};
use axum::Json;
use axum::extract::State;
use firsthand_domain::credits::CreditAccount;
use firsthand_domain::ids::JobId;
use firsthand_domain::organizations::AutoTopUp;
use firsthand_domain::{State as StreamState, StreamId, Timestamp};
use firsthand_projections::credit_transactions::{self, Filter};
use firsthand_projections::finance::balances;
use firsthand_projections::states;
use serde::Deserialize;

/// Query parameters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BalanceQuery {
    /// What was booked by then; now by default.
    #[param(value_type = schema::Instant, required = false)]
    as_of: Option<String>,
}

/// `GET /v1/billing/credits`: the balance now, or what was booked by an instant.
#[utoipa::path(
    get,
    path = "/v1/billing/credits",
    operation_id = "get_credits",
    tag = "billing",
    summary = "Show the balance",
    description = "Of the key's environment: now, or at an instant that is over.",
    params(BalanceQuery),
    responses((status = 200, description = "The balance", body = BalanceView)),
    security(("buyer_key" = ["usage:read"])),
)]
pub(crate) async fn credits(
    State(app): State<AppState>,
    buyer: Can<BillingRead>,
    ListQuery(query): ListQuery<BalanceQuery>,
) -> Result<Json<BalanceView>, ApiError> {
    let now = app.time_of(buyer.book()).await?;
    if let Some(text) = &query.as_of {
        let as_of = past(now, "as_of", text)?;
        app.must_catch_up(buyer.book()).await?;
        let balance = balances::at(app.store(), buyer.book(), as_of.micros()).await?;
        return Ok(Json(BalanceView::as_of(as_of, balance, buyer.environment)));
    }
    // From its row: what is in memory is renewed a moment after the commit, and whoever has seen a
    // purchase paid must see its credits too.
    let found = states::get(app.store(), buyer.book(), buyer.book().stream()).await?;
    let account = match found.map(|found| found.state) {
        Some(StreamState::Credits(account)) => *account,
        _ => CreditAccount::default(),
    };
    let organization = app.ledger.current(StreamId::Organization(buyer.organization_id)).await?;
    let rule = match &*organization {
        StreamState::Organization(organization) => organization.settings.auto_top_up,
        _ => AutoTopUp::default(),
    };
    Ok(Json(BalanceView::new(&account, rule, buyer.environment, now)))
}

/// Query parameters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TransactionsQuery {
    #[serde(rename = "type")]
    #[param(value_type = schema::TransactionTypeFilter, required = false)]
    transaction_type: Option<String>,
    #[param(value_type = schema::JobId, required = false)]
    job_id: Option<String>,
    #[param(value_type = schema::DayOrInstant, required = false)]
    created_after: Option<String>,
    #[param(value_type = schema::DayOrInstant, required = false)]
    /// A day counts to its end, in UTC.
    created_before: Option<String>,
}

/// Reads a type; the names of the first generation are aliases (spec section 17 row 8).
fn transaction_type(name: &str) -> Result<&str, ApiError> {
    match name {
        "deposit" => Ok("purchase"),
        "payout" => Ok("deduction"),
        "release" => Ok("refund"),
        "purchase" | "deduction" | "free_tier" | "bonus" | "expiration" | "refund" | "hold"
        | "adjustment" | "chargeback" => Ok(name),
        _ => Err(ApiError::field(
            "type",
            "must be purchase, deduction, free_tier, bonus, expiration, refund, hold, adjustment or chargeback",
        )),
    }
}

/// `GET /v1/billing/transactions`
#[utoipa::path(
    get,
    path = "/v1/billing/transactions",
    operation_id = "list_transactions",
    tag = "billing",
    summary = "List credit transactions",
    description = "Newest first, with the balance after each.",
    params(TransactionsQuery, PageParams),
    responses((status = 200, description = "A page of transactions", body = ListView<TransactionView>)),
    security(("buyer_key" = ["usage:read"])),
)]
pub(crate) async fn transactions(
    State(app): State<AppState>,
    buyer: Can<BillingRead>,
    PageQuery(query, paging): PageQuery<TransactionsQuery>,
) -> Result<Json<ListView<TransactionView>>, ApiError> {
    let book = buyer.book();
    let (before, limit) = paging.by_name(transaction_position)?;
    let wanted = query.transaction_type.as_deref().map(transaction_type).transpose()?;
    let after = query.created_after.as_deref();
    let after = after.map(|text| after_instant_or_day("created_after", text)).transpose()?;
    let ends = query.created_before.as_deref();
    let ends = ends.map(|text| before_instant_or_day("created_before", text)).transpose()?;
    if let Some(job) = &query.job_id {
        job.parse::<JobId>().map_err(|_invalid| ApiError::field("job_id", "must be a job's id"))?;
    }
    let filter = Filter {
        transaction_type: wanted.map(ToOwned::to_owned),
        job_id: query.job_id,
        created_after: after.map(Timestamp::micros),
        created_before: ends.map(Timestamp::micros),
        before,
    };
    app.catch_up(book).await;
    let page = credit_transactions::list(app.store(), book, &filter, limit).await?;
    let page = page.map(|row| TransactionView::new(row, buyer.environment));
    Ok(Json(paging.list(page, |last| last.id.clone())))
}
