//! What the settings mean. Whatever is configured is read when the program starts, whether it is needed or not.

use crate::config::{Config, Setting};
use anyhow::{Context, Result, bail};
use firsthand_api::DailyCaps;
use firsthand_domain::time::Span;
use std::net::SocketAddr;
use std::path::PathBuf;
use url::Url;

/// The longest that earnings may be held: 90 days.
const LONGEST_HOLD: i64 = 7_776_000;
/// The latest that a simulated worker may come: after a day.
const LONGEST_DELAY: i64 = 86_400_000;
/// The shortest master key, in hexadecimal digits.
const MASTER_KEY_DIGITS: usize = 64;

/// Reads an address and port to listen on: an IP address, or a name to look up.
pub(crate) fn address(text: &str) -> Result<String, String> {
    let is_name = |host: &str| {
        !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    let named = |text: &str| {
        text.rsplit_once(':')
            .is_some_and(|(host, port)| is_name(host) && port.parse::<u16>().is_ok())
    };
    if text.parse::<SocketAddr>().is_ok() || named(text) {
        return Ok(text.to_owned());
    }
    Err("an address and a port are needed, as 127.0.0.1:8080".to_owned())
}

/// Reads the URL of a service.
pub(crate) fn http_url(text: &str) -> Result<String, String> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(text.to_owned()),
        _ => Err("a URL is needed that begins with http:// or https://".to_owned()),
    }
}

fn must(setting: &Setting, read: fn(&str) -> Result<String, String>) -> Result<()> {
    match setting.get().map(read) {
        Some(Err(why)) => bail!("{}: {why}", setting.name()),
        _ => Ok(()),
    }
}

impl Config {
    /// Reads every setting that has a form.
    pub(crate) fn check(&self) -> Result<()> {
        must(&self.listen, address)?;
        for url in [&self.s3_endpoint, &self.public_url, &self.stripe_api_url] {
            must(url, http_url)?;
        }
        self.data_path()?;
        self.master_key()?;
        self.operator_token()?;
        self.parts()?;
        self.rates()?;
        self.priority_windows(true)?;
        self.submissions_per_day()?;
        self.earnings_hold()?;
        self.sandbox_delay()?;
        self.webhook_retries()?;
        self.webhook_ports()?;
        self.accounts()?;
        Ok(())
    }

    /// Returns the master key, if one is configured.
    pub(crate) fn master_key(&self) -> Result<Option<Vec<u8>>> {
        let Some(text) = self.master_key.get() else { return Ok(None) };
        match hex::decode(text) {
            Ok(key) if text.len() >= MASTER_KEY_DIGITS => Ok(Some(key)),
            _ => bail!("master_key must have at least {MASTER_KEY_DIGITS} hexadecimal digits"),
        }
    }

    /// Returns the operator's token, if one is configured.
    pub(crate) fn operator_token(&self) -> Result<Option<&str>> {
        match self.operator_token.get() {
            Some(token) if token.trim().is_empty() => bail!("operator_token must not be empty"),
            token => Ok(token),
        }
    }

    /// Returns how long an earning can't be paid out.
    pub(crate) fn earnings_hold(&self) -> Result<Span> {
        match self.earnings_hold_seconds.require()?.parse() {
            Ok(seconds) if (0..=LONGEST_HOLD).contains(&seconds) => Ok(Span::seconds(seconds)),
            _ => bail!("earnings_hold_seconds must be 0 to {LONGEST_HOLD}"),
        }
    }

    /// Returns how long a sandbox job waits for its simulated worker.
    pub(crate) fn sandbox_delay(&self) -> Result<Span> {
        match self.sandbox_delay_ms.require()?.parse() {
            Ok(delay) if (0..=LONGEST_DELAY).contains(&delay) => Ok(Span::milliseconds(delay)),
            _ => bail!("sandbox_delay_ms must be 0 to {LONGEST_DELAY}"),
        }
    }

    /// Returns how many submissions a worker may begin each day.
    pub(crate) fn submissions_per_day(&self) -> Result<DailyCaps> {
        let number = |setting: &Setting| match setting.require()?.parse() {
            Ok(number @ 1..=1_000_000) => Ok(number),
            _ => bail!("{} must be 1 to 1000000", setting.name()),
        };
        let standard = number(&self.submissions_per_day)?;
        let silver = number(&self.submissions_per_day_silver)?;
        if silver < standard {
            bail!(
                "submissions_per_day_silver must be {standard} or more, as submissions_per_day is"
            );
        }
        Ok(DailyCaps { standard, silver })
    }

    /// Says whether jobs are there for workers of higher tiers first.
    pub(crate) fn priority_windows(&self, local: bool) -> Result<bool> {
        let asked = windows(self.priority_windows.require()?, local);
        asked.context("priority_windows must be on, off or auto")
    }

    /// Returns the number of parts of a new database (ADR 0002).
    pub(crate) fn parts(&self) -> Result<i16> {
        let text = self.parts.require()?;
        match text.parse() {
            Ok(parts) if (1..=30).contains(&parts) => Ok(parts),
            _ => bail!("parts must be 1 to 30"),
        }
    }

    /// Returns the data directory as an absolute path.
    pub(crate) fn data_path(&self) -> Result<PathBuf> {
        let path = PathBuf::from(self.data_dir.require()?);
        std::path::absolute(&path).with_context(|| format!("{} is not a path", path.display()))
    }
}

/// Reads whether windows of priority are on: by default only where many workers compete.
fn windows(text: &str, local: bool) -> Option<bool> {
    match text {
        "auto" => Some(!local),
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::windows;

    #[test]
    fn windows_of_priority_are_on_by_themselves_where_the_service_is_not_local() {
        assert_eq!([true, false].map(|local| windows("auto", local)), [Some(false), Some(true)]);
        assert_eq!([true, false].map(|local| windows("on", local)), [Some(true), Some(true)]);
        assert_eq!([true, false].map(|local| windows("off", local)), [Some(false), Some(false)]);
    }
}
