//! `long-polls`: clients that wait for a job's status to change. How much memory each costs the
//! service, and how long after a change was asked for those who wait for it are answered: spread
//! over many jobs that change one after the other, and all of them on one job.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::Verdict;
use crate::cluster::Cluster;
use crate::http::{Connection, Request};
use crate::numbers::{float, micros, millis, quantile, rounded, whole};
use crate::product::{self, Book, Data, JOB, JOBS, Product};
use crate::report::{Processes, bound, settle, step};
use crate::run_options::RunOptions;
use crate::service::with_log;

/// The longest wait that is answered in one piece.
const WAIT: &str = "Prefer: wait=25\r\n";
/// How long all waiters may take to begin, and the last to be answered.
const PATIENCE: Duration = Duration::from_secs(20);

/// Options of `long-polls`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Clients that wait at the same time.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u16).range(1..=50_000))]
    waiters: u16,
    /// Jobs that they wait for, the same number each.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    jobs: u16,
    /// Jobs that change in a second.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    rate: u16,
    #[command(flatten)]
    run: RunOptions,
}

/// How those who waited were answered.
#[derive(Debug, Serialize)]
struct Phase {
    /// From the moment at which the change was sent to the whole answer, the change itself included.
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    answers: u64,
    /// Answers that are not what was waited for.
    errors: u64,
}

/// What the run showed; its names are what scripts read.
#[derive(Debug, Serialize)]
struct Report {
    bench: &'static str,
    waiters: u16,
    jobs: u16,
    rate: u16,
    /// Resident memory of the service with all waiters less that without them, for each.
    bytes_per_waiter: u64,
    spread: Phase,
    one_job: Phase,
}

/// A job, and when its change was sent.
type Sent = tokio::sync::watch::Receiver<Option<Instant>>;

/// What a waiter saw: how long it took, or what was wrong.
type Seen = Result<u32, String>;

/// Runs the bench.
pub(crate) async fn run(options: Options) -> anyhow::Result<Verdict> {
    ensure!(options.waiters.is_multiple_of(options.jobs), "each job has as many waiters");
    let binary = product::binary(options.run.product.clone()).await?;
    let began = Instant::now();
    let cluster = Cluster::create(&options.run.place).await?;
    let log = cluster.folder().join("firsthand.log");
    let report = options.measure(&cluster, &binary, &log, began).await;
    let report = report.map_err(|error| with_log(&error, &log))?;
    report.print();
    if options.run.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    let errors = report.spread.errors + report.one_job.errors;
    Ok(if errors == 0 { Verdict::Clean } else { Verdict::Errors })
}

impl Options {
    async fn measure(
        &self,
        cluster: &Cluster,
        binary: &Path,
        log: &Path,
        began: Instant,
    ) -> anyhow::Result<Report> {
        let database = cluster.create_database("firsthand").await?;
        let product = Product::start(binary, &database, Data::Ephemeral, log).await?;
        let books = product.open_books("bench", 1).await?;
        let book = books.first().context("no book")?;
        let processes = Processes { service: product.pid(), postmaster: cluster.postmaster() };
        let jobs = create(&product, book, self.jobs).await?;
        settle(began, processes).await;
        let before = resident(product.pid())?;
        step(began, &format!("{} wait for {} jobs", self.waiters, self.jobs));
        let (spread, held) = self.phase(&product, book, &jobs, (began, processes)).await?;
        let one = create(&product, book, 1).await?;
        settle(began, processes).await;
        step(began, &format!("{} wait for one job", self.waiters));
        let (one_job, _held) = self.phase(&product, book, &one, (began, processes)).await?;
        product.stop();
        Ok(Report {
            bench: "long_polls",
            waiters: self.waiters,
            jobs: self.jobs,
            rate: self.rate,
            bytes_per_waiter: held.saturating_sub(before) / u64::from(self.waiters),
            spread,
            one_job,
        })
    }

