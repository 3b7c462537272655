//! The buyer's endpoints: a lean HTTP/1.1 server for each, in this process, outside the blast radius.
//!
//! They answer 200 mostly, at once mostly. Now and then one answers 500, hangs up without an answer, or takes a moment,
//! so that requests are in flight when a process dies. None fails so often that a delivery fails for good, or that the
//! product takes the endpoint for dead.

use crate::support::Rng;
use crate::webhooks_records::{Progress, Records};
use sha2::{Digest, Sha256};
use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// An attempt beyond this one is never failed: there are six, and a kill may cost some of them.
const LAST_FAILED_ATTEMPT: u32 = 3;
/// So many good answers lie between two bad ones: five failures in a row would put the endpoint on probation.
const GOOD_BETWEEN: u32 = 8;
/// In a thousand requests: 500s, hang-ups, slow answers.
const ERRORS: u64 = 25;
const HANG_UPS: u64 = 15;
const SLOW: u64 = 150;
/// The slowest answer. Shorter than any restart, so that no request of a dead server is still at work in the next life.
const SLOWEST_MS: u64 = 40;
/// A request larger than this is no webhook.
const LARGEST: usize = 1 << 20;

const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok";
const BAD: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
const REFUSED: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// All endpoints. Dropping it closes their doors.
pub(crate) struct Receivers {
    /// Where each listens.
    pub(crate) urls: Vec<String>,
    shared: Arc<Shared>,
    _doors: JoinSet<()>,
}

struct Shared {
    records: Mutex<Records>,
    tempers: Vec<Mutex<Temper>>,
    progress: watch::Sender<Progress>,
}

/// What a receiver does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mood {
    wait: Duration,
    /// `None`: it hangs up.
    status: Option<u16>,
}

/// A receiver's character.
#[derive(Debug)]
struct Temper {
    rng: Rng,
    good: u32,
}

/// What a request's head says.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    length: usize,
    attempt: u32,
    event: String,
}

impl Receivers {
    /// Opens so many endpoints.
    pub(crate) async fn open(count: usize, seed: u64) -> Result<Receivers> {
        let temper = |endpoint: usize| {
            Mutex::new(Temper { rng: Rng::lane(seed, 10_000 + endpoint as u64), good: 0 })
        };
        let shared = Arc::new(Shared {
            records: Mutex::default(),
            tempers: (0..count).map(temper).collect(),
            progress: watch::Sender::default(),
        });
        let (mut urls, mut doors) = (Vec::new(), JoinSet::new());
        for endpoint in 0..count {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            urls.push(format!("http://{}/hooks/{endpoint}", listener.local_addr()?));
            doors.spawn(welcome(listener, endpoint, Arc::clone(&shared)));
        }
        Ok(Receivers { urls, shared, _doors: doors })
    }

    /// Follows the deliveries.
    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.shared.progress.subscribe()
    }

    /// What was seen so far. Whoever looks keeps the receivers waiting.
    pub(crate) fn records(&self) -> MutexGuard<'_, Records> {
        self.shared.records()
    }
}

impl Shared {
    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().expect("no panic while held")
    }

    fn arrived(
        &self,
        endpoint: usize,
        head: &Head,
        body: &[u8],
    ) -> std::result::Result<usize, String> {
        let hash = Sha256::digest(body).into();
        let mut records = self.records();
        let request = records.arrived(endpoint, head.attempt, hash, body)?;
        let event = records.event(&records.requests[request]);
        if event != head.event {
            let line = format!("the header of {event} calls it {}", head.event);
            records.malformed.push(line);
        }
        let progress = records.progress();
        drop(records);
        self.progress.send_replace(progress);
        Ok(request)
    }

    fn answered(&self, request: usize, status: u16) {
        let mut records = self.records();
        records.answered(request, status);
        let progress = records.progress();
        drop(records);
        self.progress.send_replace(progress);
    }
}

impl Temper {
    fn mood(&mut self, attempt: u32) -> Mood {
        let (roll, slow) = (self.rng.between(0, 999), self.rng.between(0, 999) < SLOW);
        let wait = Duration::from_millis(if slow { self.rng.between(1, SLOWEST_MS) } else { 0 });
        let patient = self.good < GOOD_BETWEEN || attempt > LAST_FAILED_ATTEMPT;
        let status = match roll {
            0..ERRORS if !patient => Some(500),
            ERRORS.. if roll < ERRORS + HANG_UPS && !patient => None,
            _ => Some(200),
        };
        self.good = if status == Some(200) { self.good + 1 } else { 0 };
        Mood { wait, status }
    }
}

async fn welcome(listener: TcpListener, endpoint: usize, shared: Arc<Shared>) {
    let mut guests = JoinSet::new();
    loop {
        tokio::select! {
            guest = listener.accept() => {
                if let Ok((stream, _)) = guest {
                    let shared = Arc::clone(&shared);
                    // How a connection ends is the product's business: it is killed all the time.
                    guests.spawn(async move { converse(stream, endpoint, &shared).await.ok() });
                }
            }
            Some(_) = guests.join_next() => (),
        }
    }
}

