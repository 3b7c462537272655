//! The load: closed loops over keep-alive connections, each sending its next request as soon as
//! the last one has been answered.
//!
//! Every request carries a random idempotency key, as the published clients send it: ascending
//! keys would spare the service's index the random inserts that real traffic causes. Latencies are
//! kept one by one, so that percentiles are exact.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::http::{Connection, Request, excerpt};
use crate::numbers::{length, micros, millis, quantile, rounded};

/// Stands in a rendered request where the key goes: a UUID's length.
const KEY_PLACE: &str = "kkkkkkkk-kkkk-kkkk-kkkk-kkkkkkkkkkkk";
/// Keeps a service that refuses everything from turning the closed loop into a flood.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(10);

/// A rendered request whose idempotency key is patched in before each use.
#[derive(Debug)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    key_at: usize,
}

impl Template {
    /// Renders `POST path` once for one bearer.
    pub(crate) fn post(
        address: SocketAddr,
        path: &str,
        bearer: &str,
        body: &str,
    ) -> anyhow::Result<Self> {
        let request = Request {
            method: "POST",
            path,
            bearer: Some(bearer),
            idempotency_key: Some(KEY_PLACE),
            body,
        };
        let bytes = request.render(address);
        let key_at = bytes
            .windows(KEY_PLACE.len())
            .position(|window| window == KEY_PLACE.as_bytes())
            .context("a request without a place for its key")?;
        Ok(Self { bytes, key_at })
    }

    /// Writes the request with a new key into `outbox`.
    pub(crate) fn fill(&self, outbox: &mut Vec<u8>, dice: &mut Dice) {
        outbox.clear();
        outbox.extend_from_slice(&self.bytes);
        if let Some(key) = outbox.get_mut(self.key_at..self.key_at + KEY_PLACE.len()) {
            dice.write_key(key);
        }
    }
}

/// A fast random source (splitmix64), one per connection.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Returns a source that no other run and no other connection shares.
    pub(crate) fn new() -> Self {
        Self(rand::random())
    }

    /// Returns a new idempotency key.
    pub(crate) fn key(&mut self) -> String {
        let mut key = KEY_PLACE.as_bytes().to_vec();
        self.write_key(&mut key);
        String::from_utf8_lossy(&key).into_owned()
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns one of `items`, each as likely as the others (to one in 2^32).
    fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(items.len()).ok()?;
        let at = ((self.roll() >> 32) * count) >> 32;
        items.get(usize::try_from(at).ok()?)
    }

    /// Overwrites all but the dashes with hexadecimal digits.
    fn write_key(&mut self, key: &mut [u8]) {
        let mut digits = 0;
        let mut left = 0;
        for place in key.iter_mut().filter(|place| **place != b'-') {
            if left == 0 {
                (digits, left) = (self.roll(), 16);
            }
            *place = b"0123456789abcdef".get((digits & 15) as usize).copied().unwrap_or(b'0');
            digits >>= 4;
            left -= 1;
        }
    }
}

/// When a load ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Extent {
    /// Warm up, then measure, for fixed times.
    Time {
        /// Answers before this are not measured.
        warm_up: Duration,
        /// How long is measured.
        window: Duration,
    },
    /// Send so many requests, all of them measured.
    Count(u64),
}

/// One load.
#[derive(Debug)]
pub(crate) struct Load {
    /// The service.
    pub(crate) address: SocketAddr,
    /// What is sent: each request is one of these, picked at random.
    pub(crate) templates: Arc<[Template]>,
    /// Closed loops at once.
    pub(crate) connections: usize,
    /// When it ends.
    pub(crate) extent: Extent,
    /// How long requests in flight at the end are waited for.
    pub(crate) patience: Duration,
}

/// What a load showed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    /// Closed loops at once.
    pub(crate) connections: usize,
    /// Requests answered with 201 a second, in the measured window.
    pub(crate) requests_per_second: f64,
    /// Median latency in the window.
    pub(crate) p50_ms: f64,
    /// 99th percentile of the latency in the window.
    pub(crate) p99_ms: f64,
    /// 99.9th percentile of the latency in the window.
    pub(crate) p999_ms: f64,
    /// The longest latency in the window.
    pub(crate) max_ms: f64,
    /// Answers in the window.
    pub(crate) measured: usize,
    /// All answers with 201, those outside the window too.
    pub(crate) accepted: u64,
    /// Every other answer or failure, and how often.
    pub(crate) failures: BTreeMap<String, u64>,
    /// Connections whose last request was not answered within the patience.
    pub(crate) unanswered: usize,
}

impl Outcome {
    /// Returns how many requests failed in one way or another.
    pub(crate) fn errors(&self) -> u64 {
        self.failures.values().sum()
    }
}

