//! `POST /v1/jobs`

use super::parse::{CreateJobRequest, Defaults};
use super::quote::quote;
use crate::app::AppState;
use crate::command::{Call, refuse_or_replay};
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::extract::{Can, JobsWrite, JsonBody, Keyed, ListQuery};
use crate::openapi::KeyUnlessDry;
use crate::views::{JobView, job_view};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use firsthand_domain::ids::{JobId, OrganizationId};
use firsthand_domain::jobs::CreateJob;
use firsthand_domain::{Book, Environment, State as StreamState, StreamId};
use firsthand_projections::states;
use serde::Deserialize;
use std::sync::Arc;

/// Query parameters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CreateQuery {
    #[param(required = false)]
    /// Only say what would happen.
    dry_run: Option<bool>,
}

/// `POST /v1/jobs`: the whole price is held from the book's credits.
#[utoipa::path(
    post,
    path = "/v1/jobs",
    operation_id = "create_job",
    tag = "jobs",
    summary = "Create a job",
    description = "Holds the whole price, `files_needed` times `price_per_file_cents`, from the credits of the key's environment. Needs an `Idempotency-Key`; without one it is a 400, `idempotency_key_missing`. With `dry_run=true` nothing is created and no `Idempotency-Key` is needed: the answer is a quote.",
    params(KeyUnlessDry, CreateQuery),
    request_body = CreateJobRequest,
    responses(
        (status = 200, description = "With `dry_run`: what it would cost, and whether it would be created", body = super::quote::QuoteView),
        (status = 201, description = "The job", body = JobView<'static>),
    ),
    security(("buyer_key" = ["jobs:write"])),
    extensions(("x-error-codes" = json!(["pricing_violation", "amount_out_of_range", "insufficient_credits", "free_tier_job_limit"]))),
)]
pub(crate) async fn create(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    buyer: Can<JobsWrite>,
    keyed: Keyed,
    ListQuery(query): ListQuery<CreateQuery>,
    JsonBody(request): JsonBody<CreateJobRequest>,
) -> Result<Response, ApiError> {
    let dry_run = query.dry_run.unwrap_or(false);
    let book = buyer.book();
    // Nothing is written in a dry run, so there is nothing to repeat.
    let key = if dry_run { None } else { keyed.required()?.key(&book.to_string(), &request) };
    let defaults = if request.needs_defaults() {
        defaults(&app, buyer.organization_id).await?
    } else {
        Defaults::default()
    };
    let input = match request.parse(defaults, app.time_of(book).await?) {
        Ok(input) => input,
        Err(refusal) => {
            return refuse_or_replay(&app, book.stream(), key.as_ref(), refusal).await;
        }
    };
    let job_id = JobId::in_slot(app.mint(), buyer.organization_id.slot());
    let command = CreateJob { book, job_id, input };
    if dry_run {
        return quote(&app, &context, &command).await;
    }
    let call = Call { command, stream: StreamId::Job(job_id), actor: buyer.actor(), key };
    call.answer(&app, &context, StatusCode::CREATED, move |view| job_view(view, job_id)).await
}

async fn defaults(app: &AppState, organization: OrganizationId) -> Result<Defaults, ApiError> {
    let live = Book::Organization(organization, Environment::Live);
    let found = states::get(app.store(), live, StreamId::Organization(organization)).await?;
    Ok(match found.map(|found| found.state) {
        Some(StreamState::Organization(organization)) => Defaults {
            job_type: organization.settings.default_type,
            price: organization.settings.default_price_per_file_cents,
        },
        _ => Defaults::default(),
    })
}