/// One connection: request, answer, request, answer, until somebody hangs up.
async fn converse(mut stream: TcpStream, endpoint: usize, shared: &Shared) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(8_192);
    while let Some(length) = head_length(&mut stream, &mut buffer).await? {
        let head = match head(&buffer[..length]) {
            Ok(head) => head,
            Err(why) => return refuse(&mut stream, endpoint, shared, &why).await,
        };
        let whole = length + head.length;
        while buffer.len() < whole {
            more(&mut stream, &mut buffer).await?;
        }
        let request = match shared.arrived(endpoint, &head, &buffer[length..whole]) {
            Ok(request) => request,
            Err(why) => return refuse(&mut stream, endpoint, shared, &why).await,
        };
        buffer.drain(..whole);
        let mood = {
            let mut temper = shared.tempers[endpoint].lock().expect("no panic while held");
            temper.mood(head.attempt)
        };
        if !mood.wait.is_zero() {
            sleep(mood.wait).await;
        }
        let Some(status) = mood.status else { return Ok(()) };
        shared.answered(request, status);
        stream.write_all(if status == 200 { GOOD } else { BAD }).await?;
    }
    Ok(())
}

async fn refuse(stream: &mut TcpStream, endpoint: usize, shared: &Shared, why: &str) -> Result<()> {
    shared.records().malformed.push(format!("at endpoint {endpoint}: {why}"));
    stream.write_all(REFUSED).await
}

/// Reads until the buffer begins with a whole head; its length, or `None` if the peer hung up between two requests.
async fn head_length(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<Option<usize>> {
    loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            return Ok(Some(at + 4));
        }
        match more(stream, buffer).await {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof && buffer.is_empty() => {
                return Ok(None);
            }
            read => read?,
        }
    }
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
    if buffer.len() > LARGEST {
        return Err(Error::from(ErrorKind::InvalidData));
    }
    match stream.read_buf(buffer).await? {
        0 => Err(Error::from(ErrorKind::UnexpectedEof)),
        _ => Ok(()),
    }
}

fn head(bytes: &[u8]) -> std::result::Result<Head, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    if !first.starts_with("POST /hooks/") || !first.ends_with(" HTTP/1.1") {
        return Err(format!("the first line is {first:?}"));
    }
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).collect();
    let value = |name: &str| {
        let found = headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim()).ok_or_else(|| format!("no {name} in {text:?}"))
    };
    let number = |name: &str| {
        let given = value(name)?;
        given.parse::<u32>().map_err(|error| format!("{name}: {given:?}: {error}"))
    };
    let length = usize::try_from(number("content-length")?).map_err(|error| error.to_string())?;
    if length > LARGEST {
        return Err(format!("a body of {length} bytes"));
    }
    let attempt = number("x-firsthandapi-delivery-attempt")?;
    Ok(Head { length, attempt, event: value("x-firsthandapi-event-id")?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_temper_fails_now_and_then_but_never_often_enough_to_matter() {
        let mut temper = Temper { rng: Rng::lane(3, 1), good: 0 };
        let moods: Vec<Mood> = (0..20_000).map(|_| temper.mood(1)).collect();
        let count = |status| moods.iter().filter(|mood| mood.status == status).count();
        assert!((150..600).contains(&count(Some(500))), "{}", count(Some(500)));
        assert!((90..400).contains(&count(None)), "{}", count(None));
        assert!(moods.iter().all(|mood| mood.wait <= Duration::from_millis(SLOWEST_MS)));
        let bad: Vec<usize> =
            (0..moods.len()).filter(|at| moods[*at].status != Some(200)).collect();
        assert!(bad.windows(2).all(|two| two[1] - two[0] > GOOD_BETWEEN as usize));
        assert!((0..5_000).all(|_| temper.mood(LAST_FAILED_ATTEMPT + 1).status == Some(200)));
    }

    #[test]
    fn a_head_without_what_a_webhook_must_carry_is_refused() {
        let good = "POST /hooks/3 HTTP/1.1\r\nContent-Length: 7\r\nX-FirstHandAPI-Event-Id: evt_1\r\n\
            x-firsthandapi-delivery-attempt: 2\r\n\r\n";
        let read = Head { length: 7, attempt: 2, event: "evt_1".to_owned() };
        assert_eq!(head(good.as_bytes()), Ok(read));
        for line in good.split_inclusive("\r\n").filter(|line| line.len() > 2) {
            assert!(head(good.replace(line, "").as_bytes()).is_err(), "without {line:?}");
        }
    }

    #[tokio::test]
    async fn two_requests_in_one_packet_and_one_in_two_are_three_requests() {
        let receivers = Receivers::open(1, 5).await.expect("a free port");
        let host = receivers.urls[0].strip_prefix("http://").and_then(|url| url.split_once('/'));
        let mut stream =
            TcpStream::connect(host.expect("a URL").0).await.expect("the door is open");
        let request = |event: &str| {
            let body = json!({"object": "event", "id": event, "sequence": null, "data": {}});
            let body = body.to_string();
            format!(
                "POST /hooks/0 HTTP/1.1\r\ncontent-length: {}\r\nx-firsthandapi-event-id: {event}\r\n\
                 x-firsthandapi-delivery-attempt: 9\r\n\r\n{body}",
                body.len()
            )
        };
        let sent = [request("evt_1"), request("evt_2"), request("evt_3")].concat();
        for part in [&sent[..sent.len() - 9], &sent[sent.len() - 9..]] {
            stream.write_all(part.as_bytes()).await.expect("a listener");
            stream.flush().await.expect("a listener");
            tokio::task::yield_now().await;
        }
        let mut answers = vec![0; 3 * GOOD.len()];
        stream.read_exact(&mut answers).await.expect("three answers");
        assert_eq!(answers, GOOD.repeat(3));
        let records = receivers.records();
        assert_eq!(records.progress(), Progress { requests: 3, delivered: 3 });
        assert!(records.malformed.is_empty(), "{:?}", records.malformed);
    }
}
