//! Escrow ageing: `GET /internal/operator/escrow_ageing`.

use super::ReportQuery;
use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{ListQuery, Operator, limit};
use crate::openapi::schema;
use axum::Json;
use axum::extract::State;
use firsthand_domain::{Cents, Environment, Timestamp};
use firsthand_projections::finance::{Scope, escrow_ageing as report};
use serde::Deserialize;
use serde_json::{Value, json};

/// How many jobs are shown.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OldestQuery {
    limit: Option<String>,
}

/// What jobs hold by how long they have held it, with the jobs that have held it longest.
#[utoipa::path(
    get,
    path = "/internal/operator/escrow_ageing",
    operation_id = "get_escrow_ageing",
    tag = "operator",
    summary = "Show what jobs hold, by age",
    description = "With the jobs that have held it longest.",
    params(ReportQuery, OldestQuery),
    responses((status = 200, description = "The ages", body = schema::EscrowAgeing)),
    security(("operator_token" = [])),
)]
pub(super) async fn escrow_ageing(
    State(app): State<AppState>,
    _operator: Operator,
    ListQuery(query): ListQuery<ReportQuery>,
    ListQuery(oldest): ListQuery<OldestQuery>,
) -> Result<Json<Value>, ApiError> {
    let scope = query.scope()?.unwrap_or(Scope::Environment(Environment::Live));
    let as_of = query.as_of(&app).await?;
    let most = limit(oldest.limit.as_deref())?;
    app.must_catch_up_all().await?;
    let as_of = match as_of {
        Some(as_of) => as_of,
        None => query.now(&app).await?,
    };
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let ageing = report::escrow_ageing(app.store(), scope, as_of.micros(), most).await?;
    let jobs: Vec<Value> = ageing
        .oldest
        .iter()
        .map(|held| {
            json!({
                "job_id": held.job_id,
                "book": held.book,
                "held_cents": held.held_cents,
                "held_since": Timestamp::from_micros(held.since),
                "age": held.bucket,
            })
        })
        .collect();
    let held: Cents = ageing.buckets.iter().map(|bucket| Cents::new(bucket.held_cents)).sum();
    Ok(Json(json!({
        "object": "escrow_ageing",
        "as_of": as_of,
        "held_cents": held,
        "buckets": ageing.buckets,
        "jobs": jobs,
        "has_more": ageing.has_more,
    })))
}
