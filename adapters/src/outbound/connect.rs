//! From checked addresses to a connection.
//!
//! Connects to the very addresses that were checked, and checks again whom it reached. Must not
//! resolve, and knows no proxy.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::exchange::{Failure, Fault, Progress, Stage};
use super::policy::Policy;
use super::stream::{Carrier, Meter, Stream};
use super::target::Target;
use super::wire::Wire;

/// Addresses that are tried.
const TRIES: usize = 3;
/// The share of the deadline for one try, so that the last one still has time to be answered.
const TRIES_PER_DEADLINE: u32 = 4;

/// Opens connections.
pub(crate) struct Dialer {
    tls: TlsConnector,
    patience: Duration,
}

impl Dialer {
    pub(crate) fn new(policy: &Policy) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        for root in &policy.extra_roots {
            roots.add(root.clone())?;
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
            patience: policy.deadline / TRIES_PER_DEADLINE,
        })
    }

    /// Connects to one of `addresses`, all of which were checked.
    pub(crate) async fn dial(
        &self,
        target: &Target,
        addresses: &[IpAddr],
        progress: &mut Progress,
    ) -> Result<Wire, Fault> {
        progress.stage = Stage::Connect;
        let begun = Instant::now();
        let (socket, address) = self.reach(addresses, target.port).await?;
        progress.exchange.timings.connect = Some(begun.elapsed());
        progress.exchange.address = Some(address);
        let carrier = if target.https {
            progress.stage = Stage::Tls;
            let begun = Instant::now();
            let secure = self
                .tls
                .connect(target.server_name.clone(), socket)
                .await
                .map_err(|error| Fault::because(Failure::TlsFailed, &error))?;
            progress.exchange.timings.tls = Some(begun.elapsed());
            Carrier::Secure(Box::new(secure))
        } else {
            Carrier::Plain(socket)
        };
        let meter = Arc::new(Meter::default());
        Wire::open(Stream::new(carrier, Arc::clone(&meter)), meter, address).await
    }

    async fn reach(&self, addresses: &[IpAddr], port: u16) -> Result<(TcpStream, IpAddr), Fault> {
        let mut fault = Fault::new(Failure::ConnectFailed, "no address to connect to");
        for address in alternating(addresses).into_iter().flatten() {
            let wanted = SocketAddr::new(address, port);
            fault = match timeout(self.patience, connect(wanted)).await {
                Ok(Ok(socket)) => return Ok((socket, address)),
                Ok(Err(error)) => Fault::because(Failure::ConnectFailed, &error),
                Err(_late) => Fault::new(Failure::ConnectTimeout, "no connection in time"),
            };
        }
        Err(fault)
    }
}

async fn connect(wanted: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(wanted).await?;
    socket.set_nodelay(true)?;
    if socket.peer_addr()? == wanted {
        Ok(socket)
    } else {
        Err(io::Error::other("connected to another address"))
    }
}

/// The addresses to try: the families in turn, because many networks have only one that works.
fn alternating(addresses: &[IpAddr]) -> [Option<IpAddr>; TRIES] {
    let mut v4 = addresses.iter().copied().filter(IpAddr::is_ipv4);
    let mut v6 = addresses.iter().copied().filter(IpAddr::is_ipv6);
    let mut first = true;
    std::array::from_fn(|_| {
        let next =
            if first { v4.next().or_else(|| v6.next()) } else { v6.next().or_else(|| v4.next()) };
        first = !first;
        next
    })
}

#[cfg(test)]
mod tests {
    use super::alternating;
    use std::net::IpAddr;

    fn tried(addresses: &[&str]) -> Vec<String> {
        let addresses: Vec<IpAddr> =
            addresses.iter().map(|address| address.parse().unwrap()).collect();
        alternating(&addresses).into_iter().flatten().map(|address| address.to_string()).collect()
    }

    #[test]
    fn both_families_get_a_try() {
        assert_eq!(
            tried(&["1.1.1.1", "1.1.1.2", "1.1.1.3", "2a00::1"]),
            ["1.1.1.1", "2a00::1", "1.1.1.2"]
        );
        assert_eq!(
            tried(&["2a00::1", "2a00::2", "2a00::3", "2a00::4"]),
            ["2a00::1", "2a00::2", "2a00::3"]
        );
        assert_eq!(tried(&["1.1.1.1"]), ["1.1.1.1"]);
    }
}
