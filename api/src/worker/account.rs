//! Registration and identity of workers.

use super::earnings::account;
use crate::app::AppState;
use crate::command::{Call, to_json};
use crate::context::RequestContext;
use crate::error::{ApiError, FieldError};
use crate::extract::{JsonBody, Keyed, ServiceToken, WorkerAuth};
use crate::openapi::{KeyOptional, schema};
use crate::views::EarningTotalsView;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use firsthand_adapters::secrets;
use firsthand_domain::ids::WorkerId;
use firsthand_domain::workers::{RegisterWorker, Standing};
use firsthand_domain::{Cents, StreamId, Timestamp};
use firsthand_eventstore::claims;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A new worker.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = RegisterWorker)]
pub(super) struct RegisterRequest {
    #[schema(min_length = 1, max_length = 200, pattern = r"\S", example = "Grace Hopper")]
    name: String,
    #[schema(value_type = schema::Email)]
    email: String,
    #[schema(value_type = Option<schema::Region>)]
    region: Option<String>,
}

impl RegisterRequest {
    fn check(&self) -> Result<(), ApiError> {
        let mut wrong = Vec::new();
        let mut field = |field: &str, message: &str| {
            wrong.push(FieldError { field: field.to_owned(), message: message.to_owned() });
        };
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > 200 {
            field("name", "must have 1 to 200 characters");
        }
        let email = self.email.trim();
        if !email.contains('@')
            || email.chars().count() > 254
            || email.contains(char::is_whitespace)
        {
            field("email", "must be an e-mail address");
        }
        let region_fits = |region: &String| {
            (2..=16).contains(&region.len())
                && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !self.region.as_ref().is_none_or(region_fits) {
            field("region", "must be an ISO 3166 code such as US-NY");
        }
        if wrong.is_empty() { Ok(()) } else { Err(ApiError::Invalid(wrong)) }
    }
}

/// A new worker.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisteredWorker)]
pub(super) struct RegisteredView {
    #[schema(example = "worker")]
    object: &'static str,
    #[schema(value_type = schema::WorkerId)]
    id: WorkerId,
    #[schema(value_type = Option<schema::Region>)]
    region: Option<String>,
    /// Shown only here.
    #[schema(example = "fhw_01KAPW3T4QMB2V8ZD5YX7N9F00_x7Qd")]
    token: String,
}

/// A worker's own record.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Worker)]
pub(super) struct WorkerView {
    #[schema(example = "worker")]
    object: &'static str,
    #[schema(value_type = schema::WorkerId)]
    id: WorkerId,
    #[schema(value_type = Option<schema::Region>)]
    region: Option<String>,
    #[schema(value_type = schema::Tier)]
    tier: &'static str,
    /// Submissions that this tier may begin each day, from 00:00 UTC.
    #[schema(minimum = 1, example = 50)]
    submissions_per_day: i64,
    #[schema(value_type = schema::Standing)]
    standing: &'static str,
    #[schema(value_type = Option<schema::Instant>)]
    suspended_until: Option<Timestamp>,
    #[schema(minimum = 0, example = 12)]
    submissions_approved: u32,
    #[schema(minimum = 0, example = 1)]
    submissions_rejected: u32,
    #[schema(value_type = schema::Cents)]
    earned_cents: Cents,
    /// Where what was earned is.
    earnings: EarningTotalsView,
    #[schema(value_type = Option<schema::PayoutAccount>)]
    payout_account: Option<String>,
    /// When strikes that were not lifted were issued; those of the last 30 days count.
    #[schema(value_type = Vec<schema::Instant>)]
    strikes: Vec<Timestamp>,
    #[schema(value_type = Option<schema::Instant>)]
    registered_at: Option<Timestamp>,
}

/// `POST /internal/worker/register`
#[utoipa::path(
    post,
    path = "/internal/worker/register",
    operation_id = "register_worker",
    tag = "workers",
    summary = "Register a worker",
    description = "Open to everybody in `dev`; in production it needs the operator's token. The worker's token is in this answer and never again.",
    params(KeyOptional),
    request_body = RegisterRequest,
    responses((status = 201, description = "The worker and its token", body = RegisteredView)),
    security((), ("operator_token" = [])),
    extensions(("x-error-codes" = json!(["already_exists", "unauthorized"]))),
)]
pub(super) async fn register(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    _token: ServiceToken,
    keyed: Keyed,
    JsonBody(request): JsonBody<RegisterRequest>,
) -> Result<Response, ApiError> {
    request.check()?;
    let email = request.email.trim().to_lowercase();
    let digest = app.secrets.digest("worker-email", &email);
    let minted = WorkerId::new(app.mint());
    let part = app.store().part_of(StreamId::Worker(minted));
    let name = minted.to_string();
    let seal =
        |kind: &str, text: &str| app.secrets.seal(&format!("{kind}:{name}"), text.as_bytes());
    let data = [("email", seal("email", &email)), ("name", seal("name", request.name.trim()))];
    let claimed = claims::claim(app.store(), &digest, (part, &name), &data).await?;
    let worker_id: WorkerId =
        claimed.parse().map_err(|error| ApiError::Internal(format!("claim: {error}")))?;
    let stream = StreamId::Worker(worker_id);
    let token = secrets::mint(secrets::WORKER_PREFIX, worker_id.ulid());
    let command = RegisterWorker {
        worker_id,
        region: request.region.clone(),
        secret_hash: app.secrets.digest_hex("worker-token", &token),
    };
    let call = Call {
        command,
        stream,
        actor: worker_id.to_string(),
        key: keyed.key(&format!("registration:{worker_id}"), &request),
    };
    let region = request.region;
    call.answer_secret(&app, &context, StatusCode::CREATED, move |_view| {
        Ok(to_json(&RegisteredView {
            object: "worker",
            id: worker_id,
            region: region.clone(),
            token: token.clone(),
        }))
    })
    .await
}

