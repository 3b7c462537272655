//! The clock of a sandbox: make it, look at it, move it forward (docs/sandbox.md).

use crate::app::AppState;
use crate::command::{Call, to_json};
use crate::context::RequestContext;
use crate::error::{ApiError, FieldError};
use crate::extract::{Can, Demand, JobsRead, JobsWrite, JsonBody, Keyed, Wait, instant};
use crate::openapi::{KeyOptional, Prefer, schema};
use crate::views::TestClockView;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use firsthand_domain::ids::OrganizationId;
use firsthand_domain::test_clocks::{AdvanceTestClock, CreateTestClock, Forward};
use firsthand_domain::time::Span;
use firsthand_domain::{Command, Environment, Rejection, State as StreamState, StreamId, View};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// The longest wait: clients give up on an answer soon after.
const LONGEST_WAIT: Duration = Duration::from_secs(25);

static PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Refuses a live key: the time of real money is everybody's.
fn sandbox<D: Demand>(buyer: &Can<D>) -> Result<OrganizationId, ApiError> {
    match buyer.environment {
        Environment::Test => Ok(buyer.organization_id),
        Environment::Live => Err(ApiError::TestKeyNeeded),
    }
}

fn view(state: Option<&StreamState>) -> Option<TestClockView> {
    match state {
        Some(StreamState::TestClock(clock)) => TestClockView::new(clock),
        _ => None,
    }
}

/// Returns the clock, and once it stands still or the wait is over, whichever comes first.
async fn read(
    app: &AppState,
    id: OrganizationId,
    wait: Option<Duration>,
) -> Result<TestClockView, ApiError> {
    let stream = StreamId::TestClock(id);
    let until = tokio::time::Instant::now() + wait.unwrap_or_default();
    loop {
        let change = app.ledger.watch(stream);
        let notified = change.notify.notified();
        tokio::pin!(notified);
        // Registered before the state is read, so that no change is missed.
        notified.as_mut().enable();
        let state = app.ledger.current(stream).await?;
        let shown = view(Some(&state)).ok_or(ApiError::NotFound("test clock"))?;
        if shown.status == "ready" {
            return Ok(shown);
        }
        tokio::select! {
            () = &mut notified => (),
            () = tokio::time::sleep_until(until) => return Ok(shown),
            () = app.stopping.cancelled() => return Ok(shown),
        }
    }
}

fn bounded(Wait(wait): Wait) -> Option<Duration> {
    wait.filter(|wait| !wait.is_zero()).map(|wait| wait.min(LONGEST_WAIT))
}

fn answered(status: StatusCode, shown: TestClockView, wait: Option<Duration>) -> Response {
    let mut response = (status, Json(shown)).into_response();
    let applied = wait.map(|wait| HeaderValue::from_str(&format!("wait={}", wait.as_secs())));
    if let Some(Ok(applied)) = applied {
        response.headers_mut().insert(PREFERENCE_APPLIED.clone(), applied);
    }
    response
}

/// What to make.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[schema(as = CreateTestClock)]
pub(crate) struct CreateRequest {
    /// Where it is to stand; not in the past. The present by default.
    #[schema(value_type = Option<schema::Deadline>)]
    frozen_time: Option<String>,
}

/// `POST /v1/test_clock`
#[utoipa::path(
    post,
    path = "/v1/test_clock",
    operation_id = "create_test_clock",
    tag = "sandbox",
    summary = "Give the sandbox a clock",
    description = "The sandbox's time stands still from now on, for all its keys and for good, and goes forward when you advance it. With a later `frozen_time` it is made now and advanced to it.",
    params(KeyOptional, Prefer),
    request_body = CreateRequest,
    responses((status = 201, description = "The clock", body = TestClockView)),
    security(("buyer_key" = ["jobs:write"])),
    extensions(("x-error-codes" = json!(["test_key_needed", "already_exists", "clock_backwards", "clock_too_far"]))),
)]
pub(crate) async fn create(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    buyer: Can<JobsWrite>,
    keyed: Keyed,
    wait: Wait,
    JsonBody(request): JsonBody<CreateRequest>,
) -> Result<Response, ApiError> {
    let organization_id = sandbox(&buyer)?;
    let frozen_time = request.frozen_time.as_deref();
    let frozen_time = frozen_time.map(|text| instant("frozen_time", text)).transpose()?;
    let call = Call {
        command: CreateTestClock { organization_id, frozen_time },
        stream: StreamId::TestClock(organization_id),
        actor: buyer.actor(),
        key: keyed.key(&buyer.book().to_string(), &request),
    };
    run(&app, &context, call, (organization_id, StatusCode::CREATED, wait)).await
}

