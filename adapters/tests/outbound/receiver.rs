//! A receiver on this machine that does what a test tells it to.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::HERE;

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Does `script` with each connection and its number, from 0.
    pub(crate) async fn start<F, D>(script: F) -> Self
    where
        F: Fn(TcpStream, usize) -> D + Send + 'static,
        D: Future<Output = ()> + Send + 'static,
    {
        Self::start_at(SocketAddr::new(HERE, 0), script).await
    }

    pub(crate) async fn start_at<F, D>(address: SocketAddr, script: F) -> Self
    where
        F: Fn(TcpStream, usize) -> D + Send + 'static,
        D: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            let mut scripts = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = counted.fetch_add(1, Ordering::SeqCst);
                scripts.spawn(script(stream, number));
            }
        });
        Self { address, connections, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn ip(&self) -> IpAddr {
        self.address.ip()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads one request, head and body; `None` at the end of the connection.
pub(crate) async fn request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut read = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        if let Some(head) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&read).into_owned();
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if read.len() >= head + 4 + length {
                return Some(text);
            }
        }
        match stream.read(&mut bytes).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => read.extend_from_slice(&bytes[..count]),
        }
    }
}

/// Waits until the sender closes.
pub(crate) async fn closed<S: AsyncRead + Unpin>(stream: &mut S) {
    let mut bytes = [0; 4096];
    while stream.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
}

/// Reads the request, says `bytes`, and waits until the sender closes.
pub(crate) async fn say(mut stream: TcpStream, bytes: &[u8]) {
    if request(&mut stream).await.is_some() && stream.write_all(bytes).await.is_ok() {
        closed(&mut stream).await;
    }
}

/// Answers every request with 200 and `body`.
pub(crate) async fn serve<S>(mut stream: S, body: &str)
where
    S: AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let answer = answer(body);
    while request(&mut stream).await.is_some() {
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        stream.flush().await.unwrap();
    }
}

pub(crate) fn answer(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}
