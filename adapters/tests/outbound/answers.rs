//! What is told of an answer, and what is asked of a receiver.

use bytes::Bytes;
use firsthand_adapters::outbound::{Connector, Exchange, Failure};
use hyper::HeaderMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::receiver::{Receiver, closed, request};
use crate::receivers::Script::{self, Forever, Say};
use crate::{PATIENT, SHORT, development, post};

/// Asks a receiver that does `script`, once.
async fn told(script: Script) -> Exchange {
    let receiver = Receiver::start(move |stream, _| script.play(stream)).await;
    post(&Connector::new(development(PATIENT)).unwrap(), &receiver.url()).await
}

#[tokio::test]
async fn the_first_bytes_of_a_long_body_are_kept() {
    let exchange = told(Forever(b"HTTP/1.1 200 OK\r\n\r\n", b"0123456789")).await;
    assert_eq!(exchange.body.len(), 8192);
    assert!(exchange.body.starts_with(b"01234567890123"));
}

#[tokio::test]
async fn a_compressed_body_stays_compressed() {
    let bomb = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 14\r\n\r\n\
        \x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03bomb";
    let exchange = told(Say(bomb)).await;
    assert_eq!(exchange.status, Some(200));
    assert_eq!(exchange.body, bomb[bomb.len() - 14..]);
}

#[tokio::test]
async fn what_was_read_before_the_deadline_is_kept() {
    let script = Say(b"HTTP/1.1 200 OK\r\nx-key: value\r\ncontent-length: 9\r\n\r\nhalf");
    let receiver = Receiver::start(move |stream, _| script.play(stream)).await;
    let connector = Connector::new(development(SHORT)).unwrap();
    let exchange = post(&connector, &receiver.url()).await;
    assert_eq!(exchange.error, Some(Failure::Timeout));
    assert_eq!(exchange.body, &b"half"[..]);
    assert!(exchange.headers.contains(&("x-key".to_owned(), "value".to_owned())));
    assert!(exchange.timings.first_byte.is_some());
}

#[tokio::test]
async fn headers_that_are_no_text_are_told_all_the_same() {
    let exchange = told(Say(b"HTTP/1.1 200 OK\r\nx: \xff\r\ncontent-length: 0\r\n\r\n")).await;
    assert!(exchange.headers.contains(&("x".to_owned(), "\u{fffd}".to_owned())));
}

#[tokio::test]
async fn a_receiver_that_reads_nothing_runs_into_the_deadline() {
    let receiver = Receiver::start(|stream, _| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let connector = Connector::new(development(SHORT)).unwrap();
    let target = connector.parse(&receiver.url()).unwrap();
    let body = Bytes::from(vec![0; 16 << 20]);
    let exchange = connector.post(&target, HeaderMap::new(), body).await;
    assert_eq!(exchange.error, Some(Failure::Timeout));
}

#[tokio::test]
async fn a_large_request_need_not_be_read_to_be_answered() {
    let receiver = Receiver::start(|mut stream, _| async move {
        stream.read_exact(&mut [0]).await.unwrap();
        let answer = b"HTTP/1.1 413 No\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let connector = Connector::new(development(PATIENT)).unwrap();
    let target = connector.parse(&receiver.url()).unwrap();
    let body = Bytes::from(vec![0; 16 << 20]);
    let exchange = connector.post(&target, HeaderMap::new(), body).await;
    assert_eq!((exchange.status, exchange.error), (Some(413), None));
    assert_eq!(connector.idle_connections(), 0);
}

#[tokio::test]
async fn a_port_that_nobody_listens_to_fails_to_connect() {
    let receiver = Receiver::start(|_, _| async {}).await;
    let url = receiver.url();
    drop(receiver);
    tokio::task::yield_now().await;
    let exchange = post(&Connector::new(development(PATIENT)).unwrap(), &url).await;
    assert_eq!(exchange.error, Some(Failure::ConnectFailed));
    assert_eq!(exchange.address, None);
}

#[tokio::test]
async fn the_request_is_what_we_made_it_and_nothing_else() {
    let (sender, mut requests) = tokio::sync::mpsc::unbounded_channel();
    let receiver = Receiver::start(move |mut stream, _| {
        let sender = sender.clone();
        async move {
            sender.send(request(&mut stream).await.unwrap()).unwrap();
            stream.write_all(b"HTTP/1.1 204 No\r\n\r\n").await.unwrap();
            closed(&mut stream).await;
        }
    })
    .await;
    let connector = Connector::new(development(PATIENT)).unwrap();
    let target = connector.parse(&format!("{}?key=value", receiver.url())).unwrap();
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("user-agent", "test"),
        ("host", "other"),
        ("accept-encoding", "gzip"),
        ("te", "trailers"),
        ("connection", "close"),
        ("content-length", "99"),
        ("transfer-encoding", "chunked"),
        ("expect", "100-continue"),
        ("upgrade", "h2c"),
        ("proxy-authorization", "x"),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    let exchange = connector.post(&target, headers, Bytes::from_static(b"body")).await;
    assert_eq!(exchange.status, Some(204));
    let expected = format!(
        "POST /hook?key=value HTTP/1.1\r\nuser-agent: test\r\nhost: {}\r\n\
         content-length: 4\r\n\r\nbody",
        receiver.address
    );
    let mut seen: Vec<_> = expected.lines().collect();
    let request = requests.recv().await.unwrap();
    let mut got: Vec<_> = request.lines().collect();
    seen.sort_unstable();
    got.sort_unstable();
    assert_eq!(got, seen);
}

#[tokio::test]
async fn dropping_the_request_closes_its_connection() {
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let receiver = Receiver::start(move |mut stream, _| {
        let sender = sender.clone();
        async move {
            request(&mut stream).await.unwrap();
            sender.send("request").unwrap();
            assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
            sender.send("end").unwrap();
        }
    })
    .await;
    let connector = Connector::new(development(PATIENT)).unwrap();
    let url = receiver.url();
    tokio::select! {
        exchange = post(&connector, &url) => panic!("answered: {exchange:?}"),
        event = seen.recv() => assert_eq!(event, Some("request")),
    }
    assert_eq!(seen.recv().await, Some("end"));
    assert_eq!(connector.idle_connections(), 0);
}
