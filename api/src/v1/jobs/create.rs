//! `POST /v1/jobs`

use super::parse::{CreateJobRequest, Defaults};
use crate::app::AppState;
use crate::command::{Call, refuse_or_replay};
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::extract::{Can, JobsWrite, JsonBody, Keyed};
use crate::views::job_view;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use firsthand_domain::ids::{JobId, OrganizationId};
use firsthand_domain::jobs::CreateJob;
use firsthand_domain::{Book, Environment, State as StreamState, StreamId};
use firsthand_projections::states;
use std::sync::Arc;

/// `POST /v1/jobs`: the whole price is held from the book's credits.
pub(crate) async fn create(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    buyer: Can<JobsWrite>,
    keyed: Keyed,
    JsonBody(request): JsonBody<CreateJobRequest>,
) -> Result<Response, ApiError> {
    let keyed = keyed.required()?;
    let book = buyer.book();
    let key = keyed.key(&book.to_string(), &request);
    let defaults = if request.needs_defaults() {
        defaults(&app, buyer.organization_id).await?
    } else {
        Defaults::default()
    };
    let input = match request.parse(defaults, app.now()) {
        Ok(input) => input,
        Err(refusal) => {
            return refuse_or_replay(&app, book.stream(), key.as_ref(), refusal).await;
        }
    };
    let job_id = JobId::in_slot(app.mint(), buyer.organization_id.slot());
    let call = Call {
        command: CreateJob { book, job_id, input },
        stream: StreamId::Job(job_id),
        actor: buyer.actor(),
        key,
    };
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