/// Names a standing, with the end of a suspension. One that ran out has ended by itself: no event says so.
fn shown(standing: Standing, now: Timestamp) -> (&'static str, Option<Timestamp>) {
    match standing {
        Standing::Suspended { until } if until > now => ("suspended", Some(until)),
        Standing::Suspended { .. } | Standing::Good => ("good", None),
        Standing::Banned => ("banned", None),
    }
}

/// `GET /internal/worker/me`
#[utoipa::path(
    get,
    path = "/internal/worker/me",
    operation_id = "get_worker",
    tag = "workers",
    summary = "Show whose token this is",
    description = "Standing, counts, and where what was earned is.",
    responses((status = 200, description = "The worker", body = WorkerView)),
    security(("worker_token" = [])),
)]
pub(super) async fn me(
    State(app): State<AppState>,
    auth: WorkerAuth,
) -> Result<Json<WorkerView>, ApiError> {
    let earnings = account(&app, auth.id).await?;
    let worker = auth.worker;
    let strikes = worker.counting().map(|strike| strike.at).collect();
    let (standing, until) = shown(worker.standing, app.now());
    Ok(Json(WorkerView {
        object: "worker",
        id: auth.id,
        tier: worker.tier().as_str(),
        submissions_per_day: app.limits.submissions_per_day.of(worker.tier()),
        region: worker.region,
        standing,
        suspended_until: until,
        submissions_approved: worker.approved,
        submissions_rejected: worker.rejected,
        earned_cents: worker.earned,
        earnings: EarningTotalsView::new(&earnings, app.now()),
        payout_account: earnings.account,
        strikes,
        registered_at: worker.registered_at,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspension_is_shown_until_it_runs_out() {
        let until = Timestamp::from_micros(7);
        let suspended = Standing::Suspended { until };
        assert_eq!(shown(suspended, Timestamp::from_micros(6)), ("suspended", Some(until)));
        assert_eq!(shown(suspended, until), ("good", None));
        assert_eq!(shown(Standing::Banned, until), ("banned", None));
    }
}
