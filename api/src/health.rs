//! Health, metrics, and answers to what does not exist.

use crate::app::AppState;
use crate::error::ApiError;
use crate::openapi::schema;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use firsthand_eventstore::{schema_version, tasks};
use firsthand_projections::{CURSOR, FEED_CURSOR, projector};
use serde_json::{Value, json};

/// The process runs.
#[utoipa::path(
    get,
    path = "/livez",
    operation_id = "get_liveness",
    tag = "health",
    summary = "Say whether the process runs",
    description = "Touches nothing else.",
    responses((status = 200, description = "It runs", body = String, content_type = "text/plain", example = "ok")),
    security(()),
)]
pub(crate) async fn livez() -> &'static str {
    "ok"
}

/// The service can serve: database, migrations, and how far the projections are behind.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "get_readiness",
    tag = "health",
    summary = "Say whether the service can serve",
    description = "Database, migrations, and how far the projections are behind.",
    responses((status = 200, description = "It can", body = schema::Readiness), (status = 503, description = "It can't", body = schema::Readiness)),
    security(()),
)]
pub(crate) async fn readyz(State(app): State<AppState>) -> (StatusCode, Json<Value>) {
    if app.stopping.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "stopping"})));
    }
    let (version, projections, reactors, feed) = tokio::join!(
        schema_version(app.store()),
        projector::lag(app.store(), CURSOR),
        projector::lag(app.store(), "reactors"),
        projector::lag(app.store(), FEED_CURSOR),
    );
    let (Ok(version), Ok(projections), Ok(reactors), Ok(feed)) =
        (version, projections, reactors, feed)
    else {
        let body = json!({"status": "unavailable", "database": "unreachable"});
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body));
    };
    let (code, status) = if version.is_sufficient() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    };
    let body = json!({
        "status": status,
        "database": "ok",
        "migrations": {"applied": version.applied, "wanted": version.wanted},
        "lag_events": {"projections": projections, "reactors": reactors, "feed": feed},
    });
    (code, Json(body))
}

/// Figures in Prometheus' text form.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "get_metrics",
    tag = "health",
    summary = "Show figures",
    description = "In Prometheus' text form.",
    responses((status = 200, description = "The figures", body = String, content_type = "text/plain", example = "firsthand_events_total 42")),
    security(()),
)]
pub(crate) async fn metrics(State(app): State<AppState>) -> Result<String, ApiError> {
    let counts = tasks::counts(app.store()).await?;
    let lag = projector::lag(app.store(), CURSOR).await?;
    let heads = firsthand_eventstore::read::heads(app.store()).await?;
    let events: i64 = heads.iter().map(|(_, head)| head).sum();
    Ok(format!(
        "# HELP firsthand_events_total Events in the log.\n\
         # TYPE firsthand_events_total counter\n\
         firsthand_events_total {events}\n\
         # HELP firsthand_projection_lag_events Events that the read models do not hold yet.\n\
         # TYPE firsthand_projection_lag_events gauge\n\
         firsthand_projection_lag_events {lag}\n\
         # HELP firsthand_tasks Tasks that are owed, by state.\n\
         # TYPE firsthand_tasks gauge\n\
         firsthand_tasks{{state=\"waiting\"}} {}\n\
         firsthand_tasks{{state=\"dead\"}} {}\n",
        counts.waiting, counts.dead
    ))
}

/// Answers what no route matches. The task API is announced but not built yet (spec section 15).
pub(crate) async fn no_such_route(uri: Uri) -> ApiError {
    let hint = uri.path().starts_with("/v1/tasks").then_some(
        "the task API comes after the job API; post a job of type feedback at /v1/jobs instead",
    );
    ApiError::NoSuchRoute(hint)
}

/// Answers a method that a route does not take.
pub(crate) async fn no_such_method() -> ApiError {
    ApiError::NoSuchMethod
}
