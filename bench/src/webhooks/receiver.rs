//! Receivers on loopback: one that answers at once and writes down what came, one that never
//! answers. They share two cores with what is measured, so they do no more than that.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::delivery::Delivery;
use crate::numbers::whole;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
/// Deliveries here are 2 kB; a larger one is a fault of the service.
const REQUEST_BYTES_MAX: usize = 16 << 10;
/// Of so many deliveries one is verified: a check of each would cost what the sender is to have.
const VERIFIED_ONE_IN: u64 = 1_000;

/// One delivery, when its first byte was there.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Arrival {
    /// The event's id.
    pub(super) event_id: String,
    /// The endpoint, by its number.
    pub(super) endpoint: usize,
    /// The first byte's time, in microseconds since the epoch.
    pub(super) arrived_us: i64,
    /// The event's time, in microseconds since the epoch.
    pub(super) created_us: i64,
    /// The number of the attempt, from 1.
    pub(super) attempt: u32,
}

/// What came.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// The deliveries.
    pub(super) arrivals: Vec<Arrival>,
    /// How many of them were verified.
    pub(super) verified: u64,
    /// What was wrong, and how often.
    pub(super) faults: BTreeMap<String, u64>,
    /// Connections to tar pits; each carries one request.
    pub(super) tar_pit_requests: u64,
}

/// The inbox, and the secrets it is verified with.
#[derive(Debug, Default)]
struct Shared {
    inbox: Inbox,
    secrets: BTreeMap<usize, String>,
    received: u64,
}

/// Receivers that run until they are dropped.
#[derive(Debug)]
pub(super) struct Receiver {
    /// Where deliveries are answered.
    pub(super) address: SocketAddr,
    /// Where they never are.
    pub(super) tar_pit: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    _accepting: JoinSet<()>,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the time in microseconds since the epoch.
pub(super) fn now_us() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

impl Receiver {
    /// Listens on two free ports.
    pub(super) async fn open() -> anyhow::Result<Self> {
        let healthy = TcpListener::bind("127.0.0.1:0").await.context("could not listen")?;
        let pit = TcpListener::bind("127.0.0.1:0").await.context("could not listen")?;
        let (address, tar_pit) = (healthy.local_addr()?, pit.local_addr()?);
        let shared = Arc::new(Mutex::new(Shared::default()));
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(healthy, Arc::clone(&shared), serve));
        accepting.spawn(accept(pit, Arc::clone(&shared), swallow));
        Ok(Self { address, tar_pit, shared, _accepting: accepting })
    }

    /// Tells the secret of an endpoint.
    pub(super) fn knows(&self, endpoint: usize, secret: String) {
        lock(&self.shared).secrets.insert(endpoint, secret);
    }

    /// Returns how many deliveries have come since the inbox was last emptied.
    pub(super) fn count(&self) -> u64 {
        whole(lock(&self.shared).inbox.arrivals.len())
    }

    /// Empties the inbox.
    pub(super) fn take(&self) -> Inbox {
        std::mem::take(&mut lock(&self.shared).inbox)
    }
}

/// Serves each connection by a task that ends with this one.
async fn accept<Served>(
    listener: TcpListener,
    shared: Arc<Mutex<Shared>>,
    serve: impl Fn(TcpStream, Arc<Mutex<Shared>>) -> Served,
) where
    Served: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _peer)) = accepted {
                connections.spawn(serve(stream, Arc::clone(&shared)));
            },
            Some(_ended) = connections.join_next(), if !connections.is_empty() => (),
        }
    }
}

/// Answers each request of a connection, then writes it down.
async fn serve(mut stream: TcpStream, shared: Arc<Mutex<Shared>>) {
    let mut buffer = vec![0; REQUEST_BYTES_MAX];
    let (mut filled, mut arrived_us) = (0, 0);
    // Without it, answers are still right.
    drop(stream.set_nodelay(true));
    loop {
        let room = buffer.get_mut(filled..).unwrap_or_default();
        let Ok(read @ 1..) = stream.read(room).await else { return };
        if filled == 0 {
            arrived_us = now_us();
        }
        filled += read;
        match Delivery::parse(buffer.get(..filled).unwrap_or_default()) {
            Ok(None) => (),
            Ok(Some(delivery)) => {
                let answered = stream.write_all(ANSWER).await;
                lock(&shared).receive(&delivery, arrived_us);
                // The sender waits for each answer, so nothing follows what was answered.
                if answered.is_err() || delivery.length != filled {
                    return;
                }
                filled = 0;
            }
            Err(error) => return lock(&shared).fault(&error),
        }
    }
}

/// Reads whatever comes and never answers.
async fn swallow(mut stream: TcpStream, shared: Arc<Mutex<Shared>>) {
    lock(&shared).inbox.tar_pit_requests += 1;
    let mut buffer = [0; 4_096];
    while let Ok(1..) = stream.read(&mut buffer).await {}
}

impl Shared {
    fn receive(&mut self, delivery: &Delivery<'_>, arrived_us: i64) {
        let created_us = match delivery.created_us() {
            Ok(created_us) => created_us,
            Err(error) => return self.fault(&error),
        };
        self.inbox.arrivals.push(Arrival {
            event_id: delivery.event_id.to_owned(),
            endpoint: delivery.endpoint,
            arrived_us,
            created_us,
            attempt: delivery.attempt,
        });
        self.received += 1;
        if self.received % VERIFIED_ONE_IN == 1 {
            let secret = self.secrets.get(&delivery.endpoint).context("an unknown endpoint");
            match secret.and_then(|secret| delivery.verify(secret, arrived_us)) {
                Ok(()) => self.inbox.verified += 1,
                Err(error) => self.fault(&error),
            }
        }
    }

    fn fault(&mut self, error: &anyhow::Error) {
        *self.inbox.faults.entry(format!("{error:#}")).or_default() += 1;
    }
}
