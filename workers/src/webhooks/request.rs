//! One attempt: complete the body, sign, send, judge.

use super::endpoint::Endpoint;
use super::{RetrySchedule, Shared, micros};
use bytes::Bytes;
use firsthand_adapters::outbound::{Exchange, Failure};
use firsthand_adapters::signature::{self, Scheme};
use firsthand_domain::webhook_endpoints::SignatureScheme;
use firsthand_domain::{Book, State, Timestamp};
use firsthand_eventstore::{StoreError, read};
use firsthand_projections::webhooks::bodies::{self, Unsigned};
use firsthand_projections::webhooks::outbox::{Begun, Outcome, PARKED, Timings};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// Statuses with a meaning of their own.
const GONE: u16 = 410;
const TOO_MANY_REQUESTS: u16 = 429;
const SERVICE_UNAVAILABLE: u16 = 503;

/// When an attempt is made again that failed by our own fault.
const OUR_FAULT: Duration = Duration::from_secs(10);

/// How long a link in a body works, the longest that `SigV4` allows.
const LINK_LIFE: Duration = Duration::from_hours(168);

/// How an attempt went, and what follows for the endpoint.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) outcome: Outcome,
    /// Where it was sent.
    pub(super) url: String,
    /// Whether the receiver said that it is gone.
    pub(super) gone: bool,
    /// Until when the receiver asked to be left alone, in microseconds since the epoch.
    pub(super) rest_until: i64,
}

/// Returns the body, with its link if it has one.
async fn body(shared: &Shared, endpoint: &Endpoint, begun: &Begun) -> Result<Vec<u8>, StoreError> {
    let Some(key) = &begun.file_key else { return Ok(begun.body.clone()) };
    let name = key.rsplit('/').next().unwrap_or("file");
    let objects = &shared.context.objects;
    let link = objects.presign_get(key, LINK_LIFE, name).await.map_err(StoreError::corrupt)?;
    let store = shared.context.ledger.store();
    let stream = firsthand_domain::StreamId::WebhookEndpoint(endpoint.id);
    let unsigned = Unsigned {
        part: store.part_of(stream),
        position: begun.position,
        book: endpoint.state.book.to_string(),
        file_key: key,
        body: &begun.body,
    };
    bodies::complete(store, &unsigned, &link).await
}

/// The headers of a request: the endpoint's own, and ours over them.
fn headers(endpoint: &Endpoint, begun: &Begun, body: &[u8], now: Timestamp) -> HeaderMap {
    let attempt = u32::try_from(begun.attempt).unwrap_or(1);
    let secrets = endpoint.secrets(now);
    let signed = signature::sign(&begun.event_id, body, &secrets, attempt, now.unix_seconds());
    let scheme = match endpoint.state.settings.signature_scheme {
        SignatureScheme::TV1 => Scheme::TV1,
        SignatureScheme::Raw => Scheme::Raw,
    };
    let own = endpoint.headers.iter().map(|(name, value)| (name.as_str(), value.clone()));
    let ours = [
        ("content-type", "application/json".to_owned()),
        ("user-agent", concat!("FirstHandAPI-Webhooks/", env!("CARGO_PKG_VERSION")).to_owned()),
    ];
    own.chain(ours)
        .chain(signed.headers(scheme, &begun.event_id, attempt))
        .filter_map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, HeaderValue::from_str(&value).ok()?))
        })
        .collect()
}

/// The headers for the log: signatures prove nothing once they are known, extra headers may be
/// secrets.
fn for_the_log(endpoint: &Endpoint, headers: &HeaderMap) -> Vec<u8> {
    let shown: BTreeMap<&str, &str> = headers
        .iter()
        .map(|(name, value)| {
            let own = endpoint.headers.contains_key(name.as_str());
            (name.as_str(), if own { "…" } else { value.to_str().unwrap_or_default() })
        })
        .collect();
    serde_json::to_vec(&shown).unwrap_or_default()
}

/// Makes one attempt. Never fails: what went wrong is in the outcome.
pub(super) async fn attempt(shared: Arc<Shared>, endpoint: Arc<Endpoint>, begun: Begun) -> Done {
    let body = match body(&shared, &endpoint, &begun).await {
        Ok(body) => Bytes::from(body),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a body can't be completed");
            return postponed(&shared, &endpoint, &begun);
        }
    };
    let now = (shared.context.clock)();
    if endpoint.secrets(now).is_empty() {
        tracing::warn!(endpoint = %endpoint.id, "an endpoint without a secret is not sent to");
        return postponed(&shared, &endpoint, &begun);
    }
    let headers = headers(&endpoint, &begun, &body, now);
    let logged = for_the_log(&endpoint, &headers);
    let hash: [u8; 32] = Sha256::digest(&body).into();
    let exchange = match &endpoint.target {
        Ok(target) => shared.outbound.connector.post(target, headers, body).await,
        Err(_refused) => Exchange { error: Some(Failure::UrlRefused), ..Exchange::default() },
    };
    let book_time = book_time(&shared, endpoint.state.book).await;
    let mut done = judge(&shared, &endpoint, &begun, (&exchange, book_time));
    done.outcome.request_headers = logged;
    done.outcome.body_hash = hash.to_vec();
    done
}

