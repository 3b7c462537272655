//! What the drivers share: chance, the line to a server that comes and goes, lists, crowds.

use firsthand_tests::http::{Api, Reply, escape};
use firsthand_tests::{Media, worker};
use reqwest::Method;
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// A request without an answer after this long counts as cut off: its outcome is in doubt.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);
/// Between two attempts of the same request.
const RETRY_PAUSE: Duration = Duration::from_millis(8);

/// `SplitMix64`: the same seed gives the same schedule in every build.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    /// An independent sequence of a seed.
    pub(crate) fn lane(seed: u64, lane: u64) -> Rng {
        let mut rng = Rng(seed ^ lane.wrapping_mul(0xD134_2543_DE82_EF95));
        rng.draw();
        rng
    }

    /// The next number.
    pub(crate) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.draw() % (high - low + 1)
    }

    /// True this often in a hundred.
    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.draw() % 100 < chance
    }

    /// An index below `length`.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.draw() % length as u64).expect("below a usize")
    }
}

/// Where the server is to be found at the moment.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) base_url: String,
    pub(crate) operator_token: String,
}

/// The current address; `None` while the server is down.
pub(crate) type Whereabouts = watch::Receiver<Option<Address>>;

/// A request that can be sent any number of times.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) token: Option<Arc<str>>,
    pub(crate) key: Option<String>,
    pub(crate) payload: Payload,
}

/// The body of an [`Ask`].
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    Nothing,
    Json(String),
    File(Arc<Media>),
}

impl Ask {
    /// GET as the owner of this token.
    pub(crate) fn get(token: &Arc<str>, path: impl Into<String>) -> Ask {
        Ask::new(Method::GET, path).by(token)
    }

    /// POST, so far without token, key and body.
    pub(crate) fn post(path: impl Into<String>) -> Ask {
        Ask::new(Method::POST, path)
    }

    fn new(method: Method, path: impl Into<String>) -> Ask {
        Ask { method, path: path.into(), token: None, key: None, payload: Payload::Nothing }
    }

    pub(crate) fn by(self, token: &Arc<str>) -> Ask {
        Ask { token: Some(Arc::clone(token)), ..self }
    }

    pub(crate) fn keyed(self, key: &str) -> Ask {
        Ask { key: Some(key.to_owned()), ..self }
    }

    pub(crate) fn json(self, body: &Value) -> Ask {
        Ask { payload: Payload::Json(body.to_string()), ..self }
    }

    pub(crate) fn file(self, media: &Arc<Media>) -> Ask {
        Ask { payload: Payload::File(Arc::clone(media)), ..self }
    }

    /// What reports call it.
    pub(crate) fn name(&self) -> String {
        let key = self.key.as_deref().map(|key| format!(" (key {key})")).unwrap_or_default();
        format!("{} {}{key}", self.method, self.path)
    }
}

/// What became of one attempt.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// An answer that will not change by asking again.
    Answered(Reply),
    /// It surely had no effect: no connection was made.
    Unsent(String),
    /// Cut off, or answered with an error that leaves the outcome open.
    InDoubt(String),
}

/// A final answer, and how many attempts before it were in doubt.
#[derive(Debug)]
pub(crate) struct Final {
    pub(crate) reply: Reply,
    pub(crate) doubts: u64,
}

/// A caller's line to the server: it finds the server again after each restart.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    api: Api,
    at: Whereabouts,
    patience: Duration,
    doing: Doing,
}

/// What a caller is at, and what kept it; empty once it has come to its end.
pub(crate) type Doing = Arc<Mutex<String>>;

impl Line {
    /// A line whose callers give up on a request after `patience`.
    pub(crate) fn new(at: &Whereabouts, patience: Duration) -> Line {
        let (api, at) = (Api::anonymous("http://127.0.0.1:1"), at.clone());
        Line { api, at, patience, doing: Arc::default() }
    }

    /// A line like this one that keeps its own account of what its caller is at.
    pub(crate) fn own(&self) -> Line {
        Line { doing: Arc::default(), ..self.clone() }
    }

    /// Where the caller's doings can be read.
    pub(crate) fn doing(&self) -> Doing {
        Arc::clone(&self.doing)
    }

    /// Notes what the caller is at.
    pub(crate) fn note(&self, what: String) {
        *self.doing.lock().expect("no panic while held") = what;
    }

    /// The server's address, once there is one.
    pub(crate) async fn address(&mut self) -> Result<Address, String> {
        let found = self.at.wait_for(Option::is_some).await;
        found
            .ok()
            .and_then(|address| address.clone())
            .ok_or_else(|| "the driver is gone".to_owned())
    }

    /// Sends a request once, as soon as the server is up.
    pub(crate) async fn once(&mut self, ask: &Ask) -> Attempt {
        self.note(ask.name());
        let attempt = self.sent(ask).await;
        if let Attempt::Unsent(why) | Attempt::InDoubt(why) = &attempt {
            self.note(format!("{}, last: {why}", ask.name()));
        }
        attempt
    }