impl Load {
    /// Runs the load.
    pub(crate) async fn run(self) -> anyhow::Result<Outcome> {
        ensure!(!self.templates.is_empty(), "a load without requests");
        let began = Instant::now();
        let (measured_from, until, budget) = match self.extent {
            Extent::Time { warm_up, window } => {
                (began + warm_up, began + warm_up + window, u64::MAX)
            }
            Extent::Count(count) => (began, began + Duration::from_hours(1), count),
        };
        let budget = Arc::new(AtomicU64::new(budget));
        let mut loops = JoinSet::new();
        for _ in 0..self.connections {
            loops.spawn(
                Loop {
                    address: self.address,
                    templates: Arc::clone(&self.templates),
                    budget: Arc::clone(&budget),
                    measured_from,
                    until,
                    dice: Dice::new(),
                    result: Result::default(),
                }
                .run(),
            );
        }
        let mut sum = Result::default();
        let give_up = tokio::time::sleep_until((until + self.patience).into());
        tokio::pin!(give_up);
        while !loops.is_empty() {
            tokio::select! {
                ended = loops.join_next() => {
                    if let Some(ended) = ended {
                        sum.add(ended.context("a connection's loop failed")?);
                    }
                }
                () = &mut give_up => break,
            }
        }
        let window = match self.extent {
            Extent::Time { window, .. } => window,
            Extent::Count(_) => began.elapsed(),
        };
        Ok(sum.outcome(self.connections, loops.len(), window))
    }
}

/// What one connection, or all of them, saw.
#[derive(Debug, Default)]
struct Result {
    latencies_us: Vec<u32>,
    accepted: u64,
    failures: BTreeMap<String, u64>,
}

impl Result {
    fn failed(&mut self, what: String) {
        *self.failures.entry(what).or_default() += 1;
    }

    fn add(&mut self, other: Self) {
        self.latencies_us.extend(other.latencies_us);
        self.accepted += other.accepted;
        for (what, count) in other.failures {
            *self.failures.entry(what).or_default() += count;
        }
    }

    fn outcome(mut self, connections: usize, unanswered: usize, window: Duration) -> Outcome {
        self.latencies_us.sort_unstable();
        let at = |per_mille| rounded(millis(quantile(&self.latencies_us, per_mille)), 2);
        Outcome {
            connections,
            requests_per_second: rounded(length(self.latencies_us.len()) / window.as_secs_f64(), 1),
            p50_ms: at(500),
            p99_ms: at(990),
            p999_ms: at(999),
            max_ms: at(1_000),
            measured: self.latencies_us.len(),
            accepted: self.accepted,
            failures: self.failures,
            unanswered,
        }
    }
}

/// One connection's closed loop.
struct Loop {
    address: SocketAddr,
    templates: Arc<[Template]>,
    budget: Arc<AtomicU64>,
    measured_from: Instant,
    until: Instant,
    dice: Dice,
    result: Result,
}

impl Loop {
    async fn run(mut self) -> Result {
        while Instant::now() < self.until {
            if let Err(error) = self.run_connection().await {
                self.result.failed(format!("{error:#}"));
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            } else {
                break;
            }
        }
        self.result
    }

    /// Runs until the end of the load (`Ok`) or of the connection (`Err`).
    async fn run_connection(&mut self) -> anyhow::Result<()> {
        let mut connection = Connection::open(self.address).await?;
        let mut outbox = Vec::with_capacity(1_024);
        let mut sent_at = Instant::now();
        while sent_at < self.until && self.take_turn() {
            if let Some(template) = self.dice.pick(&self.templates) {
                template.fill(&mut outbox, &mut self.dice);
            }
            let answer = connection.exchange(&outbox).await?;
            let answered_at = Instant::now();
            if answer.status == 201 {
                self.result.accepted += 1;
                if answered_at >= self.measured_from && answered_at < self.until {
                    self.result.latencies_us.push(micros(answered_at - sent_at));
                }
                sent_at = answered_at;
            } else {
                self.result.failed(format!("{} {}", answer.status, excerpt(answer.body)));
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                sent_at = Instant::now();
            }
        }
        Ok(())
    }

    fn take_turn(&self) -> bool {
        self.budget
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{Dice, KEY_PLACE, Template};

    #[test]
    fn each_request_has_its_own_key_in_the_form_of_a_uuid() -> anyhow::Result<()> {
        let template = Template::post("127.0.0.1:80".parse()?, "/v1/jobs", "token", "{}")?;
        let (mut dice, mut outbox) = (Dice::new(), Vec::new());
        let mut keys = std::collections::BTreeSet::new();
        for _ in 0..1_000 {
            template.fill(&mut outbox, &mut dice);
            let text = std::str::from_utf8(&outbox)?;
            let key = text.split_once("Idempotency-Key: ").map(|(_, rest)| &rest[..36]);
            let key = key.unwrap_or_default().to_owned();
            assert_eq!(key.match_indices('-').count(), 4, "{key}");
            assert!(key.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit()), "{key}");
            assert!(keys.insert(key));
        }
        assert_eq!(outbox.len(), template.bytes.len());
        assert_eq!(KEY_PLACE.len(), 36);
        Ok(())
    }

    #[test]
    fn every_item_is_picked_at_times() {
        let mut dice = Dice::new();
        let mut seen = [0_u32; 7];
        let items = [0_usize, 1, 2, 3, 4, 5, 6];
        for _ in 0..7_000 {
            if let Some(at) = dice.pick(&items) {
                seen[*at] += 1;
            }
        }
        assert!(seen.iter().all(|count| (800..1_200).contains(count)), "{seen:?}");
    }
}
