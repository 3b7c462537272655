//! `listen`, `trigger` and `sig verify`: webhooks on a developer's machine.

pub(crate) mod listen;
pub(crate) mod sig;
pub(crate) mod trigger;

use crate::client::Client;
use crate::config::Config;
use crate::values::http_url;
use anyhow::{Context, Result};
use clap::Args;

/// Which service, and by which key.
#[derive(Debug, Args)]
pub(crate) struct Service {
    /// The running service [default: the configured listen address].
    #[arg(long, value_parser = http_url)]
    pub url: Option<String>,
    /// An API key with the scopes `webhooks:read` and `webhooks:write`.
    #[arg(long, env = "FIRSTHAND_API_KEY", hide_env_values = true)]
    pub api_key: String,
}

impl Service {
    /// Returns a client of the service.
    pub(crate) fn client(&self, config: &Config) -> Result<Client> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => format!("http://{}", config.listen.require()?),
        };
        Client::new(&url, Some(&self.api_key)).context("no client can be made")
    }
}
