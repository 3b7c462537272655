//! `webhooks`: signed deliveries a second to receivers on loopback, and how long after the
//! decision their first byte arrives: alone, beside tar pits, and alone once more, so that what
//! tar pits change can be told from what differs between two equal phases.
//!
//! Several books have several endpoints each, so that one cancelled job makes several deliveries.
//! The rate is offered, not asked for: where the service can't keep up, a backlog shows.

mod delivery;
mod endpoints;
mod phase;
mod receiver;
mod source;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::Args;
use serde::Serialize;

use crate::Verdict;
use crate::cluster::Cluster;
use crate::numbers::rounded;
use crate::product::{self, Book, Data, Product};
use crate::report::{Processes, bound, settle, step};
use crate::run_options::RunOptions;
use crate::service::{tail, with_log};
use endpoints::Endpoint;
use phase::{Phase, Plan};
use receiver::Receiver;

/// Options of `webhooks`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How long each phase is measured.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// How long each phase runs before it is measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=600))]
    warm_up_seconds: u64,
    /// Deliveries that are offered a second.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// Healthy endpoints, the same number for each book.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    endpoints: u16,
    /// Over how many funded books the endpoints are spread.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    books: u16,
    /// Tar pits beside the healthy endpoints; by default a tenth of their number.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    tar_pits: Option<u16>,
    #[command(flatten)]
    run: RunOptions,
}

/// The three phases.
#[derive(Debug, Serialize)]
struct Phases {
    alone: Phase,
    with_tar_pits: Phase,
    alone_again: Phase,
}

/// What the run showed; its names are what scripts read.
#[derive(Debug, Serialize)]
struct Report {
    bench: &'static str,
    /// The lowest of the three phases.
    deliveries_per_second: f64,
    /// The mean of both phases without tar pits.
    p99_ms_alone: f64,
    p99_ms_with_tar_pits: f64,
    /// With tar pits over alone.
    p99_ratio: f64,
    /// The second phase without tar pits over the first: what differs between equal phases.
    p99_ratio_of_equals: f64,
    errors: u64,
    backlog_grows: bool,
    rate: u32,
    seconds: u64,
    warm_up_seconds: u64,
    books: u16,
    endpoints: u16,
    tar_pits: u16,
    phases: Phases,
    server: BTreeMap<&'static str, String>,
}

/// Everything that the phases share.
struct Bench<'a> {
    options: &'a Options,
    cluster: &'a Cluster,
    product: &'a Product,
    receiver: &'a Receiver,
    books: &'a [Book],
    plan: Plan,
    began: Instant,
}

/// Runs the bench.
pub(crate) async fn run(options: Options) -> anyhow::Result<Verdict> {
    ensure!(
        options.endpoints.is_multiple_of(options.books),
        "each book has the same number of endpoints: choose a multiple of {}",
        options.books
    );
    let binary = product::binary(options.run.product.clone()).await?;
    let began = Instant::now();
    let cluster = Cluster::create(&options.run.place).await?;
    let log = cluster.folder().join("firsthand.log");
    let phases = options.measure(&cluster, &binary, &log, began).await;
    let phases = phases.map_err(|error| with_log(&error, &log))?;
    let report = Report::of(&options, phases, cluster.facts().await?);
    report.print();
    if report.errors > 0 {
        println!("the service's {}", tail(&log));
    }
    if options.run.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    let clean = report.errors == 0 && !report.backlog_grows;
    Ok(if clean { Verdict::Clean } else { Verdict::Errors })
}

impl Options {
    fn tar_pits(&self) -> u16 {
        self.tar_pits.unwrap_or(self.endpoints.div_ceil(10))
    }

    async fn measure(
        &self,
        cluster: &Cluster,
        binary: &Path,
        log: &Path,
        began: Instant,
    ) -> anyhow::Result<Phases> {
        let database = cluster.create_database("firsthand").await?;
        let product = Product::start(binary, &database, Data::Ephemeral, log).await?;
        let receiver = Receiver::open().await?;
        let books = product.open_books("bench", usize::from(self.books)).await?;
        let plan = Plan {
            rate: self.rate,
            fan_out: u32::from(self.endpoints / self.books),
            warm_up: Duration::from_secs(self.warm_up_seconds),
            window: Duration::from_secs(self.seconds),
        };
        let bench = Bench {
            options: self,
            cluster,
            product: &product,
            receiver: &receiver,
            books: &books,
            plan,
            began,
        };
        let phases = bench.run().await;
        product.stop();
        phases
    }
}

