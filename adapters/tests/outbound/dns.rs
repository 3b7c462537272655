//! Games with DNS, played by a name server on this machine.
//!
//! 127.0.0.1 stands for a public address, by an exception of the policy; everything else on this
//! machine is as forbidden as in production.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use firsthand_adapters::outbound::{Connector, Exchange, Failure, Policy};

use crate::name_server::{NameServer, Question, Reply};
use crate::receiver::{Receiver, serve};
use crate::{HERE, PATIENT, SHORT, post};

const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
const REFUSED: u8 = 5;

/// A name server whose answer can be changed, receivers on two addresses, a connector.
struct World {
    reply: Arc<Mutex<Reply>>,
    names: NameServer,
    connector: Connector,
    allowed: Receiver,
    forbidden: Receiver,
}

impl World {
    async fn new(deadline: Duration, reply: Reply) -> Self {
        let reply = Arc::new(Mutex::new(reply));
        let told = Arc::clone(&reply);
        let names = NameServer::start(move |_| told.lock().unwrap().clone()).await;
        let mut policy = names.policy(Policy::production());
        policy.https_only = false;
        policy.ports = None;
        policy.exceptions = vec![HERE];
        policy.deadline = deadline;
        let allowed = Receiver::start(|stream, _| serve(stream, "ok")).await;
        let there = SocketAddr::new(ip("127.0.0.2"), allowed.address.port());
        let forbidden = Receiver::start_at(there, |stream, _| serve(stream, "secret")).await;
        Self { reply, names, connector: Connector::new(policy).unwrap(), allowed, forbidden }
    }

    async fn with(addresses: &[&str]) -> Self {
        let addresses: Vec<_> = addresses.iter().map(|address| ip(address)).collect();
        Self::new(PATIENT, Reply::of(&addresses)).await
    }

    async fn post(&self) -> Exchange {
        let port = self.allowed.address.port();
        post(&self.connector, &format!("http://hooks.example.com:{port}/")).await
    }

    fn now(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }

