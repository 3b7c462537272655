//! Names to addresses, asked anew for every attempt.
//!
//! Asks the name servers itself instead of the C library: a hostile zone can hold one of the
//! library's threads far beyond our deadline, and these threads are shared with files. Names are
//! absolute, so no search domain is ever appended. Must not cache, and must not choose: the
//! caller sees every address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::system_conf::read_system_conf;

use super::policy::Policy;

/// Where the C library asks too if the system names no server.
const DEFAULT_SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53);
/// The share of the deadline for one question, so that a lost packet can be sent again.
const QUESTIONS_PER_DEADLINE: u32 = 4;
/// Times that a question is asked again.
const REPEATS: usize = 1;
/// Questions that one connection to a name server may have open: a slow zone must not keep
/// others from being asked for.
const OPEN_QUESTIONS: usize = 4096;

/// Why a name has no addresses.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DnsError {
    #[error("no name server answered in time")]
    Timeout,
    #[error("the name could not be looked up")]
    Failed(#[source] Box<NetError>),
    #[error("the name has no address")]
    Empty,
}

/// Asks name servers.
pub(crate) struct Dns(TokioResolver);

impl Dns {
    /// Reads which servers to ask.
    pub(crate) fn new(policy: &Policy) -> Result<Self, NetError> {
        let servers = policy
            .name_servers
            .as_deref()
            .map_or_else(of_system, |servers| servers.iter().copied().map(server).collect());
        let config = ResolverConfig::from_name_servers(servers);
        let mut builder =
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let options = builder.options_mut();
        options.timeout = policy.deadline / QUESTIONS_PER_DEADLINE;
        options.attempts = REPEATS;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.max_active_requests = OPEN_QUESTIONS;
        // The table of hosts holds addresses of this network: nothing for the internet.
        options.use_hosts_file =
            if policy.public_only { ResolveHosts::Never } else { ResolveHosts::Always };
        // Both: an entry of a cache without room lives until the next clean-up.
        options.cache_size = 0;
        options.positive_max_ttl = Some(Duration::ZERO);
        options.negative_max_ttl = Some(Duration::ZERO);
        builder.build().map(Self)
    }

    /// Returns all addresses of an absolute name, at least one.
    pub(crate) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, DnsError> {
        let answer = self.0.lookup_ip(name).await.map_err(|error| match error {
            NetError::Timeout => DnsError::Timeout,
            error => DnsError::Failed(Box::new(error)),
        })?;
        let addresses: Vec<_> = answer.iter().collect();
        if addresses.is_empty() { Err(DnsError::Empty) } else { Ok(addresses) }
    }
}

fn of_system() -> Vec<NameServerConfig> {
    match read_system_conf() {
        Ok((config, _)) if !config.name_servers().is_empty() => config.name_servers().to_vec(),
        Ok(_) => vec![server(DEFAULT_SERVER)],
        Err(error) => {
            tracing::warn!(%error, server = %DEFAULT_SERVER, "the system names no name server");
            vec![server(DEFAULT_SERVER)]
        }
    }
}

fn server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}
