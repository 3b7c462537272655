//! The rival: the same job done as a user of postgres-es 0.5 and cqrs-es 0.5 naturally would,
//! behind axum, on the same server, over the same socket, loaded by the same client.
//!
//! It does less than the product, in its own favour: the two aggregates are not atomic, keys are
//! not looked up, requests are not idempotent, nothing is audited, no posting is booked.

mod domain;
mod server;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use serde_json::Value;

pub(crate) use self::server::{ServerOptions, serve};
use crate::http::{Connection, Request};
use crate::load::Template;
use crate::product::{JOB, JOBS};
use crate::service::{Service, mortal};

/// What each account gets: more than any run spends.
const GRANT_CENTS: u64 = 1_000_000_000_000;

/// Names an account; the rival's bearer token is the account itself.
fn account_id(index: usize) -> String {
    format!("account-{index:06}")
}

/// Starts the rival in its own process, with so many funded accounts.
pub(crate) async fn start(
    database_url: &str,
    accounts: usize,
    views: bool,
    log: &Path,
) -> anyhow::Result<Service> {
    let bench = std::env::current_exe()?;
    let mut command = mortal(bench.as_os_str(), "TERM", &[]);
    command.args(["serve-postgres-es", "--database-url", database_url, "--accounts"]);
    command.arg(accounts.to_string());
    if views {
        command.arg("--views");
    }
    Service::start(command, log).await.context("the rival on postgres-es")
}

/// Renders the creation of a job in each of some accounts.
pub(crate) fn templates(
    service: &Service,
    accounts: Range<usize>,
) -> anyhow::Result<Arc<[Template]>> {
    let address = service.address()?;
    accounts.map(|index| Template::post(address, JOBS, &account_id(index), JOB)).collect()
}

/// Returns how many conflicts it has met since it started.
pub(crate) async fn conflicts(service: &Service) -> anyhow::Result<u64> {
    let address = service.address()?;
    let request = Request {
        method: "GET",
        path: "/conflicts",
        bearer: None,
        idempotency_key: None,
        body: "",
    };
    let answer = Connection::open(address).await?.call(address, request, 200).await?;
    answer.get("conflicts").and_then(Value::as_u64).context("no count of conflicts")
}