impl Bench<'_> {
    async fn run(&self) -> anyhow::Result<Phases> {
        let mut healthy = self.open(self.receiver.address, self.options.endpoints).await?;
        let alone = self.phase("alone", &mut healthy, &mut []).await?;
        let mut pits = self.open(self.receiver.tar_pit, self.options.tar_pits()).await?;
        let with_tar_pits = self.phase("with tar pits", &mut healthy, &mut pits).await?;
        endpoints::delete(self.product, pits).await?;
        let alone_again = self.phase("alone again", &mut healthy, &mut []).await?;
        Ok(Phases { alone, with_tar_pits, alone_again })
    }

    async fn open(
        &self,
        address: std::net::SocketAddr,
        count: u16,
    ) -> anyhow::Result<Vec<Endpoint>> {
        endpoints::open(self.product, self.books, self.receiver, address, usize::from(count)).await
    }

    /// Makes what is to be cancelled, waits for silence, and runs one phase.
    async fn phase(
        &self,
        label: &str,
        healthy: &mut [Endpoint],
        pits: &mut [Endpoint],
    ) -> anyhow::Result<Phase> {
        let events = self.plan.events()?;
        step(self.began, &format!("{label}: creating {events} jobs"));
        let jobs = source::stock(self.product, self.books, events).await?;
        let processes =
            Processes { service: self.product.pid(), postmaster: self.cluster.postmaster() };
        settle(self.began, processes).await;
        self.cluster.checkpoint().await?;
        step(self.began, &format!("{label}: {} deliveries/s are offered", self.options.rate));
        let mut phase = self.plan.run(self.product, self.receiver, processes, jobs).await?;
        phase.attempts_failed = endpoints::failures(self.product, healthy).await?;
        phase.tar_pit_attempts_failed = endpoints::failures(self.product, pits).await?;
        phase.print(label);
        Ok(phase)
    }
}

impl Report {
    fn of(options: &Options, phases: Phases, server: BTreeMap<&'static str, String>) -> Self {
        let Phases { alone, with_tar_pits, alone_again } = &phases;
        let all = [alone, with_tar_pits, alone_again];
        let rates = all.map(|phase| phase.deliveries_per_second);
        let p99_ms_alone = f64::midpoint(alone.p99_ms, alone_again.p99_ms);
        Self {
            bench: "webhooks",
            deliveries_per_second: rates.into_iter().fold(f64::INFINITY, f64::min),
            p99_ms_alone: rounded(p99_ms_alone, 2),
            p99_ms_with_tar_pits: with_tar_pits.p99_ms,
            p99_ratio: rounded(with_tar_pits.p99_ms / p99_ms_alone, 3),
            p99_ratio_of_equals: rounded(alone_again.p99_ms / alone.p99_ms, 3),
            errors: all.iter().map(|phase| phase.errors()).sum(),
            backlog_grows: all.iter().any(|phase| phase.backlog_growth().is_some()),
            rate: options.rate,
            seconds: options.seconds,
            warm_up_seconds: options.warm_up_seconds,
            books: options.books,
            endpoints: options.endpoints,
            tar_pits: options.tar_pits(),
            phases,
            server,
        }
    }

    fn print(&self) {
        let Self { endpoints, books, tar_pits, seconds, .. } = self;
        let facts: Vec<String> =
            self.server.iter().map(|(name, value)| format!("{name} {value}")).collect();
        println!("\nOne private PostgreSQL: {}", facts.join(", "));
        println!(
            "{endpoints} endpoints of {books} books, {tar_pits} tar pits beside them in the second \
             phase; {seconds} s each:"
        );
        self.phases.alone.print("alone");
        self.phases.with_tar_pits.print("with tar pits");
        self.phases.alone_again.print("alone again");
        println!("Figures of this run:");
        bound("deliveries_per_second", self.deliveries_per_second, "floor 1500");
        bound("p99_ms_alone", self.p99_ms_alone, "no ceiling");
        bound("p99_ms_with_tar_pits", self.p99_ms_with_tar_pits, "no ceiling");
        bound("p99_ratio", self.p99_ratio, "ceiling 1.1");
        bound("p99_ratio_of_equals", self.p99_ratio_of_equals, "noise: 1 is none");
        println!("errors: {}", self.errors);
        if self.backlog_grows {
            println!("VERDICT: the backlog grows; the offered rate is not sustained");
        }
    }
}
