//! Deferred revenue and breakage: `GET /internal/operator/deferred_revenue`.

use super::ReportQuery;
use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{ListQuery, Operator};
use crate::openapi::schema;
use crate::views::AmountsView;
use axum::Json;
use axum::extract::State;
use firsthand_domain::Environment;
use firsthand_projections::finance::Scope;
use firsthand_projections::finance::deferred_revenue::{self as report, Unspent, UnspentRow};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Adds up rows.
fn sum<'a>(rows: impl Iterator<Item = &'a UnspentRow>) -> Unspent {
    rows.fold(Unspent::default(), |sum, row| Unspent {
        available_cents: sum.available_cents.saturating_add(row.unspent.available_cents),
        held_cents: sum.held_cents.saturating_add(row.unspent.held_cents),
    })
}

fn amounts(unspent: Unspent) -> AmountsView {
    AmountsView::new(unspent.available_cents, unspent.held_cents)
}

/// Unspent credits by origin and by month of expiry, and breakage by the month of its booking.
#[utoipa::path(
    get,
    path = "/internal/operator/deferred_revenue",
    operation_id = "get_deferred_revenue",
    tag = "operator",
    summary = "Show deferred revenue and breakage",
    description = "Unspent credits by origin and by month of expiry, and breakage by the month of its booking.",
    params(ReportQuery),
    responses((status = 200, description = "The report", body = schema::DeferredRevenue)),
    security(("operator_token" = [])),
)]
pub(super) async fn deferred_revenue(
    State(app): State<AppState>,
    _operator: Operator,
    ListQuery(query): ListQuery<ReportQuery>,
) -> Result<Json<Value>, ApiError> {
    let scope = query.scope()?.unwrap_or(Scope::Environment(Environment::Live));
    let as_of = query.as_of(&app).await?;
    app.must_catch_up_all().await?;
    let as_of = match as_of {
        Some(as_of) => as_of,
        None => query.now(&app).await?,
    };
    let found = report::deferred_revenue(app.store(), scope, as_of.micros()).await?;
    let total = sum(found.unspent.iter());
    let (available, held) = (
        total.available_cents.saturating_sub(found.journal.available_cents),
        total.held_cents.saturating_sub(found.journal.held_cents),
    );
    if (available, held) != (0, 0) {
        tracing::error!(available, held, "lots and journal disagree on what is unspent");
    }
    Ok(Json(json!({
        "object": "deferred_revenue",
        "as_of": as_of,
        "paid": amounts(sum(found.unspent.iter().filter(|row| row.paid))),
        "promotional": amounts(sum(found.unspent.iter().filter(|row| !row.paid))),
        "total": amounts(total),
        "journal": amounts(found.journal),
        "by_origin": by_origin(&found.unspent),
        "expected_breakage": expected_breakage(&found.unspent),
        "breakage": months(&found.breakage),
    })))
}

/// Unspent credits of each origin.
fn by_origin(rows: &[UnspentRow]) -> Vec<Value> {
    let mut origins: BTreeMap<&str, Vec<&UnspentRow>> = BTreeMap::new();
    for row in rows {
        origins.entry(row.origin.as_str()).or_default().push(row);
    }
    let view = |(origin, rows): (&str, Vec<&UnspentRow>)| {
        let paid = rows.iter().any(|row| row.paid);
        json!({"origin": origin, "paid": paid, "unspent": amounts(sum(rows.into_iter()))})
    };
    origins.into_iter().map(view).collect()
}

/// What will have expired by the end of each month to come if nothing more is spent: only what is
/// available expires.
fn expected_breakage(rows: &[UnspentRow]) -> Vec<Value> {
    let mut expected: BTreeMap<&str, Vec<&UnspentRow>> = BTreeMap::new();
    for row in rows {
        if let Some(month) = &row.expiry_month {
            expected.entry(month).or_default().push(row);
        }
    }
    let available = |rows: &[&UnspentRow], paid: bool| {
        sum(rows.iter().copied().filter(|row| row.paid == paid)).available_cents
    };
    let view = |(month, rows): (&str, Vec<&UnspentRow>)| {
        json!({
            "month": month,
            "paid_cents": available(&rows, true),
            "promotional_cents": available(&rows, false),
        })
    };
    expected.into_iter().map(view).collect()
}

fn months(amounts: &BTreeMap<String, i64>) -> Vec<Value> {
    amounts.iter().map(|(month, amount)| json!({"month": month, "amount_cents": amount})).collect()
}
