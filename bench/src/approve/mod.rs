//! `approve`: how fast scores become payments, against what the same `PostgreSQL` does for pgbench.
//!
//! An approval is one command over three streams: the submission is scored and approved, the job
//! counts its files, the book's credits pay worker and platform. No request carries it: the scoring
//! task gives it to the ledger. So this bench alone is no client. It opens the product's ledger on the
//! cluster, with all its followers, and gives it the commands that the task would.

mod inside;
mod phase;
mod prepare;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use clap::Args;
use serde::Serialize;

use crate::Verdict;
use crate::cluster::Cluster;
use crate::pgbench::{Pgbench, Yardstick};
use crate::report::{bound, step};
use crate::run_options::RunOptions;
use inside::Inside;
use phase::Figure;
use prepare::Work;

/// Options of `approve`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Approvals of each load that are measured; a fifth of that number runs before them.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    approvals: u32,
    /// Submissions of each hot job; the jobs of the hot book are worked off one after the other.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    slots: u32,
    /// Over how many books the spread load goes, with one job each.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    books: u32,
    /// Approvals under way at once: as many as one batch of the writer takes.
    #[arg(long, default_value_t = 1_024, value_parser = clap::value_parser!(u16).range(1..=4_000))]
    in_flight: u16,
    /// How long each pgbench runs.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    #[command(flatten)]
    run: RunOptions,
}

/// What the run showed; its names are what scripts read.
#[derive(Debug, Serialize)]
struct Report {
    bench: &'static str,
    ratio_hot_pgbench_n: f64,
    ratio_spread_pgbench_n: f64,
    ratio_hot_pgbench_n_prepared: f64,
    ratio_spread_pgbench_n_prepared: f64,
    errors: u64,
    pgbench_n_tps: Yardstick,
    hot: Figure,
    spread: Figure,
    server: BTreeMap<&'static str, String>,
}

/// Runs the bench.
pub(crate) async fn run(options: Options) -> anyhow::Result<Verdict> {
    ensure!(options.run.product.is_none(), "this bench has the product inside, not its binary");
    let began = Instant::now();
    let cluster = Cluster::create(&options.run.place).await?;
    step(began, "pgbench -N, 32 clients, before");
    let pgbench = Pgbench::prepare(&cluster).await?;
    let before = pgbench.run(options.seconds).await?;
    let inside = Arc::new(Inside::open(&cluster.create_database("firsthand").await?).await?);
    let total = options.approvals + options.approvals / 5;
    let measure = async |label: &str, work: Work| -> anyhow::Result<Figure> {
        step(began, &format!("{label}: preparing {total} scored uploads"));
        let submissions = prepare::submissions(&inside, &work).await?;
        inside.settle().await?;
        cluster.checkpoint().await?;
        step(began, label);
        let warm_up = usize::try_from(options.approvals / 5)?;
        let in_flight = usize::from(options.in_flight);
        let figure =
            Figure::of(&inside, submissions, warm_up, in_flight, cluster.postmaster()).await?;
        figure.print(label);
        Ok(figure)
    };
    let hot = measure("one hot job of one book", Work::hot(total, options.slots)).await?;
    let spread = measure("spread over all books", Work::spread(total, options.books)).await?;
    Arc::into_inner(inside).context("somebody still approves")?.close().await;
    cluster.sweep("firsthand").await?;
    step(began, "pgbench -N, 32 clients, after");
    let pgbench_n_tps = Yardstick::of(before, pgbench.run(options.seconds).await?);
    let report = Report {
        bench: "approve",
        ratio_hot_pgbench_n: pgbench_n_tps.ratio(hot.approvals_per_second),
        ratio_spread_pgbench_n: pgbench_n_tps.ratio(spread.approvals_per_second),
        ratio_hot_pgbench_n_prepared: pgbench_n_tps.prepared_ratio(hot.approvals_per_second),
        ratio_spread_pgbench_n_prepared: pgbench_n_tps.prepared_ratio(spread.approvals_per_second),
        errors: hot.errors + spread.errors,
        pgbench_n_tps,
        hot,
        spread,
        server: cluster.facts().await?,
    };
    report.print();
    if options.run.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    Ok(if report.errors == 0 { Verdict::Clean } else { Verdict::Errors })
}

impl Report {
    fn print(&self) {
        println!();
        self.pgbench_n_tps.print();
        self.hot.print("one hot job of one book");
        self.spread.print("spread over all books");
        println!("Ratios of this run:");
        bound("ratio_hot_pgbench_n", self.ratio_hot_pgbench_n, "floor 2");
        bound("ratio_spread_pgbench_n", self.ratio_spread_pgbench_n, "no floor");
        bound("ratio_hot_pgbench_n_prepared", self.ratio_hot_pgbench_n_prepared, "no floor");
        bound("ratio_spread_pgbench_n_prepared", self.ratio_spread_pgbench_n_prepared, "no floor");
        println!("errors: {}", self.errors);
    }
}
