//! What a client may wish of an answer beside its content: not to be sent what it has (RFC 9110
//! section 13), problem documents (RFC 9457), a link to the next page (RFC 8288). Handlers know
//! nothing of it.

mod etag;
mod next;
mod problem;

pub(crate) use etag::{ENDPOINT_HEALTH, guard_of, single};

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

/// The largest answer that is looked at.
const MOST: u64 = 4 * 1024 * 1024;

/// What a request wishes.
#[derive(Debug)]
pub(crate) struct Wishes {
    method: Method,
    uri: Uri,
    /// The route answers with one resource; these of its fields are not its owner's to change.
    single: Option<&'static [&'static str]>,
    if_none_match: Option<HeaderValue>,
    problem: bool,
}

impl Wishes {
    /// Reads a request's headers.
    pub(crate) fn of(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>();
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            single: route.and_then(|route| single(route.as_str())),
            if_none_match: request.headers().get(header::IF_NONE_MATCH).cloned(),
            problem: problem::wanted(request.headers()),
        }
    }

    /// Shapes the answer.
    pub(crate) async fn fulfil(self, response: Response) -> Response {
        let status = response.status();
        if status.is_client_error() || status.is_server_error() {
            if !self.problem {
                return response;
            }
            return reshape(response, |headers, body| {
                problem::document(status.as_u16(), headers, body)
            })
            .await;
        }
        let reads = self.method == Method::GET;
        if status != StatusCode::OK || !(reads || self.method == Method::PATCH) {
            return response;
        }
        match self.single {
            Some(volatile) => {
                let known = self.if_none_match.filter(|_| reads);
                reshape(response, |headers, body| {
                    let tag = etag::tag(&body, volatile);
                    let seen = known.is_some_and(|known| etag::names(&known, &tag));
                    if let Ok(tag) = HeaderValue::try_from(tag) {
                        headers.insert(header::ETAG, tag);
                    }
                    if seen { Shaped::NotModified } else { Shaped::Body(body) }
                })
                .await
            }
            None if reads => {
                reshape(response, |headers, body| {
                    if let Some(link) = next::link(&self.uri, &body) {
                        headers.insert(header::LINK, link);
                    }
                    Shaped::Body(body)
                })
                .await
            }
            None => response,
        }
    }
}

/// What became of a body.
enum Shaped {
    Body(Bytes),
    NotModified,
}

/// Passes a JSON body through `shape`. A body that is streamed is left alone.
async fn reshape(
    response: Response,
    shape: impl FnOnce(&mut HeaderMap, Bytes) -> Shaped,
) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let json = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let known = response.body().size_hint().exact().is_some_and(|length| length <= MOST);
    if !json || !known {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        // A body of known length is in memory already.
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    match shape(&mut parts.headers, body) {
        Shaped::Body(body) => {
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, Body::from(body))
        }
        Shaped::NotModified => {
            parts.headers.remove(header::CONTENT_LENGTH);
            parts.status = StatusCode::NOT_MODIFIED;
            Response::from_parts(parts, Body::empty())
        }
    }
}