/// A success is a 2xx with its answer complete.
fn judge(
    shared: &Shared,
    endpoint: &Endpoint,
    begun: &Begun,
    (exchange, book_time): (&Exchange, Option<i64>),
) -> Done {
    let asked = retry_after(shared, exchange);
    let status = exchange.status.unwrap_or(0);
    let error = match (exchange.error, status) {
        (Some(failure), _) => Some(failure.as_str()),
        (None, 200..=299) => None,
        (None, 300..=399) => Some("redirect"),
        (None, _) => Some("status"),
    };
    let mut outcome = match error {
        None => Outcome {
            attempt_id: begun.attempt_id.clone(),
            position: begun.position,
            delivered: true,
            failures: begun.failures,
            ..Outcome::default()
        },
        Some(code) => failed(shared, begun, code, (asked, book_time)),
    };
    let span = |duration: Option<Duration>| duration.map(micros);
    outcome.timings = Timings {
        dns: span(exchange.timings.dns),
        connect: span(exchange.timings.connect),
        tls: span(exchange.timings.tls),
        first_byte: span(exchange.timings.first_byte),
        total: span(exchange.timings.total).unwrap_or(0),
    };
    outcome.response_status = exchange.status.map(i32::from);
    outcome.response_headers = exchange.status.map(|_| {
        let mut shown: BTreeMap<&str, String> = BTreeMap::new();
        for (name, value) in &exchange.headers {
            let all = shown.entry(name).or_default();
            all.push_str(if all.is_empty() { "" } else { ", " });
            all.push_str(value);
        }
        serde_json::to_vec(&shown).unwrap_or_default()
    });
    outcome.response_body = exchange.status.map(|_| exchange.body.to_vec());
    outcome.address = exchange.address.map(|address| address.to_string());
    let asked = asked.filter(|_asked| book_time.is_none());
    let rest_until = asked.map_or(0, |asked| shared.context.now().saturating_add(micros(asked)));
    let url = endpoint.state.settings.url.clone();
    Done { outcome, url, gone: status == GONE, rest_until }
}

/// Returns what a receiver asked for, if it may ask: seconds, or a date.
fn retry_after(shared: &Shared, exchange: &Exchange) -> Option<Duration> {
    if !matches!(exchange.status, Some(TOO_MANY_REQUESTS | SERVICE_UNAVAILABLE)) {
        return None;
    }
    let (_, value) = exchange
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(header::RETRY_AFTER.as_str()))?;
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(RetrySchedule::asked(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs();
    let now = u64::try_from((shared.context.clock)().unix_seconds()).unwrap_or(0);
    Some(RetrySchedule::asked(date.saturating_sub(now)))
}

/// Returns the time of a book that has a clock of its own. One that can't be read is as none: the
/// repetition comes by our time.
pub(super) async fn book_time(shared: &Shared, book: Book) -> Option<i64> {
    let clock = book.clock()?;
    let store = shared.context.ledger.store();
    let found = read::states(store, store.part_of(clock), &[clock]).await.ok()?;
    match found.into_iter().next()?.state {
        State::TestClock(clock) => clock.now.map(Timestamp::micros),
        _ => None,
    }
}

/// A failure that counts. Where the book has a clock of its own, the repetition waits for that.
fn failed(
    shared: &Shared,
    begun: &Begun,
    code: &str,
    (asked, book_time): (Option<Duration>, Option<i64>),
) -> Outcome {
    let pause = shared.outbound.retries.pause(begun.failures + 1, &begun.attempt_id);
    let pause = pause.map(|pause| pause.max(asked.unwrap_or_default()));
    let after = |now: i64| pause.map(|pause| now.saturating_add(micros(pause)));
    Outcome {
        attempt_id: begun.attempt_id.clone(),
        position: begun.position,
        counts: true,
        failures: begun.failures,
        due_at: match book_time {
            Some(_of_book) => pause.map(|_pause| PARKED),
            None => after(shared.context.now()),
        },
        clock_due_at: book_time.and_then(after),
        error_code: Some(code.to_owned()),
        ..Outcome::default()
    }
}

/// An attempt that failed by our own fault: it is made again soon, and does not count.
fn postponed(shared: &Shared, endpoint: &Endpoint, begun: &Begun) -> Done {
    let due_at = Some(shared.context.now().saturating_add(micros(OUR_FAULT)));
    let outcome = failed(shared, begun, "internal_error", (None, None));
    let outcome = Outcome { counts: false, due_at, ..outcome };
    let url = endpoint.state.settings.url.clone();
    Done { outcome, url, gone: false, rest_until: 0 }
}
