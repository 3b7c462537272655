//! `firsthand`: one binary for development, demonstration and production.
#![expect(clippy::print_stderr, reason = "a command line program says why it fails")]

mod cli;
mod client;
mod config;
mod demo;
mod dev;
mod gateway;
mod http;
mod instance;
mod maintenance;
mod output;
mod payments;
mod postgres;
mod production;
mod rates;
mod service;
mod telemetry;
mod values;
mod webhook_cli;
mod webhooks;

use clap::Parser;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit codes (spec section 21).
pub(crate) const FAILED: u8 = 1;
pub(crate) const FOUND_SOMETHING: u8 = 3;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    if let Err(error) = postgres::without_session_options() {
        eprintln!("firsthand: PGOPTIONS is set and can't be left out: {error}");
        return ExitCode::from(FAILED);
    }
    telemetry::init(cli.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("firsthand: no runtime: {error}");
            return ExitCode::from(FAILED);
        }
    };
    let result = runtime.block_on(cli::run(cli));
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    match result {
        Ok(code) => code,
        Err(error) => {
            // One line with every cause; no backtrace for a user's mistake.
            eprintln!("firsthand: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}
