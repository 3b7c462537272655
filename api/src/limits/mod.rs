//! Rate limits (spec sections 13 and 17 row 16): a request is counted once it is known who makes
//! it. Each process counts by itself.

mod bucket;
mod buckets;
mod headers;

pub use bucket::Reading;
pub(crate) use headers::add as add_headers;

use crate::app::AppState;
use crate::context::RequestContext;
use crate::error::ApiError;
use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method};
use bucket::Bucket;
use firsthand_domain::ids::{ApiKeyId, OrganizationId, WorkerId};
use firsthand_domain::{Environment, State, StreamId};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError};
use ulid::Ulid;

/// The figures.
#[derive(Debug, Clone)]
pub struct Rates {
    /// Reads of jobs and files by one key in a minute.
    pub job_reads_per_minute: NonZeroU32,
    /// All other requests by one key in a minute.
    pub requests_per_minute: NonZeroU32,
    /// The same where the organization never had more than the free grant.
    pub free_requests_per_minute: NonZeroU32,
    /// All requests by one key in an hour, if that is limited.
    pub requests_per_hour: Option<NonZeroU32>,
    /// All requests of one organization in a second.
    pub organization_per_second: NonZeroU32,
    /// Requests of one worker in a minute.
    pub worker_per_minute: NonZeroU32,
    /// Requests without a key from one client address in a minute.
    pub address_per_minute: NonZeroU32,
    /// The header in which a proxy in front names the client; its last address counts.
    pub address_header: Option<String>,
}

/// What kind of request a key makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    JobReads,
    Requests,
    FreeRequests,
}

impl Class {
    fn is_job_read(method: &Method, path: &str) -> bool {
        path.starts_with("/v1/files/") || (method == Method::GET && path.starts_with("/v1/jobs"))
    }
}

/// Where a request stands with the limits that it falls under.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// The limit that binds: the one that has the fewest requests left.
    pub binding: Reading,
    /// All limits that the request falls under, for `RateLimit-Policy`.
    pub policy: HeaderValue,
}

/// The limits that some requests fall under, the narrowest first.
struct Ladder {
    policy: HeaderValue,
    buckets: Vec<Arc<Bucket>>,
}

impl Ladder {
    fn new(buckets: Vec<Arc<Bucket>>) -> Self {
        let policy = buckets.iter().map(|bucket| bucket.policy()).collect::<Vec<_>>().join(", ");
        // Names and figures are plain ASCII.
        let policy = HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static(""));
        Self { policy, buckets }
    }

    /// Counts a request of as many callers as there are limits. Stops at a refusal, so that what
    /// one limit refuses does not use up the next.
    fn take(&self, callers: &[u128]) -> Option<Standing> {
        let mut binding: Option<Reading> = None;
        for (bucket, caller) in self.buckets.iter().zip(callers) {
            let reading = bucket.take(*caller);
            if !reading.allowed() {
                binding = Some(reading);
                break;
            }
            if binding.is_none_or(|binding| reading.remaining < binding.remaining) {
                binding = Some(reading);
            }
        }
        Some(Standing { binding: binding?, policy: self.policy.clone() })
    }
}

/// Everything that is counted.
pub struct Limiter {
    job_reads: Ladder,
    requests: Ladder,
    free_requests: Ladder,
    workers: Ladder,
    addresses: Ladder,
    hourly: bool,
    address_header: Option<HeaderName>,
}

impl Limiter {
    /// Makes empty counters.
    pub fn new(rates: &Rates) -> Self {
        let bucket = |name, limit, window| Arc::new(Bucket::new(name, limit, window));
        let organization = bucket("organization", rates.organization_per_second, 1);
        let hourly = rates.requests_per_hour.map(|limit| bucket("key_hourly", limit, 3_600));
        let of_key = |name, limit| {
            let mut buckets = vec![bucket(name, limit, 60)];
            buckets.extend(hourly.clone());
            buckets.push(Arc::clone(&organization));
            Ladder::new(buckets)
        };
        let header = rates.address_header.as_deref();
        Self {
            job_reads: of_key("key_job_reads", rates.job_reads_per_minute),
            requests: of_key("key_requests", rates.requests_per_minute),
            free_requests: of_key("key_requests", rates.free_requests_per_minute),
            workers: Ladder::new(vec![bucket("worker", rates.worker_per_minute, 60)]),
            addresses: Ladder::new(vec![bucket("client_address", rates.address_per_minute, 60)]),
            hourly: hourly.is_some(),
            address_header: header.and_then(|name| name.parse().ok()),
        }
    }

