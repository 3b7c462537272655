//! Configuration: flags beat environment beat file beat defaults; each value remembers its source.

use crate::rates::FIGURES;
use anyhow::{Context, Result, bail};
use firsthand_api::DailyCaps;
use firsthand_domain::time::Span;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What the command line set.
#[derive(Debug, Default)]
pub(crate) struct Flags {
    /// `--data`
    pub data_dir: Option<PathBuf>,
    /// `--config`
    pub file: Option<PathBuf>,
    /// `--listen`
    pub listen: Option<String>,
}

/// A value and where it comes from.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    name: &'static str,
    value: Option<String>,
    source: String,
    secret: bool,
}

impl Setting {
    /// Returns the value.
    pub(crate) fn get(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// Sets another value, and says who did.
    pub(crate) fn replace(&mut self, value: &str, source: &str) {
        self.value = Some(value.to_owned());
        source.clone_into(&mut self.source);
    }

    /// Returns the name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the value, or says what is missing.
    pub(crate) fn require(&self) -> Result<&str> {
        self.get().with_context(|| format!("{} is not set", self.name))
    }
}

/// The effective configuration.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Data directory of the embedded services.
    pub data_dir: Setting,
    /// Address and port.
    pub listen: Setting,
    /// A Postgres server; without one, the embedded one.
    pub database_url: Setting,
    /// The owner's URL, where the service's own role may not migrate.
    pub owner_database_url: Setting,
    /// S3: base URL; without one, AWS.
    pub s3_endpoint: Setting,
    /// S3: region.
    pub s3_region: Setting,
    /// S3: bucket; without one, the embedded store.
    pub s3_bucket: Setting,
    /// S3: key pair.
    pub s3_access_key: Setting,
    /// S3: key pair.
    pub s3_secret_key: Setting,
    /// The master secret, at least 64 hexadecimal digits.
    pub master_key: Setting,
    /// The operator's bearer token.
    pub operator_token: Setting,
    /// `on` or `off`.
    pub rate_limits: Setting,
    /// The figures of the rate limits, in the order of [`crate::rates::FIGURES`].
    pub rate_figures: Vec<Setting>,
    /// The header in which a proxy in front names the client.
    pub client_address_header: Setting,
    /// Parts of a new database.
    pub parts: Setting,
    /// Pauses before each attempt to deliver a webhook, in milliseconds.
    pub webhook_retry_ms: Setting,
    /// Ports that webhooks may go to.
    pub webhook_ports: Setting,
    /// Further certificate authorities for webhooks, as PEM.
    pub webhook_ca_file: Setting,
    /// How long after its approval an earning can't be paid out, in seconds.
    pub earnings_hold_seconds: Setting,
    /// How long after a sandbox job was created its simulated worker comes, in milliseconds.
    pub sandbox_delay_ms: Setting,
    /// Submissions that a worker may begin each day, up to bronze.
    pub submissions_per_day: Setting,
    /// The same from silver on.
    pub submissions_per_day_silver: Setting,
    /// `on`, `off`, or `auto`: on under `serve` and off elsewhere.
    pub priority_windows: Setting,
    /// Where buyers reach this service; without one, where it listens.
    pub public_url: Setting,
    /// Stripe's API.
    pub stripe_api_url: Setting,
    /// Stripe's key for real money.
    pub stripe_live_secret_key: Setting,
    /// What signs Stripe's events of real money.
    pub stripe_live_webhook_secret: Setting,
    /// Stripe's key for its test mode.
    pub stripe_test_secret_key: Setting,
    /// What signs Stripe's events of its test mode.
    pub stripe_test_webhook_secret: Setting,
}

/// Where Stripe is.
const STRIPE: &str = "https://api.stripe.com";

/// Spec section 8: at once, then after 1 min, 5 min, 30 min, 2 h and 8 h.
const RETRIES: &str = "0,60000,300000,1800000,7200000,28800000";

/// Spec section 11: 48 hours.
const EARNINGS_HOLD: &str = "172800";
/// Spec section 11.
const SUBMISSIONS_PER_DAY: &str = "50";
/// Spec section 11; where more are allowed up to bronze, as many.
const SUBMISSIONS_PER_DAY_SILVER: i64 = 100;
/// The longest that earnings may be held: 90 days.
const LONGEST_HOLD: i64 = 7_776_000;

/// Spec section 21: 15 seconds.
const SANDBOX_DELAY: &str = "15000";
/// The latest that a simulated worker may come: after a day.
const LONGEST_DELAY: i64 = 86_400_000;

struct Sources {
    file: toml::Table,
    file_name: String,
}

impl Sources {
    fn read(path: Option<&Path>) -> Result<Self> {
        let default = Path::new("firsthand.toml");
        let path = match path {
            Some(path) => path,
            None if default.exists() => default,
            None => return Ok(Self { file: toml::Table::new(), file_name: String::new() }),
        };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{} can't be read", path.display()))?;
        let file = text.parse().with_context(|| format!("{} is not valid TOML", path.display()))?;
        Ok(Self { file, file_name: path.display().to_string() })
    }

