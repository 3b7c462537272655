//! Registration and identity of workers.

use crate::app::AppState;
use crate::command::{Call, to_json};
use crate::context::RequestContext;
use crate::error::{ApiError, FieldError};
use crate::extract::{JsonBody, Keyed, ServiceToken, WorkerAuth};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use firsthand_adapters::secrets;
use firsthand_domain::StreamId;
use firsthand_domain::ids::WorkerId;
use firsthand_domain::workers::{RegisterWorker, Standing};
use firsthand_eventstore::claims;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// A new worker.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct RegisterRequest {
    name: String,
    email: String,
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

/// `POST /internal/worker/register`
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
    let minted = WorkerId::new(app.mint()).to_string();
    let claimed = claims::claim(app.store(), &digest, &minted).await?;
    let worker_id: WorkerId =
        claimed.parse().map_err(|error| ApiError::Internal(format!("claim: {error}")))?;
    let stream = StreamId::Worker(worker_id);
    let part = app.store().part_of(stream);
    let sealed = app.secrets.seal(&format!("email:{claimed}"), email.as_bytes());
    claims::file_personal_data(app.store(), part, &claimed, "email", &sealed).await?;
    if claimed == minted {
        let sealed = app.secrets.seal(&format!("name:{claimed}"), request.name.trim().as_bytes());
        claims::file_personal_data(app.store(), part, &claimed, "name", &sealed).await?;
    }
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
        Ok(to_json(&json!({
            "object": "worker",
            "id": worker_id,
            "region": region,
            "token": token,
        })))
    })
    .await
}

/// `GET /internal/worker/me`
pub(super) async fn me(auth: WorkerAuth) -> Json<Value> {
    let worker = auth.worker;
    let (standing, until) = match worker.standing {
        Standing::Good => ("good", None),
        Standing::Suspended { until } => ("suspended", Some(until)),
        Standing::Banned => ("banned", None),
    };
    Json(json!({
        "object": "worker",
        "id": auth.id,
        "region": worker.region,
        "standing": standing,
        "suspended_until": until,
        "submissions_approved": worker.approved,
        "submissions_rejected": worker.rejected,
        "earned_cents": worker.earned,
        "strikes": worker.strikes,
        "registered_at": worker.registered_at,
    }))
}