    /// Has all waiters wait for these jobs, then cancels one after the other; returns also how much
    /// memory the service had while all waited.
    async fn phase(
        &self,
        product: &Product,
        book: &Book,
        jobs: &[String],
        (began, processes): (Instant, Processes),
    ) -> anyhow::Result<(Phase, u64)> {
        let each = usize::from(self.waiters) / jobs.len();
        let (report, mut reports) = mpsc::unbounded_channel();
        let mut senders = Vec::with_capacity(jobs.len());
        let mut waiters = JoinSet::new();
        for job in jobs {
            let (sender, sent) = tokio::sync::watch::channel(None);
            senders.push(sender);
            for _ in 0..each {
                let request = poll(product.address(), book, job);
                let (sent, report) = (sent.clone(), report.clone());
                // One after the other: a burst would measure the length of the accept queue.
                let mut connection = Connection::open(product.address()).await?;
                waiters.spawn(async move {
                    let seen = wait(&mut connection, &request, sent).await;
                    drop(report.send(seen.unwrap_or_else(|error| Err(format!("{error:#}")))));
                });
            }
        }
        drop(report);
        // The service says nothing until a wait is over; that all have begun shows by its rest.
        settle(began, processes).await;
        let held = resident(product.pid())?;
        let mut pace = interval(Duration::from_secs(1) / u32::from(self.rate));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut canceller = Connection::open(product.address()).await?;
        for (job, sender) in jobs.iter().zip(&senders) {
            pace.tick().await;
            let path = format!("{JOBS}/{job}/cancel");
            let request = Request {
                method: "POST",
                path: &path,
                bearer: Some(book.api_key()),
                idempotency_key: None,
                body: "",
            };
            sender.send_replace(Some(Instant::now()));
            canceller.call(product.address(), request, 200).await?;
        }
        let mut took = Vec::with_capacity(usize::from(self.waiters));
        let mut errors = 0;
        while let Some(seen) =
            tokio::time::timeout(PATIENCE, reports.recv()).await.context("not all were answered")?
        {
            match seen {
                Ok(micros) => took.push(micros),
                Err(error) => {
                    if errors == 0 {
                        println!("    FAILED: {error}");
                    }
                    errors += 1;
                }
            }
        }
        Ok((Phase::of(took, errors), held))
    }
}

/// Creates jobs in a book.
async fn create(product: &Product, book: &Book, count: u16) -> anyhow::Result<Vec<String>> {
    let mut jobs = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let job = product.call(book, ("POST", JOBS), JOB, 201).await?;
        let id = job.get("id").and_then(Value::as_str).context("a job without id")?;
        jobs.push(id.to_owned());
    }
    Ok(jobs)
}

/// Renders the request that waits for a job.
fn poll(address: SocketAddr, book: &Book, job: &str) -> Vec<u8> {
    let path = format!("{JOBS}/{job}");
    let bearer = Some(book.api_key());
    let request = Request { method: "GET", path: &path, bearer, idempotency_key: None, body: "" };
    let mut bytes = request.render(address);
    let end = bytes.len().saturating_sub(2);
    bytes.splice(end..end, WAIT.bytes());
    bytes
}

/// Waits for one job.
async fn wait(connection: &mut Connection, request: &[u8], sent: Sent) -> anyhow::Result<Seen> {
    let answer = connection.exchange(request).await?;
    let now = Instant::now();
    let body: Value = serde_json::from_slice(answer.body)?;
    let status = body.get("status").and_then(Value::as_str);
    let Some(sent) = *sent.borrow() else {
        return Ok(Err(format!("an answer {} before the change: {body}", answer.status)));
    };
    if answer.status != 200 || status != Some("cancelled") {
        return Ok(Err(format!("an answer {}: {body}", answer.status)));
    }
    Ok(Ok(micros(now.saturating_duration_since(sent))))
}

/// Returns the resident memory of a process in bytes.
fn resident(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kilobytes * 1_024)
}

impl Phase {
    fn of(mut took: Vec<u32>, errors: u64) -> Self {
        took.sort_unstable();
        let at = |per_mille| rounded(millis(quantile(&took, per_mille)), 2);
        Self {
            p50_ms: at(500),
            p99_ms: at(990),
            max_ms: at(1_000),
            answers: whole(took.len()),
            errors,
        }
    }

    fn print(&self, label: &str) {
        let Self { p50_ms, p99_ms, max_ms, answers, errors } = self;
        println!(
            "  {label:<12} {answers} answers, {errors} errors  p50 {p50_ms:>7.2} ms  p99 {p99_ms:>7.2} ms  max {max_ms:>7.2} ms"
        );
    }
}

impl Report {
    fn print(&self) {
        let Self { waiters, jobs, rate, .. } = self;
        println!("\n{waiters} waiters; {jobs} jobs, {rate} of them a second, then one job:");
        self.spread.print("spread");
        self.one_job.print("one job");
        println!("Figures of this run:");
        bound("spread_p99_ms", self.spread.p99_ms, "ceiling 50");
        bound("one_job_p99_ms", self.one_job.p99_ms, "no ceiling");
        bound("kB_per_waiter", float(self.bytes_per_waiter) / 1_000.0, "no ceiling");
    }
}