    /// Asserts that an attempt is refused and that nothing was connected to.
    async fn refuses(&self) {
        let exchange = self.post().await;
        assert_eq!(exchange.error, Some(Failure::AddressRefused), "{exchange:?}");
        assert_eq!(exchange.address, None);
        assert_eq!(self.forbidden.connections(), 0);
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_name_with_an_allowed_address_is_reached() {
    let world = World::with(&["127.0.0.1"]).await;
    let exchange = world.post().await;
    assert_eq!((exchange.status, exchange.error), (Some(200), None));
    assert_eq!(exchange.address, Some(HERE));
    assert!(exchange.timings.dns.is_some());
}

#[tokio::test]
async fn a_name_with_a_forbidden_address_is_refused() {
    for address in [
        "127.0.0.2",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "fd00:ec2::254",
        "fe80::1",
        "0.0.0.0",
        "::",
    ] {
        let world = World::with(&[address]).await;
        world.refuses().await;
        assert_eq!(world.allowed.connections(), 0, "{address}");
    }
}

#[tokio::test]
async fn one_forbidden_address_condemns_the_whole_set() {
    for addresses in [
        ["127.0.0.1", "127.0.0.2"],
        ["127.0.0.2", "127.0.0.1"],
        ["127.0.0.1", "::1"],
        ["127.0.0.1", "::ffff:127.0.0.1"],
        ["10.0.0.1", "127.0.0.1"],
        ["fd12::1", "127.0.0.1"],
    ] {
        let world = World::with(&addresses).await;
        world.refuses().await;
        assert_eq!(world.allowed.connections(), 0, "{addresses:?}");
    }
}

#[tokio::test]
async fn an_address_that_was_allowed_is_checked_again_at_every_attempt() {
    for lasting in [true, false] {
        let world = World::with(&["127.0.0.1"]).await;
        assert_eq!(world.post().await.error, None);
        let private = Reply::of(&[ip("127.0.0.2")]);
        world.now(if lasting { private } else { private.without_lifetime() });
        world.refuses().await;
        world.now(Reply::of(&[HERE]));
        assert_eq!(world.post().await.error, None);
        world.now(Reply::of(&[HERE, ip("10.0.0.1")]));
        world.refuses().await;
    }
}

#[tokio::test]
async fn an_alias_leads_to_what_is_checked() {
    let world = World::with(&[]).await;
    world.now(Reply::of(&[ip("127.0.0.2")]).alias("localhost.example.com"));
    world.refuses().await;
    world.now(Reply::of(&[HERE]).alias("hooks.example.net"));
    assert_eq!(world.post().await.error, None);
}

#[tokio::test]
async fn an_alias_for_this_machine_leads_nowhere() {
    let world = World::with(&[]).await;
    world.now(Reply::of(&[]).alias("localhost"));
    let exchange = world.post().await;
    let refused = [Some(Failure::AddressRefused), Some(Failure::DnsFailed)];
    assert!(refused.contains(&exchange.error), "{exchange:?}");
    assert_eq!(world.allowed.connections(), 0);
}

#[tokio::test]
async fn three_hundred_answers_are_all_checked() {
    let mut addresses = vec![HERE; 300];
    let world = World::new(PATIENT, Reply::of(&addresses)).await;
    assert_eq!(world.post().await.error, None);
    addresses[299] = ip("10.0.0.1");
    world.now(Reply::of(&addresses));
    world.refuses().await;
}

#[tokio::test]
async fn an_alias_in_a_circle_is_a_failure() {
    let world = World::with(&[]).await;
    world.now(Reply::of(&[]).alias("hooks.example.com"));
    assert_eq!(world.post().await.error, Some(Failure::DnsFailed));
}

#[tokio::test]
async fn a_failure_is_not_an_allowance() {
    let world = World::new(PATIENT, Reply::code(SERVFAIL)).await;
    assert_eq!(world.post().await.error, Some(Failure::DnsFailed));
    world.now(Reply::of(&[ip("127.0.0.2")]));
    world.refuses().await;
    for code in [NXDOMAIN, REFUSED] {
        world.now(Reply::code(code));
        assert_eq!(world.post().await.error, Some(Failure::DnsFailed));
    }
    world.now(Reply::of(&[]));
    assert_eq!(world.post().await.error, Some(Failure::DnsFailed));
    assert_eq!(world.allowed.connections(), 0);
}

#[tokio::test]
async fn a_slow_answer_runs_into_the_deadline() {
    let slow = Reply::of(&[HERE]).after(Duration::from_mins(1));
    for reply in [slow, Reply::silence(), Reply::of(&[HERE]).forged()] {
        let world = World::new(SHORT, reply).await;
        let exchange = world.post().await;
        assert_eq!(exchange.error, Some(Failure::DnsTimeout), "{exchange:?}");
        assert!(exchange.timings.total.unwrap() < SHORT + Duration::from_secs(2));
        assert_eq!(world.allowed.connections(), 0);
    }
}

#[tokio::test]
async fn slow_names_do_not_keep_others_waiting() {
    let names = NameServer::start(|question: &Question| match question.name.as_str() {
        "hooks.example.com." => Reply::of(&[HERE]),
        _ => Reply::silence(),
    })
    .await;
    let mut policy = names.policy(Policy::development());
    policy.deadline = PATIENT;
    let connector = Arc::new(Connector::new(policy).unwrap());
    let receiver = Receiver::start(|stream, _| serve(stream, "ok")).await;
    let mut slow = tokio::task::JoinSet::new();
    for number in 0..300 {
        let connector = Arc::clone(&connector);
        slow.spawn(
            async move { post(&connector, &format!("http://s{number}.example.com/")).await },
        );
    }
    let port = receiver.address.port();
    let exchange = post(&connector, &format!("http://hooks.example.com:{port}/")).await;
    assert_eq!(exchange.error, None, "{exchange:?}");
    assert_eq!(slow.len(), 300);
    assert!(slow.try_join_next().is_none());
}

#[tokio::test]
async fn a_missing_answer_for_one_family_does_not_keep_the_other_from_working() {
    for reply in [Reply::code(SERVFAIL), Reply::code(NXDOMAIN), Reply::of(&[])] {
        let names = NameServer::start(
            move |question: &Question| {
                if question.v6 { reply.clone() } else { Reply::of(&[HERE]) }
            },
        )
        .await;
        let mut policy = names.policy(Policy::development());
        policy.deadline = PATIENT;
        let receiver = Receiver::start(|stream, _| serve(stream, "ok")).await;
        let url = format!("http://hooks.example.com:{}/", receiver.address.port());
        let exchange = post(&Connector::new(policy).unwrap(), &url).await;
        assert_eq!(exchange.error, None, "{exchange:?}");
    }
}

#[tokio::test]
async fn only_the_absolute_name_is_asked_for() {
    let world = World::new(PATIENT, Reply::code(NXDOMAIN)).await;
    assert_eq!(world.post().await.error, Some(Failure::DnsFailed));
    assert_eq!(
        post(&world.connector, "http://BÜCHER.example/").await.error,
        Some(Failure::DnsFailed)
    );
    let questions = world.names.questions();
    assert!(questions.len() >= 4);
    for question in questions {
        let asked = ["hooks.example.com.", "xn--bcher-kva.example."];
        assert!(asked.contains(&question.name.as_str()), "{question:?}");
    }
}

#[tokio::test]
async fn only_as_many_addresses_as_allowed_are_tried() {
    // Nobody listens on these; loopback refuses at once.
    let addresses: Vec<_> = (10..30).map(|last| ip(&format!("127.0.0.{last}"))).collect();
    let names = NameServer::start(move |_| Reply::of(&addresses)).await;
    let last =
        Receiver::start_at(SocketAddr::new(ip("127.0.0.13"), 0), |stream, _| serve(stream, "ok"))
            .await;
    let mut policy = names.policy(Policy::development());
    policy.deadline = PATIENT;
    let url = format!("http://hooks.example.com:{}/", last.address.port());
    let exchange = post(&Connector::new(policy).unwrap(), &url).await;
    assert_eq!(exchange.error, Some(Failure::ConnectFailed));
    assert_eq!(last.connections(), 0);
}
