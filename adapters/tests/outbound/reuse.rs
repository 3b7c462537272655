//! Connections that carry more than one request, and what must keep them from it.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use firsthand_adapters::outbound::Connector;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{Barrier, Notify};

use crate::name_server::{NameServer, Reply};
use crate::receiver::{Receiver, answer, closed, request, serve};
use crate::{HERE, PATIENT, SHORT, development, post};

fn connector() -> Connector {
    Connector::new(development(PATIENT)).unwrap()
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let receiver = Receiver::start(|stream, _| serve(stream, "ok")).await;
    let connector = connector();
    for number in 0..20 {
        let exchange = post(&connector, &receiver.url()).await;
        assert_eq!((exchange.status, exchange.error), (Some(200), None));
        assert_eq!(exchange.reused, number > 0);
        assert_eq!(exchange.address, Some(HERE));
        assert_eq!(exchange.timings.connect.is_some(), number == 0);
    }
    assert_eq!(receiver.connections(), 1);
    assert_eq!(connector.idle_connections(), 1);
}

#[tokio::test]
async fn a_connection_is_not_used_for_another_url_of_the_same_receiver() {
    let receiver = Receiver::start(|stream, _| serve(stream, "ok")).await;
    let connector = connector();
    post(&connector, &receiver.url()).await;
    let other = post(&connector, &format!("{}/other", receiver.url())).await;
    assert!(!other.reused);
    assert_eq!(receiver.connections(), 2);
}

/// Answers the first connection's request with `first`, every other one as it should.
async fn first_odd(first: &'static str) -> Receiver {
    Receiver::start(move |mut stream, number| async move {
        if number > 0 {
            return serve(stream, "right").await;
        }
        request(&mut stream).await.unwrap();
        stream.write_all(first.as_bytes()).await.unwrap();
        closed(&mut stream).await;
    })
    .await
}

#[tokio::test]
async fn a_connection_with_a_doubt_about_it_is_not_used_again() {
    for first in [
        // A second answer behind the first: nobody asked for it.
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst\
         HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstray",
        "HTTP/1.1 204 No\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstray",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst\n",
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nfirst",
        "HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nfirst",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nfirst",
    ] {
        let receiver = first_odd(first).await;
        let connector = connector();
        post(&connector, &receiver.url()).await;
        assert_eq!(connector.idle_connections(), 0, "{first}");
        let second = post(&connector, &receiver.url()).await;
        assert_eq!(second.body, "right", "{first}");
        assert!(!second.reused, "{first}");
        assert_eq!(receiver.connections(), 2, "{first}");
    }
}

