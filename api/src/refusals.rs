//! Refused calls of buyers' keys go into the audit trail (design D12).

use crate::app::AppState;
use crate::context::RequestContext;
use crate::error::ApiError;
use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use firsthand_domain::api_keys::RefuseCall;
use firsthand_domain::ids::ApiKeyId;
use firsthand_domain::{Rejection, State, StreamId};
use firsthand_eventstore::{Answer, Meta, Request as LedgerRequest};
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long an answer waits for its refusal to be put on record.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

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
        let method = match *request.method() {
            // Answered by the same handler.
            Method::HEAD => Method::GET,
            ref method => method.clone(),
        };
        Self { method, path }
    }
}

/// Says whether an error refuses what the caller may not do, rather than what is wrong with the
/// request.
fn forbids(error: &ApiError) -> bool {
    matches!(
        error,
        ApiError::Unauthenticated
            | ApiError::ServiceTokenNeeded
            | ApiError::ScopeMissing(_)
            | ApiError::LiveKeyNeeded
            | ApiError::TestKeyNeeded
            | ApiError::Rejected(Rejection::ScopeNotHeld)
    )
}

/// A key and what it asked for.
type Asked = (ApiKeyId, String);

/// Refused calls that are on their way to the log, so that a key that knocks faster than the log answers
/// takes one place in the writer's queue for each operation, and not all.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<BTreeSet<Asked>>);

/// A call's place among [`Refusals`], which is left when this is dropped.
struct Place(AppState, Asked);

impl Refusals {
    fn asked(&self) -> MutexGuard<'_, BTreeSet<Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Takes a place, unless the same call has it.
    fn take(app: &AppState, asked: Asked) -> Option<Self> {
        let free = app.process.refusals.asked().insert(asked.clone());
        free.then(|| Self(app.clone(), asked))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.process.refusals.asked().remove(&self.1);
    }
}

/// Executes a command and keeps its place until the log has answered, whoever still waits for it.
async fn execute(app: &AppState, command: RefuseCall, request_id: String) {
    let key_id = command.key_id;
    let stream = StreamId::ApiKey(key_id);
    match app.ledger.current(stream).await.as_deref() {
        Ok(State::ApiKey(key)) if !key.is_told(&command, app.now()) => (),
        _ => return,
    }
    let Some(place) = Place::take(app, (key_id, command.operation.clone())) else { return };
    let request = LedgerRequest {
        command: Box::new(command),
        render: Box::new(|_view, _outcome| Answer::done()),
        meta: Meta { actor: key_id.to_string(), request_id, key: None },
    };
    let work = app.tracker.spawn(async move {
        if let Err(error) = place.0.ledger.execute(stream, request).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(key.id = %key_id, error, "a refused call is not on record");
        }
    });
    drop(work.await);
}

/// Puts on record that a key made a call that it may not make, before it is told so. Whoever shows no
/// secret that is a key's leaves no trace in a book: nobody's book is concerned. Never changes the
/// answer, and holds it for a second at most, however long the log takes.
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
    let executed = execute(app, command, context.id.to_string());
    // Who waits no longer leaves the work to itself.
    let _waited = tokio::time::timeout(PATIENCE, executed).await;
}
