//! The proof by counting packets: in a network of its own, where every address has a route, the
//! connector sends nothing to a forbidden one.

use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use firsthand_adapters::outbound::{Connector, Failure, Policy, Target};
use hyper::HeaderMap;

use crate::addresses::{HOSTS, LOCAL_NAMES};
use crate::name_server::{NameServer, Reply};
use crate::{SHORT, alone, post};

/// Makes a device whose other end nobody reads, and leads every address there. No chatter: no
/// address resolution, no link-local address, no duplicate detection.
const SETUP: [&str; 12] = [
    "link set lo up",
    "link add out type veth peer name sink",
    "link set out addrgenmode none",
    "link set sink addrgenmode none",
    "link set out arp off multicast off",
    "link set sink arp off multicast off",
    "link set out up",
    "link set sink up",
    "address add 10.99.0.1/32 dev out",
    "-6 address add fd99::1/128 dev out nodad",
    "route add default dev out",
    "-6 route add default dev out",
];

/// Returns how to get a network of one's own: whoever may do so does, and everybody else is root in a
/// user namespace of their own, which a process in a changed root is refused.
fn unshare() -> &'static [&'static str] {
    let plain = Command::new("unshare").args(["--net", "true"]).output();
    if plain.is_ok_and(|output| output.status.success()) {
        return &["unshare", "--net"];
    }
    &["unshare", "--map-root-user", "--net"]
}

#[test]
fn no_packet_leaves_to_a_forbidden_address() {
    const NAME: &str = "namespace::no_packet_leaves_to_a_forbidden_address";
    if !alone::is_alone(NAME) {
        return alone::run(unshare(), NAME);
    }
    // Before anything is sent: this must be a network of our own, with nothing in it.
    assert_eq!(devices(), ["lo"], "not in a network of its own");
    for arguments in SETUP {
        let done = Command::new("ip").args(arguments.split(' ')).output().unwrap();
        assert!(done.status.success(), "the test needs ip {arguments}: {done:?}");
    }
    assert_eq!(devices(), ["lo", "out", "sink"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        literals().await;
        names().await;
        control().await;
    });
    alone::end();
}

/// Forbidden addresses and local names in URLs: nothing moves, not even on loopback.
async fn literals() {
    let before = (sent("out"), sent("lo"), connects());
    let targets = HOSTS.iter().chain(&LOCAL_NAMES).map(|host| format!("https://{host}/"));
    let mut tried = 0;
    for target in targets.filter_map(|url| smuggled(&url)) {
        let mut policy = Policy::production();
        policy.deadline = SHORT;
        let connector = Connector::new(policy).unwrap();
        let exchange = connector.post(&target, HeaderMap::new(), Bytes::new()).await;
        assert_eq!(exchange.error, Some(Failure::UrlRefused), "{target}: {exchange:?}");
        tried += 1;
    }
    assert_eq!(tried, HOSTS.len() + LOCAL_NAMES.len());
    assert_eq!((sent("out"), sent("lo"), connects()), before);
    println!("{tried} literals: no packet");
}

/// A target that only a connector without rules would make.
fn smuggled(url: &str) -> Option<Target> {
    let mut policy = Policy::development();
    let strict = Connector::new(policy.clone()).unwrap();
    let host = url::Url::parse(url).unwrap();
    match host.host().unwrap() {
        url::Host::Ipv4(address) => policy.exceptions.push(address.into()),
        url::Host::Ipv6(address) => policy.exceptions.push(address.into()),
        url::Host::Domain(_) => return strict.parse(url).ok(),
    }
    Connector::new(policy).unwrap().parse(url).ok()
}

/// Names with forbidden addresses: questions on loopback, and nothing else.
async fn names() {
    let reply = Arc::new(Mutex::new(Reply::of(&[])));
    let told = Arc::clone(&reply);
    let server = NameServer::start(move |_| told.lock().unwrap().clone()).await;
    let connector = Connector::new(server.policy(Policy::production())).unwrap();
    let before = (sent("out"), connects());
    let mut tried = 0;
    for address in HOSTS.iter().filter_map(|host| smuggled(&format!("https://{host}/"))) {
        let address = address.host().parse().unwrap();
        *reply.lock().unwrap() = Reply::of(&[address]);
        let exchange = post(&connector, "https://hooks.example.com/").await;
        assert_eq!(exchange.error, Some(Failure::AddressRefused), "{address}: {exchange:?}");
        tried += 1;
    }
    assert_eq!(tried, HOSTS.len());
    assert_eq!((sent("out"), connects()), before);
    println!("{tried} names: no packet, no connection");
}

/// The same connector does send to public addresses, and its packets are counted.
async fn control() {
    let mut policy = Policy::production();
    policy.deadline = Duration::from_millis(100);
    let connector = Connector::new(policy).unwrap();
    for url in ["https://8.8.8.8/", "https://[2606:4700:4700::1111]/"] {
        let before = (sent("out"), connects());
        let exchange = post(&connector, url).await;
        assert_eq!(exchange.error, Some(Failure::ConnectTimeout), "{exchange:?}");
        assert!(sent("out") > before.0, "{url}");
        assert!(connects() > before.1, "{url}");
        println!("{url}: {} packets", sent("out") - before.0);
    }
}

fn devices() -> Vec<String> {
    let table = fs::read_to_string("/proc/self/net/dev").unwrap();
    let mut names: Vec<_> = table
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name.trim().to_owned())
        .collect();
    names.sort();
    names
}

/// Packets that left by `device`.
fn sent(device: &str) -> u64 {
    let table = fs::read_to_string("/proc/self/net/dev").unwrap();
    let counts = table
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find_map(|(name, counts)| (name.trim() == device).then_some(counts))
        .unwrap();
    counts.split_whitespace().nth(9).unwrap().parse().unwrap()
}

/// Connections that were begun over TCP.
fn connects() -> u64 {
    let table = fs::read_to_string("/proc/self/net/snmp").unwrap();
    let mut lines = table.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let names = lines.next().unwrap().split_whitespace();
    let counts = lines.next().unwrap().split_whitespace();
    let mut pairs = names.zip(counts);
    pairs.find(|(name, _)| *name == "ActiveOpens").unwrap().1.parse().unwrap()
}
