//! What surrounds every request: its id, its log line, the headers that every answer carries, and
//! the rendering of errors with the request's id.

use crate::app::AppState;
use crate::error::ApiError;
use crate::limits::{self, Standing};
use crate::refusals::{self, Operation};
use crate::shaping::Wishes;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use firsthand_domain::ids::{ApiKeyId, RequestId};
use firsthand_domain::{Book, State as StreamState};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Facts about a request that arise while it is handled.
#[derive(Debug)]
pub(crate) struct RequestContext {
    /// The request's id.
    pub id: RequestId,
    /// The key whose secret was shown, whether or not it still works.
    pub key: OnceLock<ApiKeyId>,
    /// The book that the request was authorized for.
    pub book: OnceLock<Book>,
    /// Where the request stands with its rate limits, if it falls under any.
    pub standing: Mutex<Option<Standing>>,
}

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static CREDITS: HeaderName = HeaderName::from_static("x-firsthandapi-credits-remaining");

/// Gives a request its id and an answer its headers. An error that a handler returned is rendered
/// here, where the id is known.
pub(crate) async fn layer(
    State(app): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = RequestId::new(app.mint());
    let context = Arc::new(RequestContext {
        id,
        key: OnceLock::new(),
        book: OnceLock::new(),
        standing: Mutex::default(),
    });
    let operation = Operation::of(&request);
    let wishes = Wishes::of(&request);
    request.extensions_mut().insert(Arc::clone(&context));
    let mut response = match limits::admit_address(&app, &request, &context) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        if error.status().is_server_error() {
            tracing::error!(request.id = %id, code = error.code(), detail = error.cause(), "request failed");
        } else {
            tracing::debug!(request.id = %id, code = error.code(), "request refused");
        }
        refusals::record(&app, &context, &operation, &error).await;
        let body = error.body(&id.to_string(), &app.public_url);
        let headers = std::mem::take(response.headers_mut());
        response = (error.status(), headers, body).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let mut response = wishes.fulfil(response).await;
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_maybe_shared(id.to_string().into_bytes()) {
        headers.insert(REQUEST_ID.clone(), value);
    }
    if let Some(book) = context.book.get()
        && let Ok(state) = app.ledger.current(book.stream()).await
        && let StreamState::Credits(account) = &*state
        && let Ok(now) = app.time_of(*book).await
    {
        let available = account.available_at(now).get();
        headers.insert(CREDITS.clone(), HeaderValue::from(available));
    }
    let standing = context.standing.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(standing) = standing {
        limits::add_headers(headers, &standing, app.now());
    }
    response
}
