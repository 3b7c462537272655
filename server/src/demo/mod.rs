//! `firsthand demo`: the whole main job on real media, told step by step. It exits 0 only if every
//! check held.

mod receiver;
mod story;
mod teller;

use crate::config::Config;
use crate::dev::Running;
use crate::{FAILED, maintenance};
use anyhow::{Context, Result};
use std::process::ExitCode;
use teller::Teller;

/// Runs the demo in the configured data directory, on free ports.
pub(crate) async fn run(config: &Config, json: bool) -> Result<ExitCode> {
    let mut teller = Teller::new(json);
    let dir = config.data_path()?;
    teller.step("start", &format!("Embedded Postgres and object storage in {}", dir.display()))?;
    // The story is told as fast as it can be.
    let mut config = config.clone();
    config.rate_limits.replace("off", "demo");
    let running = Running::start(&dir, "127.0.0.1:0", &config).await?;
    teller.fact("api", &running.base_url)?;
    teller.fact("object storage", &running.s3_url)?;
    let told = story::tell(&mut teller, &running.base_url, &running.instance.operator_token).await;
    let mut verified = Ok(());
    if told.is_ok() {
        verified = verify(&mut teller, &running).await;
    }
    running.stop().await;
    told?;
    verified?;
    teller.end()?;
    Ok(if teller.all_held() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

async fn verify(teller: &mut Teller, running: &Running) -> Result<()> {
    teller.step("verify", "Every event is replayed and everything derived is compared")?;
    let database = &running.database;
    let report = maintenance::check(&database.owner_url, &database.service_url)
        .await
        .context("verification could not be finished")?;
    teller.fact("events replayed", report.events)?;
    teller.fact("streams compared", report.streams)?;
    for finding in &report.findings {
        teller.fact("difference", finding)?;
    }
    teller.check("no difference was found", report.findings.is_empty())
}
