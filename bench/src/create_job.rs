//! `create-job`: how fast jobs are created, durably and with their escrow, against what the same
//! `PostgreSQL` does for pgbench and for the same job on postgres-es.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use crate::Verdict;
use crate::cluster::Cluster;
use crate::load::{Extent, Load, Template};
use crate::numbers::{float, rounded};
use crate::pgbench::{Pgbench, Yardstick};
use crate::postgres_es;
use crate::product::{self, Book, Data, JOB_CENTS, Product};
use crate::report::{Figure, Processes, bound, step};
use crate::run_options::RunOptions;
use crate::service::{Service, tail, with_log};

/// How many connections the two loads of each kind have.
const CONNECTIONS: [usize; 2] = [64, 256];
/// How long the product may take over what is in flight when a load ends.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same for the rival, whose commands on one account may wait long; it owes nothing after.
const RIVAL_PATIENCE: Duration = Duration::from_secs(10);

/// Options of `create-job`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How long each load is measured.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// How long each load runs before it is measured.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(0..=600))]
    warm_up_seconds: u64,
    /// Over how many funded books the spread loads go.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    books: u32,
    #[command(flatten)]
    run: RunOptions,
}

/// The four loads of one contestant.
#[derive(Debug, Serialize)]
struct Figures {
    spread_64: Figure,
    spread_256: Figure,
    one_book_64: Figure,
    one_book_256: Figure,
}

impl Figures {
    fn all(&self) -> [(&'static str, &Figure); 4] {
        [
            ("spread over all books", &self.spread_64),
            ("spread over all books", &self.spread_256),
            ("one book", &self.one_book_64),
            ("one book", &self.one_book_256),
        ]
    }

    fn errors(&self) -> u64 {
        self.all().iter().map(|(_, figure)| figure.outcome.errors()).sum()
    }

    fn unanswered(&self) -> usize {
        self.all().iter().map(|(_, figure)| figure.outcome.unanswered).sum()
    }

    fn accepted_on_one_book(&self) -> u64 {
        self.one_book_64.outcome.accepted + self.one_book_256.outcome.accepted
    }
}

/// What the rival without views showed.
struct Rival {
    figures: Figures,
    conflicts_on_one_book: u64,
}

/// What the run showed; its names are what scripts read.
#[derive(Debug, Serialize)]
struct Report {
    bench: &'static str,
    ratio_spread_pgbench_n: f64,
    ratio_one_book_pgbench_n: f64,
    ratio_spread_pgbench_n_prepared: f64,
    ratio_one_book_pgbench_n_prepared: f64,
    ratio_spread_postgres_es: f64,
    ratio_spread_postgres_es_with_views: f64,
    spread_256_p99_ms: f64,
    errors: u64,
    seconds: u64,
    warm_up_seconds: u64,
    books: u32,
    pgbench_n_tps: Yardstick,
    product: Figures,
    /// Jobs acknowledged on the one book, and jobs its balance has paid for since.
    one_book_acknowledged: u64,
    one_book_paid_for: u64,
    postgres_es: Figures,
    postgres_es_conflicts_per_job_on_one_book: f64,
    postgres_es_with_views_spread_256: Figure,
    server: BTreeMap<&'static str, String>,
}

/// Everything a contestant's measurement needs.
struct Bench<'a> {
    options: &'a Options,
    cluster: &'a Cluster,
    began: Instant,
}

/// Runs the bench.
pub(crate) async fn run(options: Options) -> anyhow::Result<Verdict> {
    let binary = product::binary(options.run.product.clone()).await?;
    let began = Instant::now();
    let cluster = Cluster::create(&options.run.place).await?;
    let bench = Bench { options: &options, cluster: &cluster, began };
    step(began, "pgbench -N, 32 clients, before");
    let pgbench = Pgbench::prepare(&cluster).await?;
    let before = pgbench.run(options.seconds).await?;
    let ours = bench.product(&binary).await?;
    cluster.sweep("firsthand").await?;
    step(began, "pgbench -N, 32 clients, after");
    let after = pgbench.run(options.seconds).await?;
    let rival = bench.rival().await?;
    let rival_with_views = bench.rival_with_views().await?;
    let report = Report::of(
        &options,
        cluster.facts().await?,
        Yardstick::of(before, after),
        ours,
        (rival, rival_with_views),
    );
    report.print();
    if options.run.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    Ok(if report.errors == 0 { Verdict::Clean } else { Verdict::Errors })
}

