//! From a handler to the ledger and back.

use crate::app::AppState;
use crate::context::RequestContext;
use crate::error::ApiError;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use firsthand_domain::{Command, Rejection, StreamId, View};
use firsthand_eventstore::{Answer, IdempotencyKey, Meta, Render, Reply, Request};
use serde::Serialize;

static REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What seals an answer that holds a secret.
const SEAL_PURPOSE: &str = "idempotent-answer";

/// A command on its way from a handler.
pub(crate) struct Call<C> {
    /// What to do.
    pub command: C,
    /// The part that it is decided in is that of this stream.
    pub stream: StreamId,
    /// Who asks.
    pub actor: String,
    /// The idempotency key, if there is one.
    pub key: Option<IdempotencyKey>,
}

/// A JSON answer.
fn json_answer(status: StatusCode, body: Bytes, keep: bool) -> Answer {
    Answer { status: status.as_u16(), body, sealed: None, keep }
}

/// Renders a value; one of ours always can be.
pub(crate) fn to_json(value: &impl Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(value).unwrap_or_default())
}

/// Renders a refusal. Refusals by state or money are stored under the key; those that the client
/// can only mend by another request are not (design D7).
fn refused(rejection: &Rejection, request_id: &str, base: &str) -> Answer {
    let error = ApiError::Rejected(rejection.clone());
    let status = error.status();
    let keep = matches!(status, StatusCode::PAYMENT_REQUIRED | StatusCode::CONFLICT);
    json_answer(status, error.body(request_id, base), keep)
}

impl<C: Command + 'static> Call<C> {
    /// Executes the command and answers with what `view` makes of the states after it.
    pub(crate) async fn answer<V>(
        self,
        app: &AppState,
        context: &RequestContext,
        status: StatusCode,
        view: V,
    ) -> Result<Response, ApiError>
    where
        V: Fn(&dyn View) -> Result<Bytes, Rejection> + Send + Sync + 'static,
    {
        let (request_id, base) = (context.id.to_string(), app.public_url.clone());
        let render: Render = Box::new(move |states, outcome| {
            match outcome.as_ref().map_err(Clone::clone).and_then(|()| view(states)) {
                Ok(body) => json_answer(status, body, true),
                Err(rejection) => refused(&rejection, &request_id, &base),
            }
        });
        self.send(app, context, render).await
    }

    /// Executes a command whose answer holds a secret: what is stored under the key is sealed.
    pub(crate) async fn answer_secret<V>(
        self,
        app: &AppState,
        context: &RequestContext,
        status: StatusCode,
        view: V,
    ) -> Result<Response, ApiError>
    where
        V: Fn(&dyn View) -> Result<Bytes, Rejection> + Send + Sync + 'static,
    {
        let (request_id, base) = (context.id.to_string(), app.public_url.clone());
        let secrets = app.secrets.clone();
        let render: Render = Box::new(move |states, outcome| {
            match outcome.as_ref().map_err(Clone::clone).and_then(|()| view(states)) {
                Ok(body) => {
                    let sealed = Some(Bytes::from(secrets.seal(SEAL_PURPOSE, &body)));
                    Answer { sealed, ..json_answer(status, body, true) }
                }
                Err(rejection) => refused(&rejection, &request_id, &base),
            }
        });
        self.send(app, context, render).await
    }

    async fn send(
        self,
        app: &AppState,
        context: &RequestContext,
        render: Render,
    ) -> Result<Response, ApiError> {
        let request = Request {
            command: Box::new(self.command),
            render,
            meta: Meta { actor: self.actor, request_id: context.id.to_string(), key: self.key },
        };
        match app.ledger.execute(self.stream, request).await? {
            Reply::Decided { answer, outcome } => {
                match outcome {
                    Err(rejection @ Rejection::OutOfBalance { .. }) => {
                        Err(ApiError::Internal(rejection.to_string()))
                    }
                    // As an error it is seen by what puts refused calls on record.
                    Err(rejection @ Rejection::ScopeNotHeld) => Err(ApiError::Rejected(rejection)),
                    _ => Ok(response(answer.status, answer.body)),
                }
            }
            Reply::Replayed { status, sealed, body } => replayed(app, status, sealed, body),
        }
    }
}

fn replayed(app: &AppState, status: u16, sealed: bool, body: Bytes) -> Result<Response, ApiError> {
    let body = if sealed {
        let opened = app.secrets.open(SEAL_PURPOSE, &body);
        Bytes::from(opened.map_err(|error| ApiError::Internal(error.to_string()))?)
    } else {
        body
    };
    let mut response = response(status, body);
    response.headers_mut().insert(REPLAYED.clone(), HeaderValue::from_static("true"));
    Ok(response)
}

/// Answers a request that a check refused: if its key was answered before, this is a repeat and
/// gets that answer, since what was checked may have changed meanwhile. If the key was used for another
/// request, that is what is wrong with it.
pub(crate) async fn refuse_or_replay(
    app: &AppState,
    stream: StreamId,
    key: Option<&IdempotencyKey>,
    refusal: ApiError,
) -> Result<Response, ApiError> {
    if let Some(key) = key
        && let Some(known) = app.ledger.replay(stream, key).await?
        && let Reply::Replayed { status, sealed, body } = known?
    {
        return replayed(app, status, sealed, body);
    }
    Err(refusal)
}

/// Says whether an answer is that of an earlier request.
pub(crate) fn is_replay(answer: &Response) -> bool {
    answer.headers().contains_key(&REPLAYED)
}

fn response(status: u16, body: Bytes) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status == StatusCode::NO_CONTENT {
        return status.into_response();
    }
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (status, headers, Body::from(body)).into_response()
}
