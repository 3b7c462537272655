//! TLS with receivers that can't, won't, or lie about who they are.

use std::sync::Arc;
use std::time::Duration;

use firsthand_adapters::outbound::{CertificateDer, Connector, Exchange, Failure, Policy};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::version::TLS12;
use tokio_rustls::rustls::{ServerConfig, SupportedProtocolVersion};

use crate::name_server::{NameServer, Reply};
use crate::receiver::{Receiver, answer, closed, request, serve};
use crate::{HERE, PATIENT, SHORT};

const NAME: &str = "hooks.example.com";

/// An authority that the connector trusts.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn root(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// A server with a certificate for `name`, valid until `year`.
    fn server(&self, name: &str, year: i32) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        acceptor(certificate.der().clone(), &key, &[])
    }
}

fn acceptor(
    certificate: CertificateDer<'static>,
    key: &KeyPair,
    versions: &[&'static SupportedProtocolVersion],
) -> TlsAcceptor {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = if versions.is_empty() {
        builder.with_safe_default_protocol_versions().unwrap()
    } else {
        builder.with_protocol_versions(versions).unwrap()
    };
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = builder.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// A connector that trusts `authority` and knows one name, and that name's URL.
async fn setting(
    receiver: &Receiver,
    authority: &Authority,
    deadline: Duration,
) -> (Connector, String, NameServer) {
    let names = NameServer::start(|_| Reply::of(&[HERE])).await;
    let mut policy = names.policy(Policy::production());
    policy.exceptions = vec![HERE];
    policy.ports = None;
    policy.extra_roots = vec![authority.root()];
    policy.deadline = deadline;
    let url = format!("https://{NAME}:{}/hook", receiver.address.port());
    (Connector::new(policy).unwrap(), url, names)
}

async fn post(receiver: &Receiver, authority: &Authority, deadline: Duration) -> Exchange {
    let (connector, url, _names) = setting(receiver, authority, deadline).await;
    crate::post(&connector, &url).await
}

async fn serving(acceptor: TlsAcceptor) -> Receiver {
    Receiver::start(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, "ok").await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_certificate_of_a_known_authority_is_trusted_and_its_connection_reused() {
    let authority = Authority::new();
    let receiver = serving(authority.server(NAME, 2100)).await;
    let (connector, url, _names) = setting(&receiver, &authority, PATIENT).await;
    for number in 0..3 {
        let exchange = crate::post(&connector, &url).await;
        assert_eq!((exchange.status, exchange.error), (Some(200), None), "{exchange:?}");
        assert_eq!(exchange.reused, number > 0);
        assert_eq!(exchange.timings.tls.is_some(), number == 0);
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_certificate_of_nobody_is_refused() {
    let (known, unknown) = (Authority::new(), Authority::new());
    let receiver = serving(unknown.server(NAME, 2100)).await;
    let exchange = post(&receiver, &known, PATIENT).await;
    assert_eq!((exchange.status, exchange.error), (None, Some(Failure::TlsFailed)));
    assert!(exchange.detail.unwrap().contains("invalid peer certificate"));
}

#[tokio::test]
async fn a_certificate_of_its_own_is_refused() {
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec![NAME.to_owned()]).unwrap().self_signed(&key).unwrap();
    let receiver = serving(acceptor(own.der().clone(), &key, &[])).await;
    let exchange = post(&receiver, &Authority::new(), PATIENT).await;
    assert_eq!(exchange.error, Some(Failure::TlsFailed));
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new();
    for name in ["other.example.com", "127.0.0.1", "*.com", "example.com"] {
        let receiver = serving(authority.server(name, 2100)).await;
        let exchange = post(&receiver, &authority, PATIENT).await;
        assert_eq!(exchange.error, Some(Failure::TlsFailed), "{name}");
    }
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_refused() {
    let authority = Authority::new();
    let receiver = serving(authority.server(NAME, 2020)).await;
    let exchange = post(&receiver, &authority, PATIENT).await;
    assert_eq!(exchange.error, Some(Failure::TlsFailed));
    assert!(exchange.detail.unwrap().contains("expired"));
}

#[tokio::test]
async fn an_address_is_a_name_in_a_certificate() {
    let authority = Authority::new();
    let receiver = serving(authority.server("127.0.0.1", 2100)).await;
    let (connector, _, _names) = setting(&receiver, &authority, PATIENT).await;
    let exchange = crate::post(&connector, &format!("https://{}/", receiver.address)).await;
    assert_eq!((exchange.status, exchange.error), (Some(200), None), "{exchange:?}");
}

#[tokio::test]
async fn tls_1_2_will_do() {
    let authority = Authority::new();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority.0).unwrap();
    let receiver = serving(acceptor(certificate.der().clone(), &key, &[&TLS12])).await;
    assert_eq!(post(&receiver, &authority, PATIENT).await.error, None);
}

#[tokio::test]
async fn a_receiver_without_tls_is_no_secure_one() {
    let receiver = Receiver::start(|mut stream: TcpStream, _| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        closed(&mut stream).await;
    })
    .await;
    let exchange = post(&receiver, &Authority::new(), PATIENT).await;
    assert_eq!((exchange.status, exchange.error), (None, Some(Failure::TlsFailed)));
}

#[tokio::test]
async fn a_handshake_that_stalls_runs_into_the_deadline() {
    let receiver = Receiver::start(|mut stream, _| async move { closed(&mut stream).await }).await;
    let exchange = post(&receiver, &Authority::new(), SHORT).await;
    assert_eq!(exchange.error, Some(Failure::TlsTimeout));
    assert!(exchange.timings.connect.is_some());
}

#[tokio::test]
async fn a_close_in_the_handshake_is_a_failure_of_tls() {
    let receiver = Receiver::start(|stream, _| async move { drop(stream) }).await;
    let exchange = post(&receiver, &Authority::new(), PATIENT).await;
    assert_eq!(exchange.error, Some(Failure::TlsFailed));
}

#[tokio::test]
async fn a_truncated_secure_answer_is_not_complete() {
    let authority = Authority::new();
    let acceptor = authority.server(NAME, 2100);
    let receiver = Receiver::start(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            request(&mut stream).await.unwrap();
            // Ends with the connection, but TLS doesn't say that it ends.
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf").await.unwrap();
            stream.flush().await.unwrap();
        }
    })
    .await;
    let exchange = post(&receiver, &authority, PATIENT).await;
    assert_eq!((exchange.status, exchange.error), (Some(200), Some(Failure::ConnectionClosed)));
}

#[tokio::test]
async fn a_stray_secure_answer_is_never_taken_for_the_next_one() {
    let authority = Authority::new();
    let acceptor = authority.server(NAME, 2100);
    let receiver = Receiver::start(move |stream, number| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            if number > 0 {
                return serve(stream, "right").await;
            }
            request(&mut stream).await.unwrap();
            // In one record, in a second one.
            let twice = answer("first") + &answer("stray");
            stream.write_all(twice.as_bytes()).await.unwrap();
            stream.write_all(answer("stray").as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            closed(&mut stream).await;
        }
    })
    .await;
    let (connector, url, _names) = setting(&receiver, &authority, PATIENT).await;
    assert_eq!(crate::post(&connector, &url).await.body, "first");
    let second = crate::post(&connector, &url).await;
    assert_eq!((second.body.as_ref(), second.reused), (&b"right"[..], false));
}
