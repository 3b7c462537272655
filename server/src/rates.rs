//! The rate limits, from the configuration.

use crate::config::Config;
use anyhow::{Context, Result, bail};
use firsthand_api::Rates;
use std::num::NonZeroU32;

/// The names of the figures and what they are by default (spec section 17 row 16).
pub(crate) const FIGURES: &[(&str, &str)] = &[
    ("rate_limit_job_reads_per_minute", "300"),
    ("rate_limit_requests_per_minute", "100"),
    ("rate_limit_free_requests_per_minute", "60"),
    ("rate_limit_requests_per_hour", "0"),
    ("rate_limit_organization_per_second", "500"),
    ("rate_limit_worker_per_minute", "300"),
    ("rate_limit_address_per_minute", "30"),
];

/// The highest figure: more in a window would not be told apart by the clock.
const MOST: u32 = 1_000_000;

impl Config {
    /// Returns the rate limits; `None` if they are off. Their figures must make sense all the same.
    pub(crate) fn rates(&self) -> Result<Option<Rates>> {
        let on = match self.rate_limits.get() {
            Some("on") => true,
            Some("off") => false,
            _ => bail!("rate_limits must be on or off"),
        };
        let figure = |name: &str| -> Result<Option<NonZeroU32>> {
            let setting = self.rate_figures.iter().find(|setting| setting.name() == name);
            let text = setting.with_context(|| format!("no setting {name}"))?.require()?;
            match text.parse::<u32>() {
                Ok(number) if number <= MOST => Ok(NonZeroU32::new(number)),
                _ => bail!("{name} must be at most {MOST}"),
            }
        };
        let some = |name: &str| {
            figure(name)?.with_context(|| {
                format!("{name} must be at least 1; rate_limits = off lifts all limits")
            })
        };
        let address_header = self.client_address_header.get().map(str::to_lowercase);
        let is_name = |name: &String| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !address_header.as_ref().is_none_or(is_name) {
            bail!("client_address_header must be the name of a header");
        }
        let rates = Rates {
            job_reads_per_minute: some("rate_limit_job_reads_per_minute")?,
            requests_per_minute: some("rate_limit_requests_per_minute")?,
            free_requests_per_minute: some("rate_limit_free_requests_per_minute")?,
            requests_per_hour: figure("rate_limit_requests_per_hour")?,
            organization_per_second: some("rate_limit_organization_per_second")?,
            worker_per_minute: some("rate_limit_worker_per_minute")?,
            address_per_minute: some("rate_limit_address_per_minute")?,
            address_header,
        };
        Ok(on.then_some(rates))
    }
}
