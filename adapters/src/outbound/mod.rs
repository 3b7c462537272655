//! Sends webhooks: HTTP requests to receivers that nobody vouches for.
//!
//! On every attempt the name is resolved anew, all its addresses are checked, and the connection
//! goes to a checked address. A redirect is an answer like any other. Everything a receiver can
//! make us hold is bounded: headers, body, time, connections. Must not trust what an earlier
//! check said, and must not read proxies from the environment.
//!
//! `parse` turns a URL into a [`Target`]; `post` turns a target into an [`Exchange`], which never
//! fails: what went wrong is in it.

mod connect;
mod exchange;
mod filter;
mod policy;
mod pool;
mod resolver;
mod stream;
mod target;
mod wire;

pub use exchange::{Exchange, Failure, Timings};
pub use policy::Policy;
pub use target::{Target, UrlRefused};
pub use tokio_rustls::rustls::pki_types::CertificateDer;
pub use tokio_rustls::rustls::pki_types::pem::PemObject;

use std::net::IpAddr;

use bytes::Bytes;
use hickory_resolver::net::NetError;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{Method, Request};
use tokio::time::{Instant, timeout};
use tokio_rustls::rustls;

use connect::Dialer;
use exchange::{Fault, Progress};
use pool::Pool;
use resolver::Dns;
use target::Place;
use wire::Outcome;

/// Headers that belong to the connection, or would ask for an answer that we don't read.
const OURS: [HeaderName; 10] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
    header::ACCEPT_ENCODING,
    header::PROXY_AUTHORIZATION,
];

/// Why a connector can't be built.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// A certificate authority of the policy can't be used, or TLS can't be set up.
    #[error("tls can not be set up")]
    Tls(#[from] rustls::Error),
    /// Name servers can't be asked.
    #[error("name servers can not be asked")]
    Dns(#[source] Box<NetError>),
}

/// Sends requests to the outside.
pub struct Connector {
    policy: Policy,
    dns: Dns,
    dialer: Dialer,
    pool: Pool,
}

impl Connector {
    /// Makes a connector that reaches what `policy` allows.
    pub fn new(policy: Policy) -> Result<Self, ConnectorError> {
        Ok(Self {
            dns: Dns::new(&policy).map_err(|error| ConnectorError::Dns(Box::new(error)))?,
            dialer: Dialer::new(&policy)?,
            pool: Pool::new(&policy),
            policy,
        })
    }

    /// Parses a URL, and refuses it if it can be refused without asking DNS.
    pub fn parse(&self, url: &str) -> Result<Target, UrlRefused> {
        target::parse(url, &self.policy)
    }

    /// Posts `body` to `target`, once. Ends within the deadline of the policy; when it is dropped
    /// earlier, its connection is closed.
    pub async fn post(&self, target: &Target, headers: HeaderMap, body: Bytes) -> Exchange {
        let mut progress = Progress::begin();
        let attempt = self.attempt(target, headers, body, &mut progress);
        let result = match timeout(self.policy.deadline, attempt).await {
            Ok(result) => result,
            Err(_elapsed) => Err(progress.overdue()),
        };
        progress.end(result)
    }

    /// Closes connections that were not used for too long. Every request does this too; call it
    /// from time to time for when there are none.
    pub fn close_idle(&self) {
        self.pool.expire();
    }

    /// Returns how many connections wait for the next request.
    pub fn idle_connections(&self) -> usize {
        self.pool.len()
    }

    async fn attempt(
        &self,
        target: &Target,
        headers: HeaderMap,
        body: Bytes,
        progress: &mut Progress,
    ) -> Result<(), Fault> {
        target.check(&self.policy)?;
        let addresses = self.addresses(target, progress).await?;
        let mut request = request(target, headers, body);
        if let Some(wire) = self.clean_wire(target, &addresses).await {
            progress.exchange.reused = true;
            progress.exchange.address = Some(wire.address());
            match wire.exchange(request, progress).await? {
                Outcome::Unsent(again, _why) => request = *again,
                answered => return self.keep(target, answered),
            }
            progress.exchange.reused = false;
        }
        let wire = self.dialer.dial(target, &addresses, progress).await?;
        let outcome = wire.exchange(request, progress).await?;
        self.keep(target, outcome)
    }

    /// Resolves and checks: one address that isn't allowed condemns them all.
    async fn addresses(
        &self,
        target: &Target,
        progress: &mut Progress,
    ) -> Result<Vec<IpAddr>, Fault> {
        let addresses = match &target.place {
            Place::Address(address) => vec![*address],
            Place::Name(name) => {
                let begun = Instant::now();
                let addresses = self.dns.addresses(name).await;
                progress.exchange.timings.dns = Some(begun.elapsed());
                addresses?
            }
        };
        match addresses.iter().find(|address| !self.policy.allows(**address)) {
            // Whose address it is, is nobody's business: it may be one of ours.
            Some(_) => Err(Fault::new(Failure::AddressRefused, "an address is not allowed")),
            None => Ok(addresses),
        }
    }

    async fn clean_wire(&self, target: &Target, addresses: &[IpAddr]) -> Option<wire::Wire> {
        while let Some(mut wire) = self.pool.take(&target.text, addresses) {
            if wire.is_clean().await {
                return Some(wire);
            }
        }
        None
    }

    fn keep(&self, target: &Target, outcome: Outcome) -> Result<(), Fault> {
        match outcome {
            Outcome::Kept(wire) => {
                self.pool.put(&target.text, wire);
                Ok(())
            }
            Outcome::Closed => Ok(()),
            Outcome::Unsent(_, fault) => Err(fault),
        }
    }
}

fn request(target: &Target, mut headers: HeaderMap, body: Bytes) -> Request<Full<Bytes>> {
    for name in &OURS {
        headers.remove(name);
    }
    headers.insert(header::HOST, target.authority.clone());
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target.uri.clone();
    *request.headers_mut() = headers;
    request
}
