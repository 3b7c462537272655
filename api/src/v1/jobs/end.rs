//! `POST /v1/jobs/{id}/cancel` and `/rate`

use crate::app::AppState;
use crate::command::Call;
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::extract::{Can, Id, JobsWrite, JsonBody, Keyed};
use crate::openapi::{KeyOptional, KeyRequired, schema};
use crate::views::{JobView, job_view};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use firsthand_domain::StreamId;
use firsthand_domain::ids::JobId;
use firsthand_domain::jobs::{CancelJob, RateJob};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// The longest feedback in characters.
const LONGEST_FEEDBACK: usize = 2_000;

/// `POST /v1/jobs/{id}/cancel`: repeating it succeeds, since the published client may.
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/cancel",
    operation_id = "cancel_job",
    tag = "jobs",
    summary = "Cancel a job",
    description = "Gives back what is held and not spent. Approved files stay. Repeating it succeeds.",
    params(KeyOptional, ("id" = schema::JobId, Path, description = "The job")),
    responses((status = 200, description = "The job", body = JobView<'static>)),
    security(("buyer_key" = ["jobs:write"])),
    extensions(("x-error-codes" = json!(["job_not_active"]))),
)]
pub(crate) async fn cancel(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    buyer: Can<JobsWrite>,
    keyed: Keyed,
    Id(job_id): Id<JobId>,
) -> Result<Response, ApiError> {
    let book = buyer.book();
    let call = Call {
        command: CancelJob { book, job_id },
        stream: StreamId::Job(job_id),
        actor: buyer.actor(),
        key: keyed.key(&book.to_string(), &()),
    };
    same_part(&app, &buyer, job_id)?;
    call.answer(&app, &context, StatusCode::OK, move |view| job_view(view, job_id)).await
}

/// A job whose id lies in another part can't be this organization's.
fn same_part(app: &AppState, buyer: &Can<JobsWrite>, job: JobId) -> Result<(), ApiError> {
    let store = app.store();
    if store.part_of(StreamId::Job(job)) == store.part_of_book(buyer.book()) {
        Ok(())
    } else {
        Err(ApiError::NotFound("job"))
    }
}

/// A rating.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = RateJob)]
pub(crate) struct RateRequest {
    #[schema(value_type = schema::Stars)]
    rating: i64,
    #[schema(max_length = 2000, example = "Great quality")]
    feedback: Option<String>,
}

/// `POST /v1/jobs/{id}/rate`: once, and only a completed job.
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/rate",
    operation_id = "rate_job",
    tag = "jobs",
    summary = "Rate a completed job",
    description = "Once, and only a completed job.",
    params(KeyRequired, ("id" = schema::JobId, Path, description = "The job")),
    request_body = RateRequest,
    responses((status = 200, description = "The job", body = JobView<'static>)),
    security(("buyer_key" = ["jobs:write"])),
    extensions(("x-error-codes" = json!(["not_completed", "already_rated"]))),
)]
pub(crate) async fn rate(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    buyer: Can<JobsWrite>,
    keyed: Keyed,
    Id(job_id): Id<JobId>,
    JsonBody(request): JsonBody<RateRequest>,
) -> Result<Response, ApiError> {
    let keyed = keyed.required()?;
    let rating = u8::try_from(request.rating)
        .ok()
        .filter(|rating| (1..=5).contains(rating))
        .ok_or_else(|| ApiError::field("rating", "must be 1 to 5"))?;
    if request.feedback.as_ref().is_some_and(|text| text.chars().count() > LONGEST_FEEDBACK) {
        let message = format!("must have at most {LONGEST_FEEDBACK} characters");
        return Err(ApiError::field("feedback", message));
    }
    same_part(&app, &buyer, job_id)?;
    let book = buyer.book();
    let key = keyed.key(&book.to_string(), &request);
    let call = Call {
        command: RateJob { book, job_id, rating, feedback: request.feedback },
        stream: StreamId::Job(job_id),
        actor: buyer.actor(),
        key,
    };
    call.answer(&app, &context, StatusCode::OK, move |view| job_view(view, job_id)).await
}
