//! Where the events come from: jobs that are created beforehand and cancelled at a fixed pace.
//!
//! The pace is an open loop: a cancellation is due at its time, whether or not earlier ones have
//! been answered. Only the cancellation makes a webhook event, so that the creations need not
//! share the machine with the deliveries.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::http::{Connection, Request, excerpt};
use crate::load::{Dice, Template};
use crate::numbers::micros;
use crate::product::{Book, JOBS, Product};

/// How many connections create the jobs.
const STOCKING_CONNECTIONS: usize = 64;
/// How many cancellations can be under way before the pace is late.
const PACING_CONNECTIONS: usize = 64;

/// A job that is there to be cancelled.
#[derive(Clone, Debug)]
pub(super) struct Job {
    id: String,
    api_key: String,
}

/// What cancelling showed.
#[derive(Debug, Default)]
pub(super) struct Paced {
    /// How long each cancellation took.
    pub(super) latencies_us: Vec<u32>,
    /// How late the latest one was sent.
    pub(super) late_us_max: u32,
    /// Answers that were no 200, and how often.
    pub(super) failures: BTreeMap<String, u64>,
}

/// Creates `count` jobs, the books in turn.
pub(super) async fn stock(
    product: &Product,
    books: &[Book],
    count: usize,
) -> anyhow::Result<Vec<Job>> {
    let templates = product.templates(books)?;
    let books: Arc<[Book]> = books.into();
    let next = Arc::new(AtomicUsize::new(0));
    let mut creators = JoinSet::new();
    for _ in 0..STOCKING_CONNECTIONS.min(count) {
        let (address, next) = (product.address(), Arc::clone(&next));
        let (books, templates) = (Arc::clone(&books), Arc::clone(&templates));
        creators.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut jobs = Vec::new();
            let (mut dice, mut outbox) = (Dice::new(), Vec::new());
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return anyhow::Ok(jobs);
                }
                let turn = index % books.len();
                let (template, book) = templates.get(turn).zip(books.get(turn)).context("book")?;
                let id = create(&mut connection, template, &mut dice, &mut outbox).await?;
                jobs.push((index, Job { id, api_key: book.api_key().to_owned() }));
            }
        });
    }
    let mut jobs = Vec::with_capacity(count);
    while let Some(created) = creators.join_next().await {
        jobs.extend(created??);
    }
    jobs.sort_unstable_by_key(|(index, _)| *index);
    Ok(jobs.into_iter().map(|(_, job)| job).collect())
}

/// Creates one job and returns its id.
async fn create(
    connection: &mut Connection,
    template: &Template,
    dice: &mut Dice,
    outbox: &mut Vec<u8>,
) -> anyhow::Result<String> {
    template.fill(outbox, dice);
    let answer = connection.exchange(outbox).await?;
    ensure!(answer.status == 201, "{JOBS}: {} {}", answer.status, excerpt(answer.body));
    let job: Value = serde_json::from_slice(answer.body)?;
    job.get("id").and_then(Value::as_str).map(str::to_owned).context("a job without id")
}

/// Cancellations, one every `interval`.
#[derive(Debug)]
pub(super) struct Pace {
    /// The service.
    pub(super) address: SocketAddr,
    /// What is cancelled, in this order.
    pub(super) jobs: Vec<Job>,
    /// When the first one is due.
    pub(super) from: Instant,
    /// The time between two.
    pub(super) interval: Duration,
    /// How many were accepted so far.
    pub(super) accepted: Arc<AtomicU64>,
}

impl Pace {
    /// Cancels all jobs.
    pub(super) async fn run(self) -> anyhow::Result<Paced> {
        let (pace, next) = (Arc::new(self), Arc::new(AtomicUsize::new(0)));
        let mut loops = JoinSet::new();
        for _ in 0..PACING_CONNECTIONS {
            let (pace, next) = (Arc::clone(&pace), Arc::clone(&next));
            loops.spawn(async move { pace.keep(&next).await });
        }
        let mut sum = Paced::default();
        while let Some(ended) = loops.join_next().await {
            let ended = ended??;
            sum.latencies_us.extend(ended.latencies_us);
            sum.late_us_max = sum.late_us_max.max(ended.late_us_max);
            for (failure, count) in ended.failures {
                *sum.failures.entry(failure).or_default() += count;
            }
        }
        sum.latencies_us.sort_unstable();
        Ok(sum)
    }

    /// Takes the next cancellation, waits for its time and sends it, until there is none.
    async fn keep(&self, next: &AtomicUsize) -> anyhow::Result<Paced> {
        let mut connection = Connection::open(self.address).await?;
        let (mut dice, mut paced) = (Dice::new(), Paced::default());
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = self.jobs.get(index) else { return Ok(paced) };
            let due = self.from + self.interval * u32::try_from(index)?;
            tokio::time::sleep_until(due.into()).await;
            let request = Request {
                method: "POST",
                path: &format!("{JOBS}/{}/cancel", job.id),
                bearer: Some(&job.api_key),
                idempotency_key: Some(&dice.key()),
                body: "",
            };
            let sent_at = Instant::now();
            paced.late_us_max = paced.late_us_max.max(micros(sent_at - due));
            let answer = connection.exchange(&request.render(self.address)).await?;
            if answer.status == 200 {
                self.accepted.fetch_add(1, Ordering::Relaxed);
                paced.latencies_us.push(micros(sent_at.elapsed()));
            } else {
                let failure = format!("cancel: {} {}", answer.status, excerpt(answer.body));
                *paced.failures.entry(failure).or_default() += 1;
            }
        }
    }
}