impl Bench<'_> {
    /// Measures the product; also returns how many jobs the balance of the one book paid for.
    async fn product(&self, binary: &Path) -> anyhow::Result<(Figures, u64)> {
        let database = self.cluster.create_database("firsthand").await?;
        let log = self.cluster.folder().join("firsthand.log");
        let product = Product::start(binary, &database, Data::Ephemeral, &log).await?;
        let result = self.load_product(&product).await;
        product.stop();
        let (figures, paid_for) = result.map_err(|error| with_log(&error, &log))?;
        if figures.errors() > 0 {
            println!("requests failed; the service's {}", tail(&log));
        }
        Ok((figures, paid_for))
    }

    async fn load_product(&self, product: &Product) -> anyhow::Result<(Figures, u64)> {
        step(self.began, &format!("firsthand: opening {} books", self.options.books));
        let books = product.open_books("bench", usize::try_from(self.options.books)?).await?;
        let hot = product.open_books("bench-hot", 1).await?;
        let one: &Book = hot.first().context("no book to load")?;
        let processes = self.processes(product.pid());
        let address = product.address();
        let load = |templates, connections| self.load(address, templates, connections, PATIENCE);
        let spread = product.templates(&books)?;
        let [spread_64, spread_256] =
            self.measure("firsthand, spread", &spread, processes, load).await?;
        let available = product.available_cents(one).await?;
        let on_one = product.templates(&hot)?;
        let [one_book_64, one_book_256] =
            self.measure("firsthand, one book", &on_one, processes, load).await?;
        let spent = available.saturating_sub(product.available_cents(one).await?);
        let figures = Figures { spread_64, spread_256, one_book_64, one_book_256 };
        Ok((figures, spent / JOB_CENTS))
    }

    /// Measures the rival in its fastest form, without views: nothing it has written can be read
    /// but by replaying it.
    async fn rival(&self) -> anyhow::Result<Rival> {
        let (service, accounts) = self.start_rival("postgres_es", false).await?;
        let processes = self.processes(service.pid());
        let address = service.address()?;
        let load =
            |templates, connections| self.load(address, templates, connections, RIVAL_PATIENCE);
        let spread = postgres_es::templates(&service, 0..accounts)?;
        let [spread_64, spread_256] =
            self.measure("postgres-es, spread", &spread, processes, load).await?;
        let before = postgres_es::conflicts(&service).await?;
        let one = postgres_es::templates(&service, accounts..accounts + 1)?;
        let [one_book_64, one_book_256] =
            self.measure("postgres-es, one account", &one, processes, load).await?;
        let conflicts_on_one_book = postgres_es::conflicts(&service).await?.saturating_sub(before);
        service.stop();
        let figures = Figures { spread_64, spread_256, one_book_64, one_book_256 };
        Ok(Rival { figures, conflicts_on_one_book })
    }

    /// Measures the rival with a view of each job and account, kept as its guide teaches.
    async fn rival_with_views(&self) -> anyhow::Result<Figure> {
        let (service, accounts) = self.start_rival("postgres_es_with_views", true).await?;
        let spread = postgres_es::templates(&service, 0..accounts)?;
        let [.., connections] = CONNECTIONS;
        step(self.began, &format!("postgres-es with views, spread, {connections} connections"));
        self.cluster.checkpoint().await?;
        let load = self.load(service.address()?, spread, connections, RIVAL_PATIENCE);
        let figure = Figure::of(load, self.processes(service.pid())).await?;
        service.stop();
        Ok(figure)
    }

    /// Starts the rival on a database of its own, with one account more than books.
    async fn start_rival(&self, name: &str, views: bool) -> anyhow::Result<(Service, usize)> {
        let database = self.cluster.create_database(name).await?;
        let log = self.cluster.folder().join(format!("{name}.log"));
        let accounts = usize::try_from(self.options.books)?;
        step(self.began, &format!("postgres-es: opening {accounts} accounts"));
        let service = postgres_es::start(&database, accounts + 1, views, &log).await?;
        Ok((service, accounts))
    }

    fn processes(&self, service: u32) -> Processes {
        Processes { service, postmaster: self.cluster.postmaster() }
    }

    /// Runs the same load at 64 and at 256 connections.
    async fn measure(
        &self,
        what: &str,
        templates: &Arc<[Template]>,
        processes: Processes,
        load: impl Fn(Arc<[Template]>, usize) -> Load,
    ) -> anyhow::Result<[Figure; 2]> {
        let mut figures = Vec::new();
        for connections in CONNECTIONS {
            step(self.began, &format!("{what}, {connections} connections"));
            self.cluster.checkpoint().await?;
            let figure = Figure::of(load(Arc::clone(templates), connections), processes).await?;
            figure.print(what);
            figures.push(figure);
        }
        figures.try_into().ok().context("two loads have two figures")
    }

    fn load(
        &self,
        address: std::net::SocketAddr,
        templates: Arc<[Template]>,
        connections: usize,
        patience: Duration,
    ) -> Load {
        let extent = Extent::Time {
            warm_up: Duration::from_secs(self.options.warm_up_seconds),
            window: Duration::from_secs(self.options.seconds),
        };
        Load { address, templates, connections, extent, patience }
    }
}