    /// Finds a value: flag, `FIRSTHAND_<NAME>` (or the variable given), file, default.
    fn find(
        &self,
        name: &'static str,
        flag: Option<String>,
        variable: Option<&str>,
        default: Option<&str>,
    ) -> Setting {
        let secret =
            ["key", "token", "secret", "database_url"].iter().any(|ending| name.ends_with(ending));
        let own = format!("FIRSTHAND_{}", name.to_uppercase());
        let setting =
            |value: Option<String>, source: String| Setting { name, value, source, secret };
        if flag.is_some() {
            return setting(flag, "command line".to_owned());
        }
        for variable in [Some(own.as_str()), variable].into_iter().flatten() {
            if let Ok(value) = std::env::var(variable)
                && !value.is_empty()
            {
                return setting(Some(value), format!("environment, {variable}"));
            }
        }
        match self.file.get(name) {
            Some(toml::Value::String(text)) => setting(Some(text.clone()), self.file_name.clone()),
            Some(other) => setting(Some(other.to_string()), self.file_name.clone()),
            None => setting(default.map(ToOwned::to_owned), "default".to_owned()),
        }
    }
}

impl Config {
    /// Reads every source.
    pub(crate) fn load(flags: &Flags) -> Result<Self> {
        let sources = Sources::read(flags.file.as_deref())?;
        let data = flags.data_dir.as_ref().map(|path| path.display().to_string());
        let find = |name, variable| sources.find(name, None, variable, None);
        let submissions_per_day =
            sources.find("submissions_per_day", None, None, Some(SUBMISSIONS_PER_DAY));
        let standard = submissions_per_day.get().and_then(|text| text.parse().ok());
        let silver = standard.map_or(SUBMISSIONS_PER_DAY_SILVER, |standard: i64| {
            standard.max(SUBMISSIONS_PER_DAY_SILVER)
        });
        let config = Self {
            data_dir: sources.find("data_dir", data, None, Some(".firsthand")),
            listen: sources.find("listen", flags.listen.clone(), None, Some("127.0.0.1:8080")),
            database_url: find("database_url", Some("DATABASE_URL")),
            owner_database_url: find("owner_database_url", None),
            s3_endpoint: find("s3_endpoint", None),
            s3_region: sources.find("s3_region", None, None, Some("us-east-1")),
            s3_bucket: find("s3_bucket", None),
            s3_access_key: find("s3_access_key", Some("AWS_ACCESS_KEY_ID")),
            s3_secret_key: find("s3_secret_key", Some("AWS_SECRET_ACCESS_KEY")),
            master_key: find("master_key", None),
            operator_token: find("operator_token", None),
            rate_limits: sources.find("rate_limits", None, None, Some("on")),
            rate_figures: FIGURES
                .iter()
                .map(|(name, default)| sources.find(name, None, None, Some(default)))
                .collect(),
            client_address_header: find("client_address_header", None),
            parts: sources.find("parts", None, None, Some("2")),
            webhook_retry_ms: sources.find("webhook_retry_ms", None, None, Some(RETRIES)),
            webhook_ports: sources.find("webhook_ports", None, None, Some("443,8443")),
            webhook_ca_file: find("webhook_ca_file", None),
            earnings_hold_seconds: sources.find(
                "earnings_hold_seconds",
                None,
                None,
                Some(EARNINGS_HOLD),
            ),
            sandbox_delay_ms: sources.find("sandbox_delay_ms", None, None, Some(SANDBOX_DELAY)),
            submissions_per_day_silver: sources.find(
                "submissions_per_day_silver",
                None,
                None,
                Some(&silver.to_string()),
            ),
            submissions_per_day,
            priority_windows: sources.find("priority_windows", None, None, Some("auto")),
            public_url: find("public_url", None),
            stripe_api_url: sources.find("stripe_api_url", None, None, Some(STRIPE)),
            stripe_live_secret_key: find("stripe_live_secret_key", None),
            stripe_live_webhook_secret: find("stripe_live_webhook_secret", None),
            stripe_test_secret_key: find("stripe_test_secret_key", None),
            stripe_test_webhook_secret: find("stripe_test_webhook_secret", None),
        };
        if !matches!(config.rate_limits.get(), Some("on" | "off")) {
            bail!("rate_limits must be on or off");
        }
        config.rates()?;
        config.earnings_hold()?;
        config.sandbox_delay()?;
        config.submissions_per_day()?;
        config.priority_windows(true)?;
        Ok(config)
    }

    fn all(&self) -> Vec<&Setting> {
        let mut all = vec![
            &self.data_dir,
            &self.listen,
            &self.database_url,
            &self.owner_database_url,
            &self.s3_endpoint,
            &self.s3_region,
            &self.s3_bucket,
            &self.s3_access_key,
            &self.s3_secret_key,
            &self.master_key,
            &self.operator_token,
            &self.rate_limits,
            &self.parts,
            &self.webhook_retry_ms,
            &self.webhook_ports,
            &self.webhook_ca_file,
            &self.earnings_hold_seconds,
            &self.sandbox_delay_ms,
            &self.submissions_per_day,
            &self.submissions_per_day_silver,
            &self.priority_windows,
            &self.public_url,
            &self.stripe_api_url,
            &self.stripe_live_secret_key,
            &self.stripe_live_webhook_secret,
            &self.stripe_test_secret_key,
            &self.stripe_test_webhook_secret,
            &self.client_address_header,
        ];
        all.extend(&self.rate_figures);
        all
    }

    /// Writes every value with its source; secrets are redacted.
    pub(crate) fn explain(&self) -> String {
        let mut text = String::new();
        for setting in self.all() {
            let value = match (&setting.value, setting.secret) {
                (None, _) => "(not set)".to_owned(),
                (Some(_), true) => "(redacted)".to_owned(),
                (Some(value), false) => format!("{value:?}"),
            };
            // Writing to a string can't fail.
            let _infallible = writeln!(text, "{} = {value}  # {}", setting.name, setting.source);
        }
        text.trim_end().to_owned()
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
            _ => bail!("{} must be 1 to 1000000", setting.name),
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
