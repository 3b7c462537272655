//! `migrate`, `verify`, `rebuild`, `worker create`.

use crate::FOUND_SOMETHING;
use crate::client::Client;
use crate::config::Config;
use crate::instance::{Database, Instance};
use anyhow::{Context, Result, bail};
use firsthand_eventstore::verify::{Report, verify_part};
use firsthand_eventstore::{Store, StoreError};
use firsthand_projections::{
    CURSOR, Follower, Pace, READ_MODELS, rebuild as projections, rebuildable,
};
use serde_json::json;
use std::process::ExitCode;

/// Opens the database for a maintenance command, starting the embedded one if needed.
async fn open(config: &Config) -> Result<(Option<Instance>, Database)> {
    if let Some(url) = config.database_url.get() {
        let owner_url = config.owner_database_url.get().unwrap_or(url).to_owned();
        return Ok((None, Database { cluster: None, owner_url, service_url: url.to_owned() }));
    }
    let dir = config.data_path()?;
    if !dir.exists() {
        bail!("{} does not exist", dir.display());
    }
    let instance = Instance::open(&dir, config)?;
    let database = instance.database(config).await?;
    Ok((Some(instance), database))
}

async fn close(database: Database) {
    if let Some(cluster) = database.cluster {
        cluster.stop().await;
    }
}

/// Brings the schema up to date.
pub(crate) async fn migrate(config: &Config) -> Result<ExitCode> {
    let (_instance, database) = open(config).await?;
    let migrated = firsthand_eventstore::migrate(&database.owner_url, config.parts()?).await;
    close(database).await;
    migrated?;
    println!("the schema is up to date");
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
        let rebuilt = projections::rebuild(&store, owner_url, projector, false).await?;
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
    let (_instance, database) = open(config).await?;
    let report = check(&database.owner_url, &database.service_url).await;
    close(database).await;
    let report = report.context("verification could not be finished")?;
    if as_json {
        println!("{}", json!(report));
    } else {
        for finding in &report.findings {
            println!("{finding}");
        }
        println!(
            "{} events, {} streams, {} read models: {} differences",
            report.events,
            report.streams,
            rebuildable().count(),
            report.findings.len()
        );
    }
    Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND_SOMETHING) })
}

/// Rebuilds one read model, or all.
pub(crate) async fn rebuild(config: &Config, name: &str) -> Result<ExitCode> {
    let chosen: Vec<_> = match name {
        "all" => rebuildable().collect(),
        name => {
            if let Some(projector) = projections::by_name(name) {
                vec![projector]
            } else {
                let known: Vec<_> = rebuildable().map(|(_, known)| known.table).collect();
                bail!("no projection {name}: there are {}, and all", known.join(", "));
            }
        }
    };
    let (_instance, database) = open(config).await?;
    let rebuilt = async {
        let store = Store::connect(&database.service_url, 4).await?;
        for projector in chosen {
            let rebuilt =
                projections::rebuild(&store, &database.owner_url, projector, true).await?;
            println!("{}: rebuilt, {} rows differed", rebuilt.table, rebuilt.differing_rows);
        }
        store.close().await;
        Ok::<(), StoreError>(())
    }
    .await;
    close(database).await;
    rebuilt.context("the rebuild could not be finished")?;
    Ok(ExitCode::SUCCESS)
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
    println!("{}", reply.json()?);
    Ok(ExitCode::SUCCESS)
}
