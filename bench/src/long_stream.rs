//! `long-stream`: whether the next command costs more on a stream of 100,000 events than on one
//! of 10.
//!
//! Long books have 100,000 jobs each, so that the stream of their credits has as many events;
//! short books have 10. Warm: requests alternate between both kinds on one connection, one at a
//! time. Cold: product and `PostgreSQL` are restarted; requests on unrelated books then warm up
//! connections, statements, catalogue and every part, so that what is left to differ is what is
//! loaded of the book itself; then each long book and as many unused short ones get their first
//! request, in an order that alternates from pair to pair and from restart to restart.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::Args;
use serde::Serialize;

use crate::Verdict;
use crate::cluster::Cluster;
use crate::http::{Connection, excerpt};
use crate::load::{Dice, Extent, Load};
use crate::numbers::{micros, millis, quantile, rounded};
use crate::product::{self, Book, Data, Product};
use crate::report::{Processes, bound, settle, step};
use crate::run_options::RunOptions;
use crate::service::with_log;

/// Events of a short stream beside its grant.
const SHORT_EVENTS: u64 = 10;
/// How many connections fill the long streams.
const FILLING_CONNECTIONS: usize = 256;
/// Short books of the warm part; few enough to stay warm, enough to stay short.
const WARM_SHORT_BOOKS: usize = 25;
/// Unrelated books that warm the product up after a restart: enough to meet each of 16 parts.
const WARM_UP_BOOKS: usize = 128;
/// Warm requests on each kind before they are measured.
const WARM_UP_REQUESTS: usize = 25;

/// Options of `long-stream`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Events of a long stream.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    events: u64,
    /// How many long streams; each gives one cold sample a restart.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    long_books: u8,
    /// Warm requests measured on each kind.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    samples: u16,
    /// Restarts, for the cold part.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u8).range(1..=200))]
    restarts: u8,
    #[command(flatten)]
    run: RunOptions,
}

/// Latencies on both kinds of streams.
#[derive(Debug, Default)]
struct Samples {
    long_us: Vec<u32>,
    short_us: Vec<u32>,
}

/// Their summary.
#[derive(Clone, Copy, Debug, Serialize)]
struct Comparison {
    samples_each: usize,
    long_median_ms: f64,
    short_median_ms: f64,
    long_p90_ms: f64,
    short_p90_ms: f64,
    /// Median on long streams over median on short ones.
    ratio: f64,
}

/// What the run showed; its names are what scripts read.
#[derive(Debug, Serialize)]
struct Report {
    bench: &'static str,
    ratio_warm: f64,
    ratio_cold: f64,
    long_events: u64,
    short_events: u64,
    long_books: u8,
    restarts: u8,
    warm: Comparison,
    cold: Comparison,
    server: BTreeMap<&'static str, String>,
}

/// The books of one run.
struct Books {
    long: Vec<Book>,
    warm_short: Vec<Book>,
    /// One for each cold sample, so that each is short and unused.
    cold_short: Vec<Book>,
    unrelated: Vec<Book>,
}

/// Everything needed to start the product again on the same data.
struct Bench<'a> {
    options: &'a Options,
    binary: PathBuf,
    database: String,
    data: PathBuf,
    log: PathBuf,
    began: Instant,
}

/// Runs the bench. Any request that is not answered with 201 ends it with an error: with so few
/// samples none may be missing.
pub(crate) async fn run(options: Options) -> anyhow::Result<Verdict> {
    let binary = product::binary(options.run.product.clone()).await?;
    let began = Instant::now();
    let mut cluster = Cluster::create(&options.run.place).await?;
    let bench = Bench {
        options: &options,
        binary,
        database: cluster.create_database("firsthand").await?,
        data: cluster.folder().join("firsthand-data"),
        log: cluster.folder().join("firsthand.log"),
        began,
    };
    let measured = bench.measure(&mut cluster).await;
    let (warm, cold) = measured.map_err(|error| with_log(&error, &bench.log))?;
    let report = Report {
        bench: "long-stream",
        ratio_warm: warm.ratio,
        ratio_cold: cold.ratio,
        long_events: options.events,
        short_events: SHORT_EVENTS,
        long_books: options.long_books,
        restarts: options.restarts,
        warm,
        cold,
        server: cluster.facts().await?,
    };
    report.print();
    if options.run.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    Ok(Verdict::Clean)
}

