//! A tap between a process and its database: every message whose answer somebody waits for is counted, by the
//! pool that sent it and the statement that it carried.
//!
//! Not counted is what a pool does for itself: it prepares a statement once for each connection, asks whether a
//! connection lives when it comes back and before it is used after a second, and then rolls back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

/// Version 3.0 of the protocol, which a startup message begins with; others are asked in between.
const STARTUP: u32 = 196_608;

/// What stands for the statement where there is none: whether the connection lives.
const PING: &str = "(ping)";

/// A connection that lay idle for about this long is tried before it is used.
const IDLE: Duration = Duration::from_millis(900);

/// Statements by pool and text, and how often the answer to one was waited for.
type Counts = BTreeMap<(String, String), u64>;

/// What passed the tap.
#[derive(Clone, Default)]
pub struct Tap {
    counts: Arc<Mutex<Counts>>,
}

impl Tap {
    /// Listens below `folder` and passes everything on to the server of this URL. Returns the URL of its
    /// database `name` to connect to instead.
    pub fn open(folder: &Path, database_url: &str, name: &str) -> (Tap, String) {
        let (user, place) = database_url.split_once('@').expect("a URL with a user");
        let (host, _) = place.split_once('/').expect("a URL with a database");
        let host = host.trim_end_matches(":5432");
        let socket = PathBuf::from(host.replace("%2F", "/")).join(".s.PGSQL.5432");
        let listener = UnixListener::bind(folder.join(".s.PGSQL.5432")).expect("a socket");
        let tap = Tap::default();
        let passed = tap.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (tap, socket) = (passed.clone(), socket.clone());
                tokio::spawn(async move {
                    let server = UnixStream::connect(&socket).await.expect("the database listens");
                    tap.pass(client, server).await;
                });
            }
        });
        (tap, format!("{user}@{}/{name}", folder.display().to_string().replace('/', "%2F")))
    }

    async fn pass(&self, client: UnixStream, server: UnixStream) {
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let answers = tokio::spawn(async move {
            // Ends when either side hangs up, which is how connections end.
            let _closed = tokio::io::copy(&mut from_server, &mut to_client).await;
        });
        let mut connection = Connection { tap: self.clone(), ..Connection::default() };
        while let Ok(message) = connection.read(&mut from_client).await {
            if to_server.write_all(&message).await.is_err() {
                break;
            }
        }
        drop(to_server);
        answers.abort();
    }

    /// Forgets what was counted.
    pub fn reset(&self) {
        self.counts.lock().expect("no panic while held").clear();
    }

    /// Returns what was counted since the last reset.
    pub fn counts(&self) -> Counts {
        self.counts.lock().expect("no panic while held").clone()
    }
}

/// What a series of messages holds so far.
#[derive(Default)]
struct Series {
    prepares: bool,
    executes: bool,
}

/// The half of a connection that asks.
#[derive(Default)]
struct Connection {
    tap: Tap,
    started: bool,
    pool: String,
    prepared: BTreeMap<String, String>,
    known: BTreeSet<String>,
    current: String,
    series: Series,
    /// When the latest ping came, if nothing was asked since.
    pinged: Option<Instant>,
}

/// The text up to the next zero byte.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

impl Connection {
    /// Reads one message, with its head.
    async fn read(
        &mut self,
        from: &mut (impl tokio::io::AsyncRead + Unpin),
    ) -> std::io::Result<Vec<u8>> {
        let head = if self.started { 5 } else { 4 };
        let mut message = vec![0; head];
        from.read_exact(&mut message).await?;
        let size = u32::from_be_bytes(message[head - 4..].try_into().expect("four bytes"));
        message.resize(head - 4 + size as usize, 0);
        from.read_exact(&mut message[head..]).await?;
        if self.started {
            self.note(message[0], &message[5..])
        } else {
            self.start(&message[4..])
        }
        Ok(message)
    }

    fn start(&mut self, body: &[u8]) {
        self.started = body[..4] == STARTUP.to_be_bytes();
        let words: Vec<_> = body[4..].split(|byte| *byte == 0).map(text).collect();
        let pairs = words.chunks(2).find(|pair| pair[0] == "application_name");
        self.pool = pairs.and_then(|pair| pair.get(1)).cloned().unwrap_or_default();
    }

    fn note(&mut self, kind: u8, body: &[u8]) {
        match kind {
            b'P' => {
                let name = text(body);
                self.current = text(&body[name.len() + 1..]);
                self.prepared.insert(name, self.current.clone());
                self.series.prepares = self.known.insert(self.current.clone());
            }
            b'B' => {
                let portal = text(body);
                let name = text(&body[portal.len() + 1..]);
                self.current = self.prepared.get(&name).cloned().unwrap_or(name);
            }
            b'E' => self.series.executes = true,
            b'Q' => {
                self.pinged = None;
                self.current = text(body);
                if !self.current.eq_ignore_ascii_case("rollback") {
                    self.count();
                }
                self.current.clear();
            }
            // The end of a series: the answer is waited for.
            b'S' => self.end(),
            _ => (),
        }
    }

    fn end(&mut self) {
        let series = std::mem::take(&mut self.series);
        let asked = !self.current.is_empty();
        if asked {
            self.pinged = None;
            if series.executes || !series.prepares {
                self.count();
            }
        } else {
            // The first one after a statement is asked when nobody waits any more.
            if self.pinged.replace(Instant::now()).is_some_and(|last| last.elapsed() < IDLE) {
                PING.clone_into(&mut self.current);
                self.count();
            }
        }
        self.current.clear();
    }

    fn count(&self) {
        let statement = self.current.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut counts = self.tap.counts.lock().expect("no panic while held");
        *counts.entry((self.pool.clone(), statement)).or_default() += 1;
    }
}
