//! Configuration: flags beat environment beat file beat defaults; each value remembers its source.

use crate::rates::FIGURES;
use anyhow::{Context, Result, bail};
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

/// Spec section 21: 15 seconds.
const SANDBOX_DELAY: &str = "15000";

/// Whoever sets these to nothing has lost a secret on the way, and must not get a new one instead.
const NEVER_EMPTY: [&str; 2] = ["master_key", "operator_token"];

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
                && (!value.is_empty() || NEVER_EMPTY.contains(&name))
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

    /// Refuses what a file sets and nobody would read: a misspelt name would leave the default in force.
    fn refuse_unknown(&self, known: &[&Setting]) -> Result<()> {
        for (name, value) in &self.file {
            if !known.iter().any(|setting| setting.name == name) {
                bail!(
                    "{} sets {name}, which is no setting: `firsthand config --config /dev/null` names them all",
                    self.file_name
                );
            }
            if matches!(value, toml::Value::Table(_) | toml::Value::Array(_)) {
                bail!("{}: {name} must be a text or a number", self.file_name);
            }
        }
        Ok(())
    }
}

impl Config {
    /// Reads every source, and refuses what is not a setting or has no meaning.
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
        sources.refuse_unknown(&config.all())?;
        config.check()?;
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
}