impl Bench<'_> {
    async fn measure(&self, cluster: &mut Cluster) -> anyhow::Result<(Comparison, Comparison)> {
        let product = self.start().await?;
        let books = self.open_books(&product).await?;
        self.fill(&product, &books).await?;
        self.settle(&product, cluster).await;
        step(self.began, "warm: requests that alternate between long and short streams");
        let warm = self.warm(&product, &books).await?;
        product.stop();
        let cold = self.cold(cluster, &books).await?;
        Ok((warm.compare(), cold.compare()))
    }

    async fn start(&self) -> anyhow::Result<Product> {
        Product::start(&self.binary, &self.database, Data::Kept(&self.data), &self.log).await
    }

    async fn open_books(&self, product: &Product) -> anyhow::Result<Books> {
        let long_books = usize::from(self.options.long_books);
        let cold_books = usize::from(self.options.restarts) * long_books;
        Ok(Books {
            long: product.open_books("long", long_books).await?,
            warm_short: product.open_books("warm-short", WARM_SHORT_BOOKS).await?,
            cold_short: product.open_books("cold-short", cold_books).await?,
            unrelated: product.open_books("unrelated", WARM_UP_BOOKS).await?,
        })
    }

    /// Gives each long and each short stream its events.
    async fn fill(&self, product: &Product, books: &Books) -> anyhow::Result<()> {
        for (index, book) in books.long.iter().enumerate() {
            let events = self.options.events;
            step(self.began, &format!("filling long stream {} with {events} events", index + 1));
            let load = Load {
                address: product.address(),
                templates: product.templates(std::slice::from_ref(book))?,
                connections: FILLING_CONNECTIONS,
                extent: Extent::Count(events),
                patience: Duration::ZERO,
            };
            let outcome = load.run().await?;
            outcome.print_failures();
            ensure!(outcome.accepted == events, "a long stream has {} events", outcome.accepted);
        }
        step(self.began, "filling the short streams");
        let mut client = Client::open(product).await?;
        for _ in 0..SHORT_EVENTS {
            for book in books.warm_short.iter().chain(&books.cold_short) {
                client.create_job(book).await?;
            }
        }
        Ok(())
    }

    /// Alternates between long and short streams on one connection.
    async fn warm(&self, product: &Product, books: &Books) -> anyhow::Result<Samples> {
        let mut client = Client::open(product).await?;
        let mut samples = Samples::default();
        let (long, short) = (books.long.iter().cycle(), books.warm_short.iter().cycle());
        for (turn, pair) in
            (0..WARM_UP_REQUESTS + usize::from(self.options.samples)).zip(long.zip(short))
        {
            let measured = turn >= WARM_UP_REQUESTS;
            client.pair(pair, turn % 2 == 0, measured.then_some(&mut samples)).await?;
        }
        Ok(samples)
    }

    /// Restarts everything and sends the first request to each long and as many short streams.
    async fn cold(&self, cluster: &mut Cluster, books: &Books) -> anyhow::Result<Samples> {
        let mut samples = Samples::default();
        let mut unused = books.cold_short.iter();
        for restart in 0..usize::from(self.options.restarts) {
            step(self.began, &format!("cold: restart {}", restart + 1));
            cluster.restart().await?;
            let product = self.start().await?;
            let mut client = Client::open(&product).await?;
            for book in &books.unrelated {
                client.create_job(book).await?;
            }
            self.settle(&product, cluster).await;
            // The first requests after a pause are slower, whatever they are for.
            for book in books.unrelated.iter().take(WARM_UP_REQUESTS) {
                client.create_job(book).await?;
            }
            for (turn, pair) in books.long.iter().zip(unused.by_ref()).enumerate() {
                client.pair(pair, (turn + restart) % 2 == 0, Some(&mut samples)).await?;
            }
            product.stop();
        }
        Ok(samples)
    }

    /// Waits until background work (projections of what was filled) has fallen silent.
    async fn settle(&self, product: &Product, cluster: &Cluster) {
        let (service, postmaster) = (product.pid(), cluster.postmaster());
        settle(self.began, Processes { service, postmaster }).await;
    }
}

