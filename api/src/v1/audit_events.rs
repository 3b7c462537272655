//! The audit trail (spec section 12).

use super::jobs::get::read as read_job;
use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{
    AuditOrJobsRead, AuditRead, Can, Id, PageParams, PageQuery, Paging, after_instant_or_day,
    before_instant_or_day,
};
use crate::openapi::schema;
use crate::views::{AuditEventView, ListView, audit_position};
use axum::Json;
use axum::extract::State;
use firsthand_domain::ids::{ApiKeyId, JobId, OrganizationId};
use firsthand_domain::{Book, Environment, Event, StreamId};
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
    /// What a key or the system caused, as `actor.id` names it. No worker: what buyers know workers by
    /// can't be searched for.
    #[param(value_type = schema::ActorId, required = false)]
    actor: Option<String>,
    /// What happened to one resource, as `resource.id` names it.
    #[param(value_type = schema::ResourceId, required = false)]
    resource_id: Option<String>,
    /// What was recorded after it.
    #[param(value_type = schema::Instant, required = false)]
    created_after: Option<String>,
    /// What was recorded before it.
    #[param(value_type = schema::Instant, required = false)]
    created_before: Option<String>,
}

/// The longest name of a part of the system.
const SYSTEM_LENGTH: usize = 64;

/// Says whether a text can be the name of an actor that buyers know by its own name.
fn is_actor(text: &str) -> bool {
    match text.strip_prefix("system:") {
        Some(name) => {
            (1..=SYSTEM_LENGTH).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        }
        None => text.parse::<ApiKeyId>().is_ok() || text.parse::<OrganizationId>().is_ok(),
    }
}

/// The positions of a window of time, both exclusive.
#[derive(Debug, Clone, Copy)]
struct Window {
    after: Option<i64>,
    before: Option<i64>,
}

impl AuditQuery {
    /// Checks all that can be checked without asking anybody.
    fn check(&self) -> Result<(), ApiError> {
        let refuse = |field, message| Err(ApiError::field(field, message));
        if self.job_id.as_ref().is_some_and(|job| job.parse::<JobId>().is_err()) {
            return refuse("job_id", "must be a job's id");
        }
        if self.event_type.as_ref().is_some_and(|name| !Event::names().contains(&name.as_str())) {
            return refuse("event_type", "is not the name of an event");
        }
        if self.resource_id.as_ref().is_some_and(|id| id.parse::<StreamId>().is_err()) {
            return refuse("resource_id", "must be a resource's id");
        }
        if self.actor.as_ref().is_some_and(|actor| !is_actor(actor)) {
            return refuse("actor", "must be a key's or an organization's id, or system:…");
        }
        Ok(())
    }

    /// Finds the positions of the window, by the time of the book.
    async fn window(&self, app: &AppState, book: Book) -> Result<Window, ApiError> {
        let mut window = Window { after: None, before: None };
        let (after, before) = (self.created_after.as_deref(), self.created_before.as_deref());
        let after = after.map(|text| after_instant_or_day("created_after", text)).transpose()?;
        let before =
            before.map(|text| before_instant_or_day("created_before", text)).transpose()?;
        if let Some(after) = after {
            let at = audit_events::position_at(app.store(), book, after.micros()).await?;
            window.after = Some(at);
        }
        if let Some(before) = before {
            let last = before.micros().saturating_sub(1);
            let at = audit_events::position_at(app.store(), book, last).await?;
            window.before = Some(at.saturating_add(1));
        }
        Ok(window)
    }
}

async fn page(
    app: &AppState,
    book: Book,
    environment: Environment,
    query: AuditQuery,
    paging: &Paging,
) -> Result<Json<ListView<AuditEventView>>, ApiError> {
    let (before, limit) = paging.by_name(audit_position)?;
    query.check()?;
    let window = query.window(app, book).await?;
    let filter = Filter {
        after: window.after,
        before: before.into_iter().chain(window.before).min(),
        job_id: query.job_id,
        event_type: query.event_type,
        actor: query.actor,
        stream: query.resource_id,
    };
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
    description = "Newest first: every event of the key's environment, with who did it and its leaf hash in the book's log, an RFC 6962 tree. Proofs are not served yet. Filters combine. Both ends of the time are exclusive, and a day as the end counts to its own; it is that of `recorded_at`, or of the test clock where there is one.",
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
