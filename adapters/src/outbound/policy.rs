//! What the connector may reach, and how long it may take.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio_rustls::rustls::pki_types::CertificateDer;

use super::filter::{Reach, reach};

/// One deadline over everything: DNS, connection, TLS, answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// Receivers commonly close idle connections after 60 s or more; we let go long before that.
const IDLE: Duration = Duration::from_secs(30);
/// Idle connections in all: far below any limit of file descriptors.
const IDLE_CONNECTIONS: usize = 256;
/// Idle connections to one URL: as many as one endpoint gets at a time.
const IDLE_PER_TARGET: usize = 8;

/// What the connector may reach, and how long it may take.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Policy {
    /// Whether `http` URLs are refused.
    pub https_only: bool,
    /// Whether only public addresses are allowed, and only names that can have one.
    /// Otherwise loopback is allowed too; private networks and metadata addresses never are.
    pub public_only: bool,
    /// Ports that are allowed; `None`: all.
    pub ports: Option<Vec<u16>>,
    /// Addresses that are allowed whatever the other rules say: a receiver of the operator's own.
    pub exceptions: Vec<IpAddr>,
    /// Certificate authorities that are trusted besides those of Mozilla.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Name servers to ask; `None`: those of the system.
    pub name_servers: Option<Vec<SocketAddr>>,
    /// Time for everything: DNS, connection, TLS, answer.
    pub deadline: Duration,
    /// How long an unused connection is kept.
    pub idle: Duration,
    /// How many unused connections are kept.
    pub idle_connections: usize,
    /// How many unused connections are kept for one URL.
    pub idle_per_target: usize,
}

impl Policy {
    /// Returns the policy for the internet: `https`, public addresses, ports 443 and 8443.
    pub fn production() -> Self {
        Self {
            https_only: true,
            public_only: true,
            ports: Some(vec![443, 8443]),
            exceptions: Vec::new(),
            extra_roots: Vec::new(),
            name_servers: None,
            deadline: DEADLINE,
            idle: IDLE,
            idle_connections: IDLE_CONNECTIONS,
            idle_per_target: IDLE_PER_TARGET,
        }
    }

    /// Returns the policy for a developer's machine: `http` and loopback too, on any port.
    pub fn development() -> Self {
        Self { https_only: false, public_only: false, ports: None, ..Self::production() }
    }

    /// Whether a connection to `address` is allowed.
    pub(crate) fn allows(&self, address: IpAddr) -> bool {
        let allowed = match reach(address) {
            Reach::Public => true,
            Reach::Loopback => !self.public_only,
            Reach::Private | Reach::Never => false,
        };
        allowed || self.exceptions.contains(&address)
    }

    /// Whether `port` is allowed.
    pub(crate) fn allows_port(&self, port: u16) -> bool {
        port != 0 && self.ports.as_ref().is_none_or(|ports| ports.contains(&port))
    }
}
