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
const PATIENCE: Duration = Duration::from_secs(1);

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
struct Place<'a>(&'a Refusals, Asked);

impl Refusals {
    fn asked(&self) -> MutexGuard<'_, BTreeSet<Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place, unless the same call has it.
    fn enter(&self, asked: Asked) -> Option<Place<'_>> {
        self.asked().insert(asked.clone()).then(|| Place(self, asked))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.asked().remove(&self.1);
    }
}

/// Puts on record that a key made a call that it may not make, before it is told so. Whoever shows no
/// secret that is a key's leaves no trace in a book: nobody's book is concerned. Never changes the
/// answer, and holds it for a second at most: a database that is away delays no refusal.
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
    let stream = StreamId::ApiKey(key_id);
    let command = RefuseCall {
        key_id,
        operation: format!("{} {}", operation.method, path.as_str()),
        code: error.code(),
    };
    match app.ledger.current(stream).await.as_deref() {
        Ok(State::ApiKey(key)) if !key.is_told(&command, app.now()) => (),
        _ => return,
    }
    let asked = (key_id, command.operation.clone());
    let Some(_place) = app.process.refusals.enter(asked) else { return };
    let request = LedgerRequest {
        command: Box::new(command),
        render: Box::new(|_view, _outcome| Answer::done()),
        meta: Meta { actor: key_id.to_string(), request_id: context.id.to_string(), key: None },
    };
    let executed = tokio::time::timeout(PATIENCE, app.ledger.execute(stream, request)).await;
    if !matches!(executed, Ok(Ok(_))) {
        tracing::warn!(request.id = %context.id, key.id = %key_id, "a refused call may not be on record");
    }
}