/// `GET /v1/test_clock`
#[utoipa::path(
    get,
    path = "/v1/test_clock",
    operation_id = "get_test_clock",
    tag = "sandbox",
    summary = "Show the sandbox's clock",
    description = "With `Prefer: wait=N` the answer comes once the clock stands still, and otherwise after N seconds (N at most 25).",
    params(Prefer),
    responses((status = 200, description = "The clock", body = TestClockView)),
    security(("buyer_key" = ["jobs:read"])),
    extensions(("x-error-codes" = json!(["test_key_needed", "not_found"]))),
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    buyer: Can<JobsRead>,
    wait: Wait,
) -> Result<Response, ApiError> {
    let organization_id = sandbox(&buyer)?;
    let wait = bounded(wait);
    let shown = read(&app, organization_id, wait).await?;
    Ok(answered(StatusCode::OK, shown, wait))
}

/// How far it is to go: by a span or to an instant, one of the two.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[schema(as = AdvanceTestClock)]
pub(crate) struct AdvanceRequest {
    /// By so many seconds.
    #[schema(value_type = Option<schema::AdvanceSeconds>)]
    by_seconds: Option<i64>,
    /// To this instant.
    #[schema(value_type = Option<schema::Deadline>)]
    to: Option<String>,
}

impl AdvanceRequest {
    fn forward(&self) -> Result<Forward, ApiError> {
        match (self.by_seconds, self.to.as_deref()) {
            (Some(seconds), None) if seconds >= 1 => Ok(Forward::By(Span::seconds(seconds))),
            (Some(_), None) => Err(ApiError::field("by_seconds", "must be 1 or more")),
            (None, Some(text)) => Ok(Forward::To(instant("to", text)?)),
            (Some(_), Some(_)) | (None, None) => {
                let wrong = |field: &str| FieldError {
                    field: field.to_owned(),
                    message: "give one of by_seconds and to".to_owned(),
                };
                Err(ApiError::Invalid(vec![wrong("by_seconds"), wrong("to")]))
            }
        }
    }
}

/// `POST /v1/test_clock/advance`
#[utoipa::path(
    post,
    path = "/v1/test_clock/advance",
    operation_id = "advance_test_clock",
    tag = "sandbox",
    summary = "Move the sandbox's clock forward",
    description = "By a span or to an instant, at most 731 days at a time, never back. Everything that falls due on the way happens in order, each at its own time. The answer is 202; with `Prefer: wait=N` it is 200 if the clock arrives within N seconds (N at most 25).",
    params(KeyOptional, Prefer),
    request_body = AdvanceRequest,
    responses(
        (status = 200, description = "It has arrived", body = TestClockView),
        (status = 202, description = "It is on its way", body = TestClockView),
    ),
    security(("buyer_key" = ["jobs:write"])),
    extensions(("x-error-codes" = json!(["test_key_needed", "not_found", "clock_advancing", "clock_backwards", "clock_too_far"]))),
)]
pub(crate) async fn advance(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    buyer: Can<JobsWrite>,
    keyed: Keyed,
    wait: Wait,
    JsonBody(request): JsonBody<AdvanceRequest>,
) -> Result<Response, ApiError> {
    let organization_id = sandbox(&buyer)?;
    let call = Call {
        command: AdvanceTestClock { organization_id, forward: request.forward()? },
        stream: StreamId::TestClock(organization_id),
        actor: buyer.actor(),
        key: keyed.key(&buyer.book().to_string(), &request),
    };
    run(&app, &context, call, (organization_id, StatusCode::ACCEPTED, wait)).await
}

/// Executes, and waits for the clock to arrive if the client would.
async fn run<C: Command + 'static>(
    app: &AppState,
    context: &RequestContext,
    call: Call<C>,
    (id, status, wait): (OrganizationId, StatusCode, Wait),
) -> Result<Response, ApiError> {
    let shown = move |states: &dyn View| {
        let shown = view(states.state(StreamId::TestClock(id)));
        shown.map(|shown| to_json(&shown)).ok_or(Rejection::NotFound { kind: "test clock" })
    };
    let response = call.answer(app, context, status, shown).await?;
    let (Some(wait), true) = (bounded(wait), response.status() == status) else {
        return Ok(response);
    };
    let shown = read(app, id, Some(wait)).await?;
    let arrived = status == StatusCode::ACCEPTED && shown.status == "ready";
    let (mut parts, _body) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let status = if arrived { StatusCode::OK } else { status };
    let mut waited = answered(status, shown, Some(wait));
    for (name, value) in &parts.headers {
        waited.headers_mut().entry(name).or_insert_with(|| value.clone());
    }
    Ok(waited)
}
