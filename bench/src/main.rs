//! `firsthand-bench`: what the service costs, measured from outside.
//!
//! Every subcommand starts a private `PostgreSQL` cluster with everything durable, runs the
//! product's binary and its rivals on it one after the other, loads them over HTTP with the same
//! client, and prints the figures of that one run. Figures of different runs, machines or hours
//! are never mixed: only ratios within a run are meant to be compared.
//!
//! All but `approve` know the product by its command line and its wire form alone.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program whose output is its result"
)]
#![expect(clippy::disallowed_methods, reason = "real time is what is measured here")]
#![expect(
    clippy::disallowed_types,
    reason = "rates and ratios are fractions; no money is computed"
)]

mod approve;
mod cluster;
mod cpu;
mod create_job;
mod http;
mod load;
mod long_polls;
mod long_stream;
mod numbers;
mod pgbench;
mod postgres_es;
mod product;
mod report;
mod run_options;
mod service;
mod webhooks;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

/// The product's own: `approve` has it inside.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the service against `pgbench` and its rivals on one private `PostgreSQL` cluster.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Job creation: requests a second and latency, spread over many books and on one book.
    CreateJob(create_job::Options),
    /// Approvals: commands of the scoring task a second, on one hot job and spread over many books.
    Approve(approve::Options),
    /// The next command on a stream of 100,000 events against one of 10, cache warm and cold.
    LongStream(long_stream::Options),
    /// Long-polls held at once: memory for each, and how fast a change wakes them.
    LongPolls(long_polls::Options),
    /// Signed webhook deliveries a second and their latency, alone and beside tar pits.
    Webhooks(webhooks::Options),
    /// Serves the rival that `create-job` measures; started by it.
    #[command(hide = true)]
    ServePostgresEs(postgres_es::ServerOptions),
}

/// Whether everything that was measured also worked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    /// Every request was answered as it should be.
    Clean,
    /// Some request failed, or the books disagree with the answers; the figures do not count.
    Errors,
}

fn main() -> ExitCode {
    let verdict = match Arguments::parse().bench {
        Bench::CreateJob(options) => measure(create_job::run(options)),
        Bench::Approve(options) => measure_inside(approve::run(options)),
        Bench::LongStream(options) => measure(long_stream::run(options)),
        Bench::LongPolls(options) => measure(long_polls::run(options)),
        Bench::Webhooks(options) => measure(webhooks::run(options)),
        Bench::ServePostgresEs(options) => postgres_es::serve(&options).map(|()| Verdict::Clean),
    };
    match verdict {
        Ok(Verdict::Clean) => ExitCode::SUCCESS,
        Ok(Verdict::Errors) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("firsthand-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a bench on one thread (it shares two cores with what it measures) until it ends or the
/// process is told to stop; either way the children end and the temporary directory goes.
fn measure(bench: impl Future<Output = anyhow::Result<Verdict>>) -> anyhow::Result<Verdict> {
    until_told(&Builder::new_current_thread().enable_all().build()?, bench)
}

/// The same for what runs the product inside, which has a thread for each core.
fn measure_inside(bench: impl Future<Output = anyhow::Result<Verdict>>) -> anyhow::Result<Verdict> {
    until_told(&Builder::new_multi_thread().enable_all().build()?, bench)
}

fn until_told(
    runtime: &Runtime,
    bench: impl Future<Output = anyhow::Result<Verdict>>,
) -> anyhow::Result<Verdict> {
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("no handler for SIGTERM")?;
        tokio::select! {
            verdict = bench => verdict,
            _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
            _ = terminate.recv() => anyhow::bail!("terminated"),
        }
    })
}
