//! The buyer's webhook receiver of the demo: a real HTTP server on loopback.

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// A request as it was received.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    /// The headers, in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// A running receiver.
#[derive(Debug)]
pub(super) struct Receiver {
    /// Where it is.
    pub url: String,
    received: watch::Receiver<Vec<Delivery>>,
    _end: DropGuard,
}

async fn answer(
    request: Request<Incoming>,
    received: watch::Sender<Vec<Delivery>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    if let Ok(body) = body.collect().await {
        received.send_modify(|all| all.push(Delivery { headers, body: body.to_bytes() }));
    }
    Ok(Response::new(Full::new(Bytes::from_static(b"thank you"))))
}

impl Receiver {
    /// Starts a receiver on a free port.
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/hooks", listener.local_addr()?);
        let (sender, received) = watch::channel(Vec::new());
        let (tracker, end) = (TaskTracker::new(), CancellationToken::new());
        let ended = end.clone();
        tracker.clone().spawn(async move {
            loop {
                let accepted = tokio::select! {
                    () = ended.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                let Ok((stream, _)) = accepted else { continue };
                let (sender, ended) = (sender.clone(), ended.clone());
                tracker.spawn(async move {
                    let service = service_fn(|request| answer(request, sender.clone()));
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service);
                    tokio::select! {
                        () = ended.cancelled() => (),
                        served = connection => drop(served),
                    }
                });
            }
        });
        Ok(Self { url, received, _end: end.drop_guard() })
    }

    /// Waits until the requests that have come are enough, and returns them.
    pub(super) async fn deliveries(
        &mut self,
        patience: Duration,
        enough: impl Fn(&[Delivery]) -> bool + Send + Sync,
    ) -> Vec<Delivery> {
        let enough = self.received.wait_for(|all| enough(all));
        drop(tokio::time::timeout(patience, enough).await);
        self.received.borrow().clone()
    }
}
