//! `firsthand sig verify`: says why a signature fails.

use crate::{FOUND_SOMETHING, output};
use anyhow::{Context, Result};
use firsthand_adapters::signature::explain;
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

/// How old a signature may be, in seconds.
const TOLERANCE: i64 = 300;

/// A request as it was received.
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// The endpoint's secret.
    #[arg(long, env = "FIRSTHAND_WEBHOOK_SECRET", hide_env_values = true)]
    secret: String,
    /// A header of the request, as `Name: value`; repeat it for each.
    #[arg(long = "header", value_name = "NAME: VALUE", required = true, value_parser = header)]
    headers: Vec<(String, String)>,
    /// The body, byte for byte [default: standard input].
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// When the request was received, in seconds since 1970 [default: now].
    #[arg(long)]
    at: Option<i64>,
}

/// Reads a header.
fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("it is not of the form Name: value")?;
    Ok((name.trim().to_owned(), value.trim_start().to_owned()))
}

/// Prints a line for each signature; exit code 3 if one fails.
pub(crate) fn run(verify: &Verify) -> Result<ExitCode> {
    let mut body = Vec::new();
    match &verify.body {
        Some(path) => {
            body =
                std::fs::read(path).with_context(|| format!("{} can't be read", path.display()))?;
        }
        None => drop(std::io::stdin().read_to_end(&mut body)?),
    }
    let now = verify.at.unwrap_or_else(|| firsthand_adapters::clock::system().unix_seconds());
    let findings = explain(&verify.headers, &body, &verify.secret, now, TOLERANCE);
    for finding in &findings {
        output::line(finding)?;
    }
    let sound = findings.iter().all(|finding| finding.outcome.is_ok());
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(FOUND_SOMETHING) })
}
