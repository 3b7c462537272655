//! The connector against a hostile world: addresses, names, receivers.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests"
)]

mod addresses;
mod alone;
mod answers;
mod budget;
mod dns;
mod encrypted;
mod name_server;
mod namespace;
mod receiver;
mod receivers;
mod reuse;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bytes::Bytes;
use firsthand_adapters::outbound::{Connector, Exchange, Policy};
use hyper::HeaderMap;

/// Enough for any answer that is expected to come.
const PATIENT: Duration = Duration::from_secs(20);
/// For answers that never come.
const SHORT: Duration = Duration::from_secs(1);
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn development(deadline: Duration) -> Policy {
    let mut policy = Policy::development();
    policy.deadline = deadline;
    policy
}

/// Posts a small body.
async fn post(connector: &Connector, url: &str) -> Exchange {
    let target = connector.parse(url).unwrap();
    connector.post(&target, HeaderMap::new(), Bytes::from_static(b"{}")).await
}
