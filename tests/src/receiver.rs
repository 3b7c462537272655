//! A receiver of webhooks: a real HTTP/1.1 server on the loopback that keeps every request and answers by a rule.
//!
//! It runs on a thread of its own, so that arrival times are true however busy the test is. A test waits for
//! what has arrived with [`Receiver::await_requests`] and [`Receiver::await_until`], never for time.

mod request;

pub use request::Received;

use request::read_request;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot, watch};

const LIMIT: Duration = Duration::from_secs(30);

/// How a request is answered.
#[derive(Debug, Clone)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    delay: Duration,
    held: bool,
    closes: bool,
}

impl Answer {
    /// This status, at once, without a body.
    pub fn status(status: u16) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            delay: Duration::ZERO,
            held: false,
            closes: false,
        }
    }

    /// A 200.
    pub fn ok() -> Answer {
        Self::status(200)
    }

    /// No answer: the connection is closed.
    pub fn closed() -> Answer {
        Answer { closes: true, ..Self::ok() }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Answer {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    pub fn body(self, body: impl Into<Vec<u8>>) -> Answer {
        Answer { body: body.into(), ..self }
    }

    /// Answers after this time.
    pub fn after(self, delay: Duration) -> Answer {
        Answer { delay, ..self }
    }

    /// Answers when [`Receiver::release`] says so.
    pub fn held(self) -> Answer {
        Answer { held: true, ..self }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut head =
            format!("HTTP/1.1 {} X\r\ncontent-length: {}\r\n", self.status, self.body.len());
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut bytes = format!("{head}\r\n").into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

type Rule = Box<dyn FnMut(&Received) -> Answer + Send>;

struct State {
    requests: Vec<Received>,
    rule: Rule,
    in_flight: usize,
    most_in_flight: usize,
}

struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<()>,
    releases: Semaphore,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no rule panics")
    }

    fn begin(&self, request: Received) -> Answer {
        let mut state = self.state();
        let answer = (state.rule)(&request);
        state.requests.push(request);
        state.in_flight += 1;
        state.most_in_flight = state.most_in_flight.max(state.in_flight);
        drop(state);
        self.changed.send_replace(());
        answer
    }
}

/// Counts a request as under way until it is dropped.
struct Turn<'s>(&'s Shared);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state().in_flight -= 1;
        self.0.changed.send_replace(());
    }
}