impl Report {
    fn of(
        options: &Options,
        server: BTreeMap<&'static str, String>,
        pgbench: Yardstick,
        product: (Figures, u64),
        (rival, rival_with_views): (Rival, Figure),
    ) -> Self {
        let (product, paid_for) = product;
        let Rival { figures: postgres_es, conflicts_on_one_book } = rival;
        let rate = |figure: &Figure| figure.outcome.requests_per_second;
        let spread = rate(&product.spread_64).max(rate(&product.spread_256));
        let one_book = rate(&product.one_book_64).max(rate(&product.one_book_256));
        let acknowledged = product.accepted_on_one_book();
        let unanswered = u64::try_from(product.unanswered()).unwrap_or(u64::MAX);
        let errors =
            product.errors() + postgres_es.errors() + unanswered + acknowledged.abs_diff(paid_for);
        let conflicts_per_job =
            float(conflicts_on_one_book) / float(postgres_es.accepted_on_one_book().max(1));
        Self {
            bench: "create-job",
            ratio_spread_pgbench_n: pgbench.ratio(spread),
            ratio_one_book_pgbench_n: pgbench.ratio(one_book),
            ratio_spread_pgbench_n_prepared: pgbench.prepared_ratio(spread),
            ratio_one_book_pgbench_n_prepared: pgbench.prepared_ratio(one_book),
            ratio_spread_postgres_es: rounded(
                rate(&product.spread_256) / rate(&postgres_es.spread_256),
                3,
            ),
            ratio_spread_postgres_es_with_views: rounded(
                rate(&product.spread_256) / rate(&rival_with_views),
                3,
            ),
            spread_256_p99_ms: product.spread_256.outcome.p99_ms,
            errors,
            seconds: options.seconds,
            warm_up_seconds: options.warm_up_seconds,
            books: options.books,
            pgbench_n_tps: pgbench,
            product,
            one_book_acknowledged: acknowledged,
            one_book_paid_for: paid_for,
            postgres_es,
            postgres_es_conflicts_per_job_on_one_book: rounded(conflicts_per_job, 2),
            postgres_es_with_views_spread_256: rival_with_views,
            server,
        }
    }

    fn print(&self) {
        let facts: Vec<String> =
            self.server.iter().map(|(name, value)| format!("{name} {value}")).collect();
        println!("\nOne private PostgreSQL for all: {}", facts.join(", "));
        self.pgbench_n_tps.print();
        println!("firsthand, POST /v1/jobs:");
        for (label, figure) in self.product.all() {
            figure.print(label);
        }
        println!(
            "  {} jobs acknowledged on the one book, {} paid for by its balance",
            self.one_book_acknowledged, self.one_book_paid_for
        );
        println!("postgres-es, the same job as two commands that are not atomic:");
        for (label, figure) in self.postgres_es.all() {
            figure.print(label);
        }
        let conflicts = self.postgres_es_conflicts_per_job_on_one_book;
        println!("  {conflicts} conflicts a job on the one account");
        self.postgres_es_with_views_spread_256.print("spread, with views");
        println!("Ratios of this run:");
        bound("ratio_spread_pgbench_n", self.ratio_spread_pgbench_n, "floor 2.5");
        bound("ratio_one_book_pgbench_n", self.ratio_one_book_pgbench_n, "floor 2.5");
        bound("ratio_spread_pgbench_n_prepared", self.ratio_spread_pgbench_n_prepared, "no floor");
        bound(
            "ratio_one_book_pgbench_n_prepared",
            self.ratio_one_book_pgbench_n_prepared,
            "no floor",
        );
        bound("ratio_spread_postgres_es", self.ratio_spread_postgres_es, "floor 12");
        bound(
            "ratio_spread_postgres_es_with_views",
            self.ratio_spread_postgres_es_with_views,
            "no floor",
        );
        bound("spread_256_p99_ms", self.spread_256_p99_ms, "ceiling 35");
        println!("errors: {}", self.errors);
    }
}
