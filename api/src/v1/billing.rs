//! Balances and credit transactions (spec section 7).

use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{BillingRead, Can, ListQuery, Paging, bad_cursor};
use crate::views::{BalanceView, ListView, TransactionView, transaction_position};
use axum::Json;
use axum::extract::State;
use firsthand_domain::State as StreamState;
use firsthand_domain::ids::JobId;
use firsthand_projections::credit_transactions;
use serde::Deserialize;

/// `GET /v1/billing/credits`
pub(crate) async fn credits(
    State(app): State<AppState>,
    buyer: Can<BillingRead>,
) -> Result<Json<BalanceView>, ApiError> {
    let state = app.ledger.current(buyer.book().stream()).await?;
    match &*state {
        StreamState::Credits(account) => {
            Ok(Json(BalanceView::new(account, buyer.environment, app.now())))
        }
        _ => Err(ApiError::Internal("a credit account's row holds none".to_owned())),
    }
}

/// Query parameters.
#[derive(Debug, Deserialize)]
pub(crate) struct TransactionsQuery {
    #[serde(rename = "type")]
    transaction_type: Option<String>,
    job_id: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
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
pub(crate) async fn transactions(
    State(app): State<AppState>,
    buyer: Can<BillingRead>,
    ListQuery(query): ListQuery<TransactionsQuery>,
) -> Result<Json<ListView<TransactionView>>, ApiError> {
    let book = buyer.book();
    let paging = Paging { limit: query.limit, cursor: query.cursor };
    let limit = paging.limit()?;
    let after = match &paging.cursor {
        None => None,
        Some(text) => Some(transaction_position(text).ok_or_else(bad_cursor)?),
    };
    let wanted = query.transaction_type.as_deref().map(transaction_type).transpose()?;
    if let Some(job) = &query.job_id {
        job.parse::<JobId>().map_err(|_invalid| ApiError::field("job_id", "must be a job's id"))?;
    }
    app.catch_up(book).await;
    let page =
        credit_transactions::list(app.store(), book, wanted, query.job_id.as_deref(), after, limit)
            .await?;
    let page = page.map(|row| TransactionView::new(row, buyer.environment));
    Ok(Json(ListView::new(page, |last| last.id.clone())))
}
