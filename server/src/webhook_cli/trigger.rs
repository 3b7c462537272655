//! `firsthand trigger`: makes a test event.

use super::Service;
use crate::config::Config;
use crate::output;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::process::ExitCode;

/// What to trigger.
#[derive(Debug, clap::Args)]
pub(crate) struct Trigger {
    #[command(flatten)]
    service: Service,
    /// The type of the event, such as job.completed.
    #[arg(value_name = "TYPE")]
    event_type: String,
    /// The endpoint that it is sent to [default: the newest that is enabled].
    #[arg(long)]
    endpoint: Option<String>,
}

/// Makes the event and prints it.
pub(crate) async fn run(config: &Config, trigger: &Trigger) -> Result<ExitCode> {
    let client = trigger.service.client(config)?;
    let endpoint = if let Some(endpoint) = &trigger.endpoint {
        endpoint.clone()
    } else {
        let listed = client.get("/v1/webhook_endpoints?limit=100").await?.expect(200)?;
        newest_enabled(&listed).context(
            "there is no enabled webhook endpoint: create one with POST /v1/webhook_endpoints",
        )?
    };
    let path = format!("/v1/webhook_endpoints/{endpoint}/test");
    let reply = client.post(&path, &json!({"type": trigger.event_type}), None).await?;
    if reply.status != 202 {
        bail!("the service answered {}: {}", reply.status, reply.text());
    }
    output::line(reply.json()?)?;
    Ok(ExitCode::SUCCESS)
}

fn newest_enabled(listed: &Value) -> Option<String> {
    let enabled = listed["data"].as_array()?.iter().find(|found| found["status"] == "enabled")?;
    enabled["id"].as_str().map(ToOwned::to_owned)
}
