//! Which payment provider buyers pay through, from the configuration.

use crate::config::{Config, Setting};
use crate::gateway::Gateway;
use crate::instance::Instance;
use anyhow::{Result, bail};
use firsthand_adapters::payments::{Account, Payments};
use std::sync::Arc;

/// The payment provider, and the embedded gateway where that is it.
#[derive(Debug, Default)]
pub(crate) struct Provider {
    /// The accounts.
    pub payments: Payments,
    /// The embedded gateway.
    pub gateway: Option<Arc<Gateway>>,
}

fn account(config: &Config, key: &Setting, secret: &Setting) -> Result<Option<Account>> {
    match (key.get(), secret.get()) {
        (None, None) => Ok(None),
        (Some(key), Some(secret)) => {
            Ok(Some(Account::new(config.stripe_api_url.require()?, key, secret)?))
        }
        _ => bail!("{} and {} belong together: set both or none", key.name(), secret.name()),
    }
}

impl Config {
    /// Returns the accounts at Stripe.
    pub(crate) fn accounts(&self) -> Result<Payments> {
        Ok(Payments {
            live: account(self, &self.stripe_live_secret_key, &self.stripe_live_webhook_secret)?,
            test: account(self, &self.stripe_test_secret_key, &self.stripe_test_webhook_secret)?,
        })
    }
}

impl Provider {
    /// Uses Stripe where it is configured; `local` falls back to the embedded gateway, which is for
    /// `dev` and `demo` only.
    pub(crate) fn new(
        config: &Config,
        instance: &Instance,
        base_url: &str,
        local: bool,
    ) -> Result<Self> {
        let payments = config.accounts()?;
        if !local || payments.live.is_some() || payments.test.is_some() {
            return Ok(Self { payments, gateway: None });
        }
        let gateway = Gateway::open(instance, base_url)?;
        Ok(Self { payments: gateway.accounts()?, gateway: Some(gateway) })
    }
}
