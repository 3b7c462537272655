//! Refused calls of buyers' keys go into the audit trail (design D12).

use crate::app::AppState;
use crate::context::RequestContext;
use crate::error::ApiError;
use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use firsthand_domain::api_keys::RefuseCall;
use firsthand_domain::{Rejection, StreamId};
use firsthand_eventstore::{Answer, Meta, Request as LedgerRequest};

/// What a request asks for, without its ids: `POST /v1/jobs/{id}/cancel`.
#[derive(Debug)]
pub(crate) struct Operation {
    method: Method,
    path: Option<MatchedPath>,
}

impl Operation {
    /// Reads it off a request.
    pub(crate) fn of(request: &Request) -> Self {
        let path = request.extensions().get::<MatchedPath>().cloned();
        Self { method: request.method().clone(), path }
    }
}

/// Says whether an error refuses what the caller may not do, rather than what is wrong with the
/// request.
fn forbids(error: &ApiError) -> bool {
    matches!(
        error,
        ApiError::Unauthenticated
            | ApiError::ScopeMissing(_)
            | ApiError::LiveKeyNeeded
            | ApiError::TestKeyNeeded
            | ApiError::Rejected(Rejection::ScopeNotHeld)
    )
}

/// Puts on record that a key made a call that it may not make, before it is told so. Whoever shows no
/// secret that ever was a key's leaves no trace in a book: nobody's book is concerned. Never changes the
/// answer: what can't be put on record is logged.
pub(crate) async fn record(
    app: &AppState,
    context: &RequestContext,
    operation: &Operation,
    error: &ApiError,
) {
    let (Some(key_id), Some(path)) = (context.key.get().copied(), &operation.path) else { return };
    if !forbids(error) {
        return;
    }
    let command = RefuseCall {
        key_id,
        operation: format!("{} {}", operation.method, path.as_str()),
        code: error.code(),
    };
    let request = LedgerRequest {
        command: Box::new(command),
        render: Box::new(|_view, _outcome| Answer::done()),
        meta: Meta { actor: key_id.to_string(), request_id: context.id.to_string(), key: None },
    };
    if let Err(error) = app.ledger.execute(StreamId::ApiKey(key_id), request).await {
        tracing::error!(
            request.id = %context.id,
            error = &error as &dyn std::error::Error,
            "a refused call is not on record"
        );
    }
}