/// One connection that creates jobs one at a time.
struct Client<'a> {
    product: &'a Product,
    connection: Connection,
    dice: Dice,
    outbox: Vec<u8>,
}

impl<'a> Client<'a> {
    async fn open(product: &'a Product) -> anyhow::Result<Self> {
        let connection = Connection::open(product.address()).await?;
        Ok(Self { product, connection, dice: Dice::new(), outbox: Vec::new() })
    }

    /// Creates one job and returns how long that took, in microseconds.
    async fn create_job(&mut self, book: &Book) -> anyhow::Result<u32> {
        self.product.template(book)?.fill(&mut self.outbox, &mut self.dice);
        let sent_at = Instant::now();
        let answer = self.connection.exchange(&self.outbox).await?;
        let took = sent_at.elapsed();
        ensure!(answer.status == 201, "{}: {}", answer.status, excerpt(answer.body));
        Ok(micros(took))
    }

    /// Creates a job on a long and on a short stream, in the order asked for.
    async fn pair(
        &mut self,
        (long, short): (&Book, &Book),
        long_first: bool,
        samples: Option<&mut Samples>,
    ) -> anyhow::Result<()> {
        let (long_us, short_us) = if long_first {
            (self.create_job(long).await?, self.create_job(short).await?)
        } else {
            let short_us = self.create_job(short).await?;
            (self.create_job(long).await?, short_us)
        };
        if let Some(samples) = samples {
            samples.long_us.push(long_us);
            samples.short_us.push(short_us);
        }
        Ok(())
    }
}

impl Samples {
    fn compare(mut self) -> Comparison {
        self.long_us.sort_unstable();
        self.short_us.sort_unstable();
        let of = |sorted: &[u32], per_mille| rounded(millis(quantile(sorted, per_mille)), 3);
        let (long_median_ms, short_median_ms) = (of(&self.long_us, 500), of(&self.short_us, 500));
        Comparison {
            samples_each: self.long_us.len(),
            long_median_ms,
            short_median_ms,
            long_p90_ms: of(&self.long_us, 900),
            short_p90_ms: of(&self.short_us, 900),
            ratio: rounded(long_median_ms / short_median_ms, 3),
        }
    }
}

impl Report {
    fn print(&self) {
        let Self { long_events, short_events, long_books, restarts, .. } = self;
        println!(
            "\nThe next command on a stream of {long_events} events ({long_books} such) and on one \
             of {short_events}; {restarts} restarts:"
        );
        for (name, figures) in [("warm", self.warm), ("cold", self.cold)] {
            let Comparison { samples_each, long_median_ms, short_median_ms, .. } = figures;
            let Comparison { long_p90_ms, short_p90_ms, .. } = figures;
            println!(
                "  {name}  {samples_each:>5} samples each   long: median {long_median_ms:.3} ms, \
                 p90 {long_p90_ms:.3} ms   short: median {short_median_ms:.3} ms, p90 {short_p90_ms:.3} ms"
            );
        }
        bound("ratio_warm", self.ratio_warm, "ceiling 1.2");
        bound("ratio_cold", self.ratio_cold, "ceiling 1.2");
    }
}

#[cfg(test)]
mod tests {
    use super::Samples;

    #[test]
    fn medians_are_compared_and_one_outlier_does_not_matter() {
        let samples = Samples { long_us: vec![1_200, 9_000_000, 1_100], short_us: vec![1_000; 3] };
        let comparison = samples.compare();
        assert!((comparison.ratio - 1.2).abs() < 1e-9, "{comparison:?}");
    }
}
