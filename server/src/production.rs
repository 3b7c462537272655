//! `firsthand serve`: production. Refuses unsafe defaults, each named.

use crate::config::Config;
use crate::dev::asked_to_stop;
use crate::instance::{Database, Instance};
use crate::output;
use crate::service::{Roles, Service, Setup};
use crate::webhooks::Sending;
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use firsthand_adapters::storage::StoreConfig;
use firsthand_api::{Limits, PhoneSender};
use std::process::ExitCode;

/// Everything that is unsafe to leave at its default.
fn unsafe_defaults(config: &Config, allow_unlimited: bool) -> Vec<&'static str> {
    let mut found = Vec::new();
    let mut must = |held: bool, what| {
        if !held {
            found.push(what);
        }
    };
    must(config.database_url.get().is_some(), "DATABASE_URL is not set");
    must(config.s3_bucket.get().is_some(), "FIRSTHAND_S3_BUCKET is not set");
    must(config.s3_access_key.get().is_some(), "FIRSTHAND_S3_ACCESS_KEY is not set");
    must(config.s3_secret_key.get().is_some(), "FIRSTHAND_S3_SECRET_KEY is not set");
    must(config.master_key.get().is_some(), "FIRSTHAND_MASTER_KEY is not set");
    must(
        config.operator_token.get().is_some_and(|token| token.len() >= 32),
        "FIRSTHAND_OPERATOR_TOKEN must have at least 32 characters",
    );
    must(
        config.rate_limits.get() != Some("off") || allow_unlimited,
        "rate limits are off: give --allow-unlimited if that is meant",
    );
    found
}

/// What a process may do, by its name on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Answer requests.
    Api,
    /// Follow the log into read models.
    Projections,
    /// Perform tasks and fire timers.
    Workers,
}

fn all(roles: &[Role]) -> Roles {
    Roles {
        api: roles.contains(&Role::Api),
        projections: roles.contains(&Role::Projections),
        workers: roles.contains(&Role::Workers),
    }
}

/// Serves until stopped.
pub(crate) async fn run(
    config: &Config,
    roles: &[Role],
    allow_unlimited: bool,
) -> Result<ExitCode> {
    let found = unsafe_defaults(config, allow_unlimited);
    if !found.is_empty() {
        bail!("refusing to serve on unsafe defaults: {}", found.join("; "));
    }
    let roles = all(roles);
    // First of all: a process that is the first of its container is told nothing that it does not ask for.
    let stop = asked_to_stop();
    let instance = Instance::open(&config.data_path()?, config)?;
    let database = Database::configured(config).context("DATABASE_URL is not set")?;
    instance.must_own(&database).await?;
    let objects = StoreConfig {
        endpoint_url: config.s3_endpoint.get().map(ToOwned::to_owned),
        region: config.s3_region.require()?.to_owned(),
        access_key: config.s3_access_key.require()?.to_owned(),
        secret_key: config.s3_secret_key.require()?.to_owned(),
        bucket: config.s3_bucket.require()?.to_owned(),
    };
    let limits = Limits {
        phone_sender: PhoneSender::Unavailable,
        open_registration: false,
        submissions_per_day: config.submissions_per_day()?,
        priority_windows: config.priority_windows(false)?,
        rates: config.rates()?,
    };
    let service = Service::start(Setup {
        config,
        local: false,
        instance: &instance,
        database: &database,
        objects,
        listen: config.listen.require()?,
        limits,
        webhooks: Sending::new(config, false)?,
        roles,
    })
    .await?;
    let what = if roles.api { "firsthand serves" } else { "firsthand serves health and metrics" };
    output::line(format_args!("{what} at http://{}", service.address))?;
    stop.await?;
    service.stop().await;
    Ok(ExitCode::SUCCESS)
}
