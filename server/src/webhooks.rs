//! What webhooks may reach, and when they are tried again, from the configuration.

use crate::config::Config;
use anyhow::{Context, Result};
use firsthand_adapters::outbound::{CertificateDer, Connector, PemObject, Policy};
use firsthand_adapters::secrets::Secrets;
use firsthand_workers::{Outbound, RetrySchedule};
use std::sync::Arc;
use std::time::Duration;

/// How webhooks are sent.
#[derive(Clone)]
pub(crate) struct Sending {
    /// Reaches receivers.
    pub connector: Arc<Connector>,
    /// When a failed delivery is tried again.
    pub retries: RetrySchedule,
}

fn numbers<T: std::str::FromStr>(text: &str) -> Option<Vec<T>> {
    text.split(',').map(|number| number.trim().parse().ok()).collect()
}

impl Config {
    /// Returns the ports that webhooks may go to in production.
    pub(crate) fn webhook_ports(&self) -> Result<Vec<u16>> {
        numbers(self.webhook_ports.require()?)
            .context("webhook_ports must be port numbers with commas between them")
    }

    /// Returns when a failed delivery is tried again.
    pub(crate) fn webhook_retries(&self) -> Result<RetrySchedule> {
        numbers(self.webhook_retry_ms.require()?)
            .map(|pauses| pauses.into_iter().map(Duration::from_millis).collect())
            .and_then(RetrySchedule::new)
            .context("webhook_retry_ms must be milliseconds with commas between them")
    }
}

impl Sending {
    /// Prepares sending; `local` receivers are for `dev` and `demo` only (spec section 21).
    pub(crate) fn new(config: &Config, local: bool) -> Result<Self> {
        let mut policy = if local { Policy::development() } else { Policy::production() };
        if !local {
            policy.ports = Some(config.webhook_ports()?);
        }
        // As many as an endpoint may have in flight, and the process may.
        policy.idle_per_target = 64;
        policy.idle_connections = 512;
        if let Some(path) = config.webhook_ca_file.get() {
            policy.extra_roots = certificates(path)?;
        }
        let connector = Connector::new(policy).context("webhooks can't be sent")?;
        Ok(Self { connector: Arc::new(connector), retries: config.webhook_retries()? })
    }

    /// Returns what the dispatcher sends with.
    pub(crate) fn outbound(&self, secrets: &Secrets) -> Outbound {
        Outbound {
            connector: Arc::clone(&self.connector),
            secrets: secrets.clone(),
            retries: self.retries.clone(),
        }
    }
}

fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .with_context(|| format!("{path} can't be read as PEM certificates"))
}