    fn key(&self, class: Class, key: ApiKeyId, organization: OrganizationId) -> Option<Standing> {
        let ladder = match class {
            Class::JobReads => &self.job_reads,
            Class::Requests => &self.requests,
            Class::FreeRequests => &self.free_requests,
        };
        let (key, organization) = (number(key.ulid()), number(organization.ulid()));
        if self.hourly {
            ladder.take(&[key, key, organization])
        } else {
            ladder.take(&[key, organization])
        }
    }

    /// Returns the client's address: the peer's, or what the proxy in front says.
    fn address(&self, headers: &HeaderMap, extensions: &Extensions) -> IpAddr {
        let named = self.address_header.as_ref().and_then(|name| {
            let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
            value.rsplit(',').next()?.trim().parse().ok()
        });
        let peer = || extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        named.or_else(peer).unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED))
    }
}

fn number(ulid: Ulid) -> u128 {
    ulid.0
}

/// Whoever has an IPv6 address has at least the 64 bits behind it.
fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits() & !u128::from(u64::MAX),
    }
}

/// Notes where the request stands for the answer's headers, and refuses it if it is one too many.
fn judge(
    app: &AppState,
    context: Option<&Arc<RequestContext>>,
    standing: Option<Standing>,
) -> Result<(), ApiError> {
    let Some(standing) = standing else { return Ok(()) };
    let reading = standing.binding;
    if let Some(context) = context {
        // A request of an address that also shows a key stands where its key does.
        *context.standing.lock().unwrap_or_else(PoisonError::into_inner) = Some(standing);
    }
    if reading.allowed() { Ok(()) } else { Err(ApiError::RateLimited(reading, app.now())) }
}

/// Counts a request of a key.
pub(crate) async fn admit_key(
    app: &AppState,
    parts: &Parts,
    key: ApiKeyId,
    organization: OrganizationId,
) -> Result<(), ApiError> {
    let Some(limiter) = &app.limiter else { return Ok(()) };
    let class = if Class::is_job_read(&parts.method, parts.uri.path()) {
        Class::JobReads
    } else {
        let live = StreamId::Credits(organization, Environment::Live);
        match &*app.ledger.current(live).await? {
            State::Credits(account) if account.beyond_free_tier => Class::Requests,
            _ => Class::FreeRequests,
        }
    };
    judge(app, parts.extensions.get(), limiter.key(class, key, organization))
}

/// Counts a request of a worker.
pub(crate) fn admit_worker(app: &AppState, parts: &Parts, id: WorkerId) -> Result<(), ApiError> {
    let Some(limiter) = &app.limiter else { return Ok(()) };
    judge(app, parts.extensions.get(), limiter.workers.take(&[number(id.ulid())]))
}

/// Says whether a route is open to whoever has no key or token yet.
pub(crate) fn is_open(path: &str) -> bool {
    path.starts_with("/v1/auth/") || path == "/internal/worker/register"
}

/// Counts a request to a route that needs no key, by the client's address.
pub(crate) fn admit_address(
    app: &AppState,
    request: &axum::extract::Request,
    context: &Arc<RequestContext>,
) -> Result<(), ApiError> {
    let Some(limiter) = &app.limiter else { return Ok(()) };
    if !is_open(request.uri().path()) {
        return Ok(());
    }
    let address = limiter.address(request.headers(), request.extensions());
    judge(app, Some(context), limiter.addresses.take(&[network(address)]))
}
