//! Trial balance: `GET /internal/operator/trial_balance`.

use super::ReportQuery;
use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{ListQuery, Operator};
use crate::openapi::schema;
use axum::Json;
use axum::extract::State;
use firsthand_domain::{Cents, Timestamp};
use firsthand_projections::finance::{Scope, trial_balance as report};
use serde_json::{Value, json};

/// Every kind of account over all books, those of an environment or one. The sum is zero.
#[utoipa::path(
    get,
    path = "/internal/operator/trial_balance",
    operation_id = "get_trial_balance",
    tag = "operator",
    summary = "Show the trial balance",
    description = "Every kind of account over all books, those of an environment, or one. The sum is zero.",
    params(ReportQuery),
    responses((status = 200, description = "The accounts", body = schema::TrialBalance)),
    security(("operator_token" = [])),
)]
pub(super) async fn trial_balance(
    State(app): State<AppState>,
    _operator: Operator,
    ListQuery(query): ListQuery<ReportQuery>,
) -> Result<Json<Value>, ApiError> {
    let scope = query.scope()?.unwrap_or(Scope::All);
    let as_of = query.as_of(&app).await?;
    app.must_catch_up_all().await?;
    let rows = report::trial_balance(app.store(), scope, as_of.map(Timestamp::micros)).await?;
    let sum: Cents = rows.iter().map(|row| Cents::new(row.balance_cents)).sum();
    if sum != Cents::ZERO {
        tracing::error!(sum_cents = sum.get(), "the trial balance is not zero");
    }
    Ok(Json(json!({
        "object": "trial_balance",
        "book": query.book,
        "environment": query.environment,
        "as_of": as_of,
        "accounts": rows,
        "sum_cents": sum,
    })))
}