/// A receiver that answers, waits to be told, does `then`, and says that it did.
async fn later<F, D>(then: F) -> (Receiver, Arc<Notify>, Arc<Notify>)
where
    F: Fn(tokio::net::TcpStream) -> D + Clone + Send + Sync + 'static,
    D: Future<Output = Option<tokio::net::TcpStream>> + Send + 'static,
{
    let (go, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (going, doing) = (Arc::clone(&go), Arc::clone(&done));
    let receiver = Receiver::start(move |mut stream, number| {
        let (then, going, doing) = (then.clone(), Arc::clone(&going), Arc::clone(&doing));
        async move {
            if number > 0 {
                return serve(stream, "right").await;
            }
            request(&mut stream).await.unwrap();
            stream.write_all(answer("first").as_bytes()).await.unwrap();
            going.notified().await;
            let rest = then(stream).await;
            doing.notify_one();
            if let Some(mut stream) = rest {
                closed(&mut stream).await;
            }
        }
    })
    .await;
    (receiver, go, done)
}

#[tokio::test]
async fn an_answer_that_came_while_nobody_asked_is_never_taken_for_the_next_one() {
    let (receiver, go, done) = later(|mut stream| async move {
        stream.write_all(answer("stray").as_bytes()).await.unwrap();
        Some(stream)
    })
    .await;
    let connector = connector();
    assert_eq!(post(&connector, &receiver.url()).await.body, "first");
    assert_eq!(connector.idle_connections(), 1);
    go.notify_one();
    done.notified().await;
    let second = post(&connector, &receiver.url()).await;
    assert_eq!((second.body.as_ref(), second.reused), (&b"right"[..], false));
    assert_eq!(second.error, None);
}

/// The receiver runs in a thread and the test never yields, so that only the kernel knows.
#[tokio::test]
async fn a_stray_answer_is_seen_even_before_the_runtime_hears_of_it() {
    let listener = std::net::TcpListener::bind((HERE, 0)).unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (go, going) = std::sync::mpsc::channel();
    let (doing, done) = std::sync::mpsc::channel();
    let receiver = std::thread::spawn(move || {
        let (mut first, _) = listener.accept().unwrap();
        assert!(first.read(&mut [0; 4096]).unwrap() > 0);
        first.write_all(answer("first").as_bytes()).unwrap();
        going.recv().unwrap();
        first.write_all(answer("stray").as_bytes()).unwrap();
        doing.send(()).unwrap();
        let (mut second, _) = listener.accept().unwrap();
        assert!(second.read(&mut [0; 4096]).unwrap() > 0);
        second.write_all(answer("right").as_bytes()).unwrap();
    });
    let connector = connector();
    assert_eq!(post(&connector, &url).await.body, "first");
    assert_eq!(connector.idle_connections(), 1);
    go.send(()).unwrap();
    done.recv().unwrap();
    let second = post(&connector, &url).await;
    assert_eq!((second.body.as_ref(), second.reused), (&b"right"[..], false));
    receiver.join().unwrap();
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_replaced() {
    let (receiver, go, done) = later(|stream| async move {
        drop(stream);
        None
    })
    .await;
    let connector = connector();
    assert_eq!(post(&connector, &receiver.url()).await.body, "first");
    go.notify_one();
    done.notified().await;
    let second = post(&connector, &receiver.url()).await;
    assert_eq!((second.body.as_ref(), second.error), (&b"right"[..], None));
}

#[tokio::test]
async fn a_connection_that_was_reset_while_idle_is_replaced() {
    let (receiver, go, done) = later(|stream| async move {
        stream.set_zero_linger().unwrap();
        drop(stream);
        None
    })
    .await;
    let connector = connector();
    assert_eq!(post(&connector, &receiver.url()).await.body, "first");
    go.notify_one();
    done.notified().await;
    let second = post(&connector, &receiver.url()).await;
    assert_eq!((second.body.as_ref(), second.error), (&b"right"[..], None));
}

#[tokio::test]
async fn a_request_that_may_have_been_read_is_not_sent_again() {
    let receiver = Receiver::start(|mut stream, _| async move {
        request(&mut stream).await.unwrap();
        stream.write_all(answer("first").as_bytes()).await.unwrap();
        // Reads the second request, and closes without a word.
        request(&mut stream).await;
    })
    .await;
    let connector = connector();
    assert_eq!(post(&connector, &receiver.url()).await.error, None);
    let second = post(&connector, &receiver.url()).await;
    assert_eq!(second.error.unwrap().as_str(), "connection_closed");
    assert!(second.reused);
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_connection_is_not_used_after_its_address_left_the_name() {
    let first = Receiver::start(|stream, _| serve(stream, "first")).await;
    let there = SocketAddr::new(Ipv4Addr::new(127, 0, 0, 2).into(), first.address.port());
    let second = Receiver::start_at(there, |stream, _| serve(stream, "second")).await;
    let current = Arc::new(Mutex::new(first.ip()));
    let told = Arc::clone(&current);
    let names = NameServer::start(move |_| Reply::of(&[*told.lock().unwrap()])).await;
    let policy = names.policy(development(PATIENT));
    let connector = Connector::new(policy).unwrap();
    let url = format!("http://hooks.example.com:{}/", first.address.port());
    assert_eq!(post(&connector, &url).await.body, "first");
    assert!(post(&connector, &url).await.reused);
    *current.lock().unwrap() = second.ip();
    let moved = post(&connector, &url).await;
    assert_eq!((moved.body.as_ref(), moved.reused), (&b"second"[..], false));
    assert_eq!(moved.address, Some(second.ip()));
}

/// Posts `count` times at the same time, to `urls` URLs in turn; says how many connections stay.
async fn kept_after(count: usize, urls: usize) -> usize {
    let together = Arc::new(Barrier::new(count));
    let receiver = Receiver::start(move |mut stream, _| {
        let together = Arc::clone(&together);
        async move {
            request(&mut stream).await.unwrap();
            together.wait().await;
            stream.write_all(answer("ok").as_bytes()).await.unwrap();
            closed(&mut stream).await;
        }
    })
    .await;
    let mut policy = development(PATIENT);
    policy.idle_connections = 5;
    policy.idle_per_target = 3;
    let connector = Arc::new(Connector::new(policy).unwrap());
    let mut posts = tokio::task::JoinSet::new();
    for number in 0..count {
        let (connector, url) = (Arc::clone(&connector), receiver.url());
        posts.spawn(async move { post(&connector, &format!("{url}/{}", number % urls)).await });
    }
    while let Some(exchange) = posts.join_next().await {
        assert_eq!(exchange.unwrap().error, None);
    }
    assert_eq!(receiver.connections(), count);
    connector.idle_connections()
}

#[tokio::test]
async fn no_more_connections_are_kept_than_allowed() {
    assert_eq!(kept_after(3, 1).await, 3);
    assert_eq!(kept_after(4, 1).await, 3);
    assert_eq!(kept_after(4, 2).await, 4);
    assert_eq!(kept_after(16, 4).await, 5);
}

#[tokio::test]
async fn a_connection_that_idled_too_long_is_closed() {
    let receiver = Receiver::start(|stream, _| serve(stream, "ok")).await;
    let mut policy = development(PATIENT);
    policy.idle = Duration::ZERO;
    let connector = Connector::new(policy).unwrap();
    post(&connector, &receiver.url()).await;
    assert_eq!(connector.idle_connections(), 1);
    connector.close_idle();
    assert_eq!(connector.idle_connections(), 0);
    assert!(!post(&connector, &receiver.url()).await.reused);
    assert!(!post(&connector, &receiver.url()).await.reused);
}

#[tokio::test]
async fn no_connection_is_kept_after_a_failure() {
    let receiver = Receiver::start(|mut stream, number| async move {
        if number > 0 {
            return serve(stream, "right").await;
        }
        request(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
        closed(&mut stream).await;
    })
    .await;
    let connector = Connector::new(development(SHORT)).unwrap();
    assert_eq!(post(&connector, &receiver.url()).await.error.unwrap().as_str(), "timeout");
    assert_eq!(connector.idle_connections(), 0);
}
