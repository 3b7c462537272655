//! Serving HTTP/1.1: one task for each connection, graceful at the end.

mod body;

use anyhow::Result;
use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use body::Patient;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::util::MapRequest;

/// How long a client may take to send its headers, and how long requests may take at the end.
const HEADERS: Duration = Duration::from_secs(75);
const DRAIN: Duration = Duration::from_secs(20);
/// How long to leave it after a failed accept, most likely for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);
/// Most connections at a time. One that waits takes 18.5 kB, so all of them take 370 MB. More wait in the
/// listener's queue.
const MOST_CONNECTIONS: u64 = 20_000;

/// How long nothing is said of a full house after it was said.
const QUIET: Duration = Duration::from_mins(1);

/// Returns how many connections there may be with so many file descriptors. As many are left for what requests
/// open themselves: files on their way, connections to the database and to object storage.
fn connections_for(files: u64) -> usize {
    usize::try_from((files / 2).clamp(1, MOST_CONNECTIONS)).unwrap_or(usize::MAX)
}

/// Raises our limit of file descriptors as far as we need and may, and returns how many connections fit.
fn most_connections() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.unwrap_or(u64::MAX).min(2 * MOST_CONNECTIONS);
    if current.is_some_and(|current| current < wanted) {
        let raised = Rlimit { current: Some(wanted), maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(error = &error as &dyn std::error::Error, "the limit of files stays");
        }
    }
    connections_for(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX))
}

/// Serves until it is told to stop; then finishes the requests under way, and cuts what takes too long.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    tracker: &TaskTracker,
    stop: &CancellationToken,
) -> Result<()> {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADERS).pipeline_flush(true);
    let graceful = GracefulShutdown::new();
    let most = most_connections();
    let mut connections = JoinSet::new();
    let mut warned: Option<Instant> = None;
    loop {
        let (stream, peer) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(error = &error as &dyn std::error::Error, "a connection panicked");
                }
                continue;
            }
            accepted = listener.accept(), if connections.len() < most => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "accept failed");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = &error as &dyn std::error::Error, "no TCP_NODELAY");
        }
        // Who is not known by a key or a token is known by the address.
        let stopping = stop.clone();
        let service = MapRequest::new(router.clone(), move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            request.map(|body| Patient::new(body, stopping.clone()))
        });
        let service = TowerToHyperService::new(service);
        let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service));
        connections.spawn(tracker.track_future(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = &error as &dyn std::error::Error, "a connection broke");
            }
        }));
        if connections.len() == most && warned.is_none_or(|at| at.elapsed() > QUIET) {
            warned = Some(Instant::now());
            tracing::warn!(most, "no further connection is taken until one ends");
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!(connections = tracker.len(), "requests are cut off");
    }
    connections.shutdown().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{DRAIN, connections_for, serve};
    use axum::Router;
    use axum::routing::get;
    use std::sync::Arc;
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::Notify;
    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;
    use tokio_util::task::TaskTracker;

    #[test]
    fn half_of_the_file_descriptors_are_for_connections() {
        assert_eq!(connections_for(0), 1);
        assert_eq!(connections_for(1_024), 512);
        assert_eq!(connections_for(40_000), 20_000);
        assert_eq!(connections_for(u64::MAX), 20_000);
    }

    #[tokio::test]
    async fn a_request_that_does_not_end_is_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let bell = Arc::new(Notify::new());
        let rope = Arc::clone(&bell);
        let endless = move || async move {
            rope.notify_one();
            std::future::pending::<()>().await;
        };
        let router = Router::new().route("/", get(endless));
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        let mut client = TcpStream::connect(address).await.expect("the listener's queue");
        client.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.expect("a connection");
        let (served, told) = tokio::join!(serve(listener, router, &tracker, &stop), async {
            bell.notified().await;
            tokio::time::pause();
            stop.cancel();
            Instant::now()
        });
        served.expect("an end");
        assert_eq!(told.elapsed().as_secs(), DRAIN.as_secs());
        assert!(tracker.is_empty(), "a connection is still served");
    }
}
