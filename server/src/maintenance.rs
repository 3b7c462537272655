//! `migrate`, `verify`, `rebuild`, `worker create`.

use crate::FOUND_SOMETHING;
use crate::client::Client;
use crate::config::Config;
use crate::instance::{Database, Held};
use crate::output;
use anyhow::{Context, Result, bail};
use firsthand_eventstore::verify::{Report, verify_part};
use firsthand_eventstore::{Store, StoreError, schema_version};
use firsthand_projections::{CURSOR, Follower, Pace, READ_MODELS, rebuild, rebuildable};
use serde_json::json;
use std::process::ExitCode;

/// What rebuilds every projection.
const ALL: &str = "all";

/// Opens the database for a maintenance command, starting the embedded one if needed. No secret is needed for
/// that, and none is made; nor is a database.
async fn open(config: &Config) -> Result<(Option<Held>, Database)> {
    if let Some(database) = Database::configured(config) {
        return Ok((None, database));
    }
    let held = Held::with_database(&config.data_path()?)?;
    let database = held.database().await?;
    Ok((Some(held), database))
}

async fn close(database: Database) {
    if let Some(cluster) = database.cluster {
        cluster.stop().await;
    }
}

/// Fails on a schema that is older than this program.
async fn must_be_up_to_date(database: &Database) -> Result<()> {
    let store = Store::connect(&database.service_url, 1).await;
    let store = store.context("the database can't be read; a new one needs `firsthand migrate`")?;
    let version = schema_version(&store).await;
    store.close().await;
    let version = version.context("the schema's version can't be read")?;
    if !version.is_sufficient() {
        bail!(
            "the schema is older than this program (migration {} of {}): run `firsthand migrate` first",
            version.applied,
            version.wanted
        );
    }
    Ok(())
}

/// Brings the schema up to date.
pub(crate) async fn migrate(config: &Config) -> Result<ExitCode> {
    let (_held, database) = open(config).await?;
    let migrated = firsthand_eventstore::migrate(&database.owner_url, config.parts()?).await;
    close(database).await;
    migrated?;
    output::line("the schema is up to date")?;
    Ok(ExitCode::SUCCESS)
}

/// Projects what is left, replays every event, rebuilds every read model beside the live one, and
/// compares.
pub(crate) async fn check(owner_url: &str, service_url: &str) -> Result<Report, StoreError> {
    let store = Store::connect(service_url, 4).await?;
    let follower = Follower::new(&store, CURSOR, READ_MODELS, &Pace::default());
    let mut report = Report::default();
    for part in store.all_parts() {
        // The first step of a new part only makes its cursor.
        follower.step(&store, part).await?;
        while follower.step(&store, part).await? > 0 {}
        let mut transaction = store.begin().await?;
        firsthand_eventstore::verify::snapshot(&mut transaction).await?;
        verify_part(&mut transaction, part, &mut report).await?;
    }
    for projector in rebuildable() {
        let rebuilt = rebuild::rebuild(&store, owner_url, projector, false).await?;
        if rebuilt.differing_rows != 0 {
            report.findings.push(format!(
                "{}: {} rows differ from a rebuild",
                rebuilt.table, rebuilt.differing_rows
            ));
        }
    }
    store.close().await;
    Ok(report)
}

/// Derives everything from the events again and compares.
pub(crate) async fn verify(config: &Config, as_json: bool) -> Result<ExitCode> {
    let (_held, database) = open(config).await?;
    let checked = async {
        must_be_up_to_date(&database).await?;
        check(&database.owner_url, &database.service_url)
            .await
            .context("verification could not be finished")
    }
    .await;
    close(database).await;
    let report = checked?;
    if as_json {
        output::line(json!(report))?;
    } else {
        for finding in &report.findings {
            output::line(finding)?;
        }
        output::line(format_args!(
            "{} events, {} streams, {} read models: {} differences",
            report.events,
            report.streams,
            rebuildable().count(),
            report.findings.len()
        ))?;
    }
    Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND_SOMETHING) })
}

/// Names what can be rebuilt.
pub(crate) fn projections() -> impl Iterator<Item = &'static str> {
    rebuildable().map(|(_, model)| model.table).chain([ALL])
}

/// Rebuilds one read model, or all.
pub(crate) async fn rebuild(config: &Config, name: &str) -> Result<ExitCode> {
    let (_held, database) = open(config).await?;
    let rebuilt = async {
        must_be_up_to_date(&database).await?;
        let store = Store::connect(&database.service_url, 4).await?;
        for model in rebuildable().filter(|(_, model)| name == ALL || model.table == name) {
            let rebuilt = rebuild::rebuild(&store, &database.owner_url, model, true).await;
            let rebuilt = rebuilt.context("the rebuild could not be finished")?;
            let (table, differing) = (rebuilt.table, rebuilt.differing_rows);
            output::line(format_args!("{table}: rebuilt, {differing} rows differed"))?;
        }
        store.close().await;
        anyhow::Ok(())
    }
    .await;
    close(database).await;
    rebuilt.map(|()| ExitCode::SUCCESS)
}

/// Registers a worker with a running service and prints the token.
pub(crate) async fn create_worker(
    config: &Config,
    name: &str,
    region: &str,
    email: Option<String>,
    url: Option<String>,
) -> Result<ExitCode> {
    let url = match url {
        Some(url) => url,
        None => format!("http://{}", config.listen.require()?),
    };
    let email = email.unwrap_or_else(|| {
        let random: [u8; 8] = rand::random();
        format!("worker-{}@example.com", hex::encode(random))
    });
    let token = if let Some(token) = config.operator_token.get() {
        Some(token.to_owned())
    } else {
        let path = config.data_path()?.join("operator.token");
        std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
    };
    let client = Client::new(&url, token.as_deref())?;
    let body = json!({"name": name, "email": email, "region": region});
    let reply = client.post("/internal/worker/register", &body, None).await?;
    if reply.status != 201 {
        bail!("the service answered {}: {}", reply.status, reply.text());
    }
    output::line(reply.json()?)?;
    Ok(ExitCode::SUCCESS)
}
