//! The audit trail (spec section 12).

use super::jobs::get::read as read_job;
use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{AuditOrJobsRead, AuditRead, Can, Id, PageParams, PageQuery, Paging};
use crate::openapi::schema;
use crate::views::{AuditEventView, ListView, audit_position};
use axum::Json;
use axum::extract::State;
use firsthand_domain::Environment;
use firsthand_domain::ids::JobId;
use firsthand_domain::{Book, Event};
use firsthand_projections::audit_events::{self, Filter};
use serde::Deserialize;

/// Query parameters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    #[param(value_type = schema::JobId, required = false)]
    job_id: Option<String>,
    #[param(value_type = schema::AuditEventType, required = false)]
    event_type: Option<String>,
}

async fn page(
    app: &AppState,
    book: Book,
    environment: Environment,
    query: AuditQuery,
    paging: &Paging,
) -> Result<Json<ListView<AuditEventView>>, ApiError> {
    let (before, limit) = paging.by_name(audit_position)?;
    if let Some(job) = &query.job_id {
        job.parse::<JobId>().map_err(|_invalid| ApiError::field("job_id", "must be a job's id"))?;
    }
    if let Some(name) = &query.event_type
        && !Event::names().contains(&name.as_str())
    {
        return Err(ApiError::field("event_type", "is not the name of an event"));
    }
    let filter = Filter { job_id: query.job_id, event_type: query.event_type, before };
    app.catch_up(book).await;
    let page = audit_events::list(app.store(), book, &filter, limit).await?;
    let page = page.map(|row| AuditEventView::new(&app.secrets, book, environment, &row));
    Ok(Json(paging.list(page, |last| last.id.clone())))
}

/// `GET /v1/audit-events`
#[utoipa::path(
    get,
    path = "/v1/audit-events",
    operation_id = "list_audit_events",
    tag = "audit",
    summary = "List the audit trail",
    description = "Newest first: every event of the key's environment, with who did it and its leaf hash in the book's log, an RFC 6962 tree. Proofs are not served yet.",
    params(AuditQuery, PageParams),
    responses((status = 200, description = "A page of audit events", body = ListView<AuditEventView>)),
    security(("buyer_key" = ["audit:read"])),
)]
pub(crate) async fn list(
    State(app): State<AppState>,
    buyer: Can<AuditRead>,
    PageQuery(query, paging): PageQuery<AuditQuery>,
) -> Result<Json<ListView<AuditEventView>>, ApiError> {
    page(&app, buyer.book(), buyer.environment, query, &paging).await
}

/// `GET /v1/jobs/{id}/audit`
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/audit",
    operation_id = "list_job_audit_events",
    tag = "audit",
    summary = "List the audit trail of a job",
    description = "Newest first.",
    params(("id" = schema::JobId, Path, description = "The job"), AuditQuery, PageParams),
    responses((status = 200, description = "A page of audit events", body = ListView<AuditEventView>)),
    security(("buyer_key" = ["audit:read"]), ("buyer_key" = ["jobs:read"])),
)]
pub(crate) async fn list_of_job(
    State(app): State<AppState>,
    buyer: Can<AuditOrJobsRead>,
    Id(job): Id<JobId>,
    PageQuery(query, paging): PageQuery<AuditQuery>,
) -> Result<Json<ListView<AuditEventView>>, ApiError> {
    let query = AuditQuery { job_id: Some(job.to_string()), ..query };
    let page = page(&app, buyer.book(), buyer.environment, query, &paging).await?;
    if page.is_empty() {
        // Only then may there be no such job.
        read_job(&app, buyer.book(), job).await?;
    }
    Ok(page)
}
