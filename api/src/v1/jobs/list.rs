//! `GET /v1/jobs`

use crate::app::AppState;
use crate::command::to_json;
use crate::error::ApiError;
use crate::extract::{Can, JobsRead, PageParams, PageQuery, after_instant_or_day};
use crate::openapi::schema;
use crate::views::{JobView, ListView};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use firsthand_domain::ids::JobId;
use firsthand_projections::Page;
use firsthand_projections::states::{self, JobFilter};
use serde::Deserialize;

/// Query parameters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct JobsQuery {
    #[param(value_type = schema::JobStatusFilter, required = false)]
    status: Option<String>,
    #[serde(rename = "type")]
    #[param(value_type = schema::JobType, required = false)]
    job_type: Option<String>,
    #[param(value_type = schema::DayOrInstant, required = false)]
    created_after: Option<String>,
}

/// Reads a status filter; `active` means every status that can still take files (spec section 4).
fn statuses(status: Option<&str>) -> Result<Vec<String>, ApiError> {
    const KNOWN: [&str; 5] = ["open", "filled", "in_progress", "completed", "cancelled"];
    match status {
        None => Ok(Vec::new()),
        Some("active") => Ok(KNOWN.iter().take(3).map(ToString::to_string).collect()),
        Some(status) if KNOWN.contains(&status) => Ok(vec![status.to_owned()]),
        Some(_) => {
            let message = format!("must be one of {}, active", KNOWN.join(", "));
            Err(ApiError::field("status", message))
        }
    }
}

/// `GET /v1/jobs`
#[utoipa::path(
    get,
    path = "/v1/jobs",
    operation_id = "list_jobs",
    tag = "jobs",
    summary = "List jobs",
    description = "Newest first.",
    params(JobsQuery, PageParams),
    responses((status = 200, description = "A page of jobs", body = ListView<JobView<'static>>)),
    security(("buyer_key" = ["jobs:read"])),
)]
pub(crate) async fn list(
    State(app): State<AppState>,
    buyer: Can<JobsRead>,
    PageQuery(query, paging): PageQuery<JobsQuery>,
) -> Result<Response, ApiError> {
    let job_type = match query.job_type.as_deref() {
        None => None,
        Some("data_collection") => Some("data_collection"),
        Some("feedback") => Some("feedback"),
        Some(_) => {
            return Err(ApiError::field("type", "must be data_collection or feedback"));
        }
    };
    let created_after = match &query.created_after {
        None => None,
        Some(text) => Some(after_instant_or_day("created_after", text)?.micros()),
    };
    let filter =
        JobFilter { statuses: statuses(query.status.as_deref())?, job_type, created_after };
    let book = buyer.book();
    let page = states::jobs(app.store(), book, &filter, &paging.by_id::<JobId>()?).await?;
    let last = page.items.last().map(|last| last.id.to_string()).unwrap_or_default();
    let items = page.items.iter().map(|found| JobView::new(found.id, &found.job, found.uploaded));
    let page = Page { items: items.collect(), has_more: page.has_more };
    let view = paging.list(page, |_| last);
    Ok(([(header::CONTENT_TYPE, "application/json")], to_json(&view)).into_response())
}
