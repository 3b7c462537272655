//! Tokens of the worker and operator side.

use super::can::{bearer, no_key_opens};
use crate::app::AppState;
use crate::error::ApiError;
use crate::limits;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use firsthand_adapters::secrets;
use firsthand_domain::ids::WorkerId;
use firsthand_domain::workers::Worker;
use firsthand_domain::{State, StreamId};

/// The operator.
#[derive(Debug)]
pub(crate) struct Operator;

fn is_operator(parts: &Parts, app: &AppState) -> bool {
    bearer(&parts.headers).is_some_and(|token| secrets::equal(token, &app.operator_token))
}

impl FromRequestParts<AppState> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, ApiError> {
        if is_operator(parts, app) {
            Ok(Self)
        } else {
            Err(no_key_opens(parts, app, ApiError::ServiceTokenNeeded).await)
        }
    }
}

/// Who may register workers: anybody in `dev`, the operator in production (spec section 21).
#[derive(Debug)]
pub(crate) struct ServiceToken;

impl FromRequestParts<AppState> for ServiceToken {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, ApiError> {
        if app.limits.open_registration || is_operator(parts, app) {
            Ok(Self)
        } else {
            Err(no_key_opens(parts, app, ApiError::ServiceTokenNeeded).await)
        }
    }
}

/// A worker.
#[derive(Debug)]
pub(crate) struct WorkerAuth {
    /// Who it is.
    pub id: WorkerId,
    /// The worker's record.
    pub worker: Worker,
}

impl FromRequestParts<AppState> for WorkerAuth {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, ApiError> {
        let token = bearer(&parts.headers).ok_or(ApiError::Unauthenticated)?;
        let Some(ulid) = secrets::opens(secrets::WORKER_PREFIX, token) else {
            return Err(no_key_opens(parts, app, ApiError::Unauthenticated).await);
        };
        let id = WorkerId::new(ulid);
        let state = app.ledger.current(StreamId::Worker(id)).await?;
        let hash = app.secrets.digest_hex("worker-token", token);
        match &*state {
            State::Worker(worker) if worker.exists() && worker.secret_hash == hash => {
                limits::admit_worker(app, parts, id)?;
                Ok(Self { id, worker: (**worker).clone() })
            }
            _ => Err(ApiError::Unauthenticated),
        }
    }
}