/// A running receiver. Dropping it closes its port and all its connections.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Receiver {
    /// Answers every request with a 200.
    pub fn start() -> Receiver {
        Self::ruled(|_| Answer::ok())
    }

    /// Gives these answers in order of arrival, then a 200 to everything.
    pub fn scripted(answers: impl IntoIterator<Item = Answer>) -> Receiver {
        let mut answers: VecDeque<Answer> = answers.into_iter().collect();
        Self::ruled(move |_| answers.pop_front().unwrap_or_else(Answer::ok))
    }

    /// Answers by a rule, which is asked once for each request, in order of arrival.
    pub fn ruled(rule: impl FnMut(&Received) -> Answer + Send + 'static) -> Receiver {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket can be non-blocking");
        let address = listener.local_addr().expect("a bound address");
        let state =
            State { requests: Vec::new(), rule: Box::new(rule), in_flight: 0, most_in_flight: 0 };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
            releases: Semaphore::new(0),
        });
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&shared);
        let thread = std::thread::spawn(move || serve(listener, &serving, stopped));
        Receiver { address, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// Where to send webhooks to.
    pub fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    /// Changes the rule for the requests to come.
    pub fn rule(&self, rule: impl FnMut(&Received) -> Answer + Send + 'static) {
        self.shared.state().rule = Box::new(rule);
    }

    /// Everything that has arrived, in order.
    pub fn requests(&self) -> Vec<Received> {
        self.shared.state().requests.clone()
    }

    /// The requests that carry this event.
    pub fn of_event(&self, id: &str) -> Vec<Received> {
        self.requests().into_iter().filter(|request| request.event_id() == id).collect()
    }

    /// How many requests wait for their answers.
    pub fn in_flight(&self) -> usize {
        self.shared.state().in_flight
    }

    /// How many requests have waited for their answers at the same time, at most.
    pub fn most_in_flight(&self) -> usize {
        self.shared.state().most_in_flight
    }

    /// Lets the answer go that has been held longest, or the next to be held.
    pub fn release(&self) {
        self.shared.releases.add_permits(1);
    }

    /// Lets all held answers go, those to come too.
    pub fn release_all(&self) {
        self.shared.releases.close();
    }

    /// The requests once there are so many.
    pub async fn await_requests(&self, count: usize) -> Vec<Received> {
        self.await_until(&format!("{count} requests"), |requests| requests.len() >= count).await
    }

    /// The requests once they are as wanted, within 30 s.
    pub async fn await_until(
        &self,
        what: &str,
        wanted: impl Fn(&[Received]) -> bool,
    ) -> Vec<Received> {
        self.await_within(LIMIT, what, wanted).await
    }

    /// The requests once they are as wanted, within a limit.
    ///
    /// # Panics
    /// When the time is over, with what has arrived.
    pub async fn await_within(
        &self,
        limit: Duration,
        what: &str,
        wanted: impl Fn(&[Received]) -> bool,
    ) -> Vec<Received> {
        let mut changes = self.shared.changed.subscribe();
        let waiting = async {
            loop {
                let requests = self.requests();
                if wanted(&requests) {
                    return requests;
                }
                changes.changed().await.expect("the sender lives as long as the receiver");
            }
        };
        match tokio::time::timeout(limit, waiting).await {
            Ok(requests) => requests,
            Err(_) => panic!("after {limit:?} not received: {what}; but {}", self.summary()),
        }
    }

    /// Waits until so many requests are under way.
    pub async fn await_in_flight(&self, count: usize) {
        let what = format!("{count} at the same time");
        self.await_until(&what, |_| self.in_flight() >= count).await;
    }

    fn summary(&self) -> String {
        let shown = |request: &Received| {
            let text = String::from_utf8_lossy(&request.body).into_owned();
            format!("{} {} {text:.200}", request.method, request.path)
        };
        let requests = self.requests();
        let lines: Vec<String> = requests.iter().map(shown).collect();
        format!("{} requests\n{}", requests.len(), lines.join("\n"))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn serve(listener: std::net::TcpListener, shared: &Arc<Shared>, stopped: oneshot::Receiver<()>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).expect("a listener");
        let accepting = async {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(shared);
                // A caller that hangs up is no affair of the receiver's.
                tokio::spawn(async move { converse(stream, &shared).await.ok() });
            }
        };
        tokio::select! {
            _ = stopped => {}
            () = accepting => {}
        }
    });
}

async fn converse(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut unread = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut unread).await? {
        let answer = shared.begin(request);
        let turn = Turn(shared);
        if answer.held {
            let mut next = [0];
            tokio::select! {
                permit = shared.releases.acquire() => if let Ok(permit) = permit { permit.forget() },
                // The caller hung up.
                _ = stream.peek(&mut next) => return Ok(()),
            }
        }
        tokio::time::sleep(answer.delay).await;
        // Before the answer is out: whoever has it may send the next request at once.
        drop(turn);
        if answer.closes {
            return Ok(());
        }
        stream.write_all(&answer.bytes()).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn held_answers_wait_for_their_release_and_are_counted() {
        let receiver = Receiver::ruled(|_| Answer::status(503).header("Retry-After", "2").held());
        let (api, url) = (crate::Api::anonymous(""), receiver.url());
        let calls = (0..3).map(move |number| {
            let (api, url) = (api.clone(), url.clone());
            async move { api.post(&url, &serde_json::json!({"number": number})).await }
        });
        let calling = tokio::spawn(crate::together(calls));
        receiver.await_in_flight(3).await;
        receiver.release();
        receiver.await_until("one is answered", |_| receiver.in_flight() == 2).await;
        receiver.release_all();
        let replies = calling.await.expect("all are answered");
        assert!(replies.iter().all(|r| r.status == 503 && r.header("retry-after") == Some("2")));
        assert_eq!((receiver.requests().len(), receiver.most_in_flight()), (3, 3));
    }

    #[tokio::test]
    async fn answers_come_in_the_order_of_the_script() {
        let receiver = Receiver::scripted([Answer::status(500), Answer::closed()]);
        let (api, url) = (crate::Api::anonymous(""), receiver.url());
        let post = || api.request(reqwest::Method::POST, &url).bytes("text/plain", "abc");
        assert_eq!(post().send().await.status, 500);
        assert!(post().try_send().await.is_err());
        assert_eq!(post().send().await.status, 200);
        let requests = receiver.await_requests(3).await;
        assert!(requests.iter().all(|request| request.body == b"abc"), "{requests:?}");
    }
}