    async fn sent(&mut self, ask: &Ask) -> Attempt {
        let base = match self.address().await {
            Ok(address) => address.base_url,
            Err(why) => return Attempt::Unsent(why),
        };
        let mut api = self.api.with_base_url(&base);
        if let Some(token) = &ask.token {
            api = api.with_token(token);
        }
        let mut call = api.request(ask.method.clone(), &ask.path);
        if let Some(key) = &ask.key {
            call = call.key(key);
        }
        call = match &ask.payload {
            Payload::Nothing if ask.method == Method::GET => call,
            Payload::Nothing => call.header("content-length", "0"),
            Payload::Json(text) => call.bytes("application/json", text.clone()),
            Payload::File(media) => call.multipart(worker::form(std::slice::from_ref(media))),
        };
        match timeout(REQUEST_LIMIT, call.try_send()).await {
            Ok(Ok(reply)) if passing(&reply) => Attempt::InDoubt(reply.to_string()),
            Ok(Ok(reply)) => Attempt::Answered(reply),
            Ok(Err(error)) if error.is_connect() => Attempt::Unsent(error.to_string()),
            Ok(Err(error)) => Attempt::InDoubt(format!("{error:?}")),
            Err(_) => Attempt::InDoubt(format!("no answer within {REQUEST_LIMIT:?}")),
        }
    }

    /// Sends a request, with the same key and body, until the answer is final.
    pub(crate) async fn finally(&mut self, ask: &Ask) -> Result<Final, String> {
        let began = Instant::now();
        let mut doubts = 0;
        loop {
            let why = match self.once(ask).await {
                Attempt::Answered(reply) => return Ok(Final { reply, doubts }),
                Attempt::Unsent(why) => why,
                Attempt::InDoubt(why) => {
                    doubts += 1;
                    why
                }
            };
            if began.elapsed() > self.patience {
                let waited = self.patience;
                return Err(format!(
                    "{}: no final answer within {waited:?}, last: {why}",
                    ask.name()
                ));
            }
            self.pause().await;
        }
    }

    /// The JSON of an answer with this status; anything else is an error that says what came.
    pub(crate) async fn expect(&mut self, status: u16, ask: &Ask) -> Result<Value, String> {
        let answer = self.finally(ask).await?.reply;
        if answer.status == status { parsed(&answer) } else { Err(answer.to_string()) }
    }

    /// A list's rows, newest first, by following its cursors.
    pub(crate) async fn list(
        &mut self,
        token: &Arc<str>,
        path: &str,
    ) -> Result<Vec<Value>, String> {
        let first = format!("{path}{}limit=100", if path.contains('?') { '&' } else { '?' });
        let mut rows = Vec::new();
        let mut next = first.clone();
        loop {
            let mut page = self.expect(200, &Ask::get(token, next.clone())).await?;
            let Some(Value::Array(data)) = page.get_mut("data").map(Value::take) else {
                return Err(format!("GET {next}: no data"));
            };
            rows.extend(data);
            let Some(cursor) = page["next_cursor"].as_str().filter(|_| page["has_more"] == true)
            else {
                return Ok(rows);
            };
            let following = format!("{first}&cursor={}", escape(cursor));
            if following == next {
                return Err(format!("GET {next}: the page's cursor leads to itself"));
            }
            next = following;
        }
    }

    /// Waits a little before the next attempt, or until the server has come back.
    pub(crate) async fn pause(&mut self) {
        if let Ok(Err(_)) = timeout(RETRY_PAUSE, self.at.changed()).await {
            sleep(RETRY_PAUSE).await;
        }
    }
}

/// Says whether asking again may bring another answer: the server is in trouble, busy, or still at the first attempt.
fn passing(reply: &Reply) -> bool {
    let twin_in_flight = reply.status == 409 && reply.header("retry-after").is_some();
    reply.status >= 500 || matches!(reply.status, 408 | 425 | 429) || twin_in_flight
}

/// An answer's JSON.
pub(crate) fn parsed(reply: &Reply) -> Result<Value, String> {
    serde_json::from_slice(&reply.body).map_err(|error| format!("{reply}: not JSON: {error}"))
}

/// A text field.
pub(crate) fn text<'v>(value: &'v Value, field: &str) -> Result<&'v str, String> {
    value[field].as_str().ok_or_else(|| format!("{field} is not a text in {value}"))
}

/// An integer field.
pub(crate) fn int(value: &Value, field: &str) -> Result<i64, String> {
    value[field].as_i64().ok_or_else(|| format!("{field} is not an integer in {value}"))
}

/// Does the same with each item, `width` at a time; the results come in no order.
pub(crate) async fn crowd<T, R, F>(
    items: Vec<T>,
    width: usize,
    work: impl Fn(T) -> F + Clone + Send + 'static,
) -> Vec<R>
where
    T: Send + 'static,
    R: Send + 'static,
    F: Future<Output = R> + Send + 'static,
{
    let queue = Arc::new(Mutex::new(items.into_iter()));
    let mut hands = JoinSet::new();
    for _ in 0..width {
        let (queue, work) = (Arc::clone(&queue), work.clone());
        hands.spawn(async move {
            let mut done = Vec::new();
            loop {
                let item = queue.lock().expect("no panic while held").next();
                match item {
                    Some(item) => done.push(work(item).await),
                    None => return done,
                }
            }
        });
    }
    hands.join_all().await.into_iter().flatten().collect()
}

/// Keeps every other test of this file's kind waiting, in this process and in others: they measure time.
pub(crate) fn alone() -> File {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("recovery.lock");
    let lock = File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    lock.lock().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    lock
}

/// Prints a line past the test runner's capture, so that a green run says what it did.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").ok();
}

/// A number from the environment.
///
/// # Panics
/// If the variable is set to something else than a number.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    let Ok(given) = std::env::var(name) else { return default };
    let parsed = match given.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => given.parse(),
    };
    parsed.unwrap_or_else(|error| panic!("{name}={given}: {error}"))
}
