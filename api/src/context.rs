//! What surrounds every request: its id, its log line, the headers that every answer carries, and
//! the rendering of errors with the request's id.

use crate::app::AppState;
use crate::error::ApiError;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use firsthand_domain::ids::RequestId;
use firsthand_domain::{Book, State as StreamState};
use std::sync::{Arc, OnceLock};

/// Facts about a request that arise while it is handled.
#[derive(Debug)]
pub(crate) struct RequestContext {
    /// The request's id.
    pub id: RequestId,
    /// The book that the request was authorized for.
    pub book: OnceLock<Book>,
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
    let context = Arc::new(RequestContext { id, book: OnceLock::new() });
    request.extensions_mut().insert(Arc::clone(&context));
    let mut response = next.run(request).await;
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        if error.status().is_server_error() {
            tracing::error!(request.id = %id, code = error.code(), detail = error.cause(), "request failed");
        } else {
            tracing::debug!(request.id = %id, code = error.code(), "request refused");
        }
        let body = error.body(&id.to_string());
        let headers = std::mem::take(response.headers_mut());
        response = (error.status(), headers, body).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_maybe_shared(id.to_string().into_bytes()) {
        headers.insert(REQUEST_ID.clone(), value);
    }
    if let Some(book) = context.book.get()
        && let Ok(state) = app.ledger.current(book.stream()).await
        && let StreamState::Credits(account) = &*state
    {
        let available = account.available_at(app.now()).get();
        headers.insert(CREDITS.clone(), HeaderValue::from(available));
    }
    response
}
