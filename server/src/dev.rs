//! `firsthand dev`: everything in one process on embedded defaults, until stopped.

use crate::config::Config;
use crate::instance::{Database, Instance};
use crate::service::{Roles, Service, Setup};
use crate::webhooks::Sending;
use anyhow::{Context, Result, bail};
use firsthand_api::{Limits, PhoneSender};
use serde_json::json;
use std::io::Write;
use std::path::Path;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a start that is no longer wanted may take to its end, where it can be stopped in order.
const START: Duration = Duration::from_mins(1);

/// A running development instance.
#[derive(Debug)]
pub(crate) struct Running {
    /// Where the API is.
    pub base_url: String,
    /// Where the object store is.
    pub s3_url: String,
    /// The data directory.
    pub instance: Instance,
    /// The database.
    pub database: Database,
    service: Service,
    /// The embedded object store: it ends after everything that uses it.
    objects: (TaskTracker, CancellationToken),
}

impl Running {
    /// Starts everything in a data directory.
    pub(crate) async fn start(dir: &Path, listen: &str, config: &Config) -> Result<Self> {
        let instance = Instance::open(dir, config)?;
        let mut database = instance.database(config).await?;
        let started = Self::start_service(&instance, &database, listen, config).await;
        match started {
            Ok((service, s3_url, objects)) => {
                let base_url = format!("http://{}", service.address);
                Ok(Self { base_url, s3_url, instance, database, service, objects })
            }
            Err(error) => {
                if let Some(cluster) = database.cluster.take() {
                    cluster.stop().await;
                }
                Err(error)
            }
        }
    }

    async fn start_service(
        instance: &Instance,
        database: &Database,
        listen: &str,
        config: &Config,
    ) -> Result<(Service, String, (TaskTracker, CancellationToken))> {
        let tracker = TaskTracker::new();
        let end = CancellationToken::new();
        let (objects, s3_url) = instance.objects(&tracker, &end).await?;
        let limits = Limits {
            phone_sender: PhoneSender::Fixed,
            open_registration: true,
            submissions_per_day: config.submissions_per_day()?,
            priority_windows: config.priority_windows(true)?,
            rates: config.rates()?,
        };
        let service = Service::start(Setup {
            config,
            local: true,
            instance,
            database,
            objects,
            listen,
            limits,
            webhooks: Sending::new(config, true)?,
            roles: Roles::ALL,
        })
        .await?;
        Ok((service, s3_url, (tracker, end)))
    }

    /// Stops everything, the database last.
    pub(crate) async fn stop(self) {
        self.service.stop().await;
        let (tracker, end) = self.objects;
        end.cancel();
        tracker.close();
        tracker.wait().await;
        if let Some(cluster) = self.database.cluster {
            cluster.stop().await;
        }
    }

    /// Returns when the embedded database has ended by itself.
    async fn database_ended(&self) {
        match &self.database.cluster {
            Some(cluster) => cluster.ended().await,
            None => std::future::pending().await,
        }
    }

    /// Says that everything is ready, and returns when it is to end: whether the database has ended by itself.
    async fn until_ended(
        &self,
        json: bool,
        stop: impl Future<Output = Result<()>>,
    ) -> Result<bool> {
        self.announce(json)?;
        tokio::select! {
            stopped = stop => stopped.map(|()| false),
            () = self.database_ended() => Ok(true),
        }
    }

    fn announce(&self, json: bool) -> Result<()> {
        let mut out = std::io::stdout().lock();
        if json {
            let ready = json!({
                "event": "ready",
                "base_url": self.base_url,
                "s3_url": self.s3_url,
                "database_url": self.database.owner_url,
                "operator_token": self.instance.operator_token,
                "data_dir": self.instance.dir,
                "stripe_webhook_secret": self.service.gateway.as_ref().map(|gateway| gateway.webhook_secret()),
            });
            writeln!(out, "{ready}")?;
        } else {
            writeln!(out, "firsthand is ready at {}", self.base_url)?;
            writeln!(out, "  data            {}", self.instance.dir.display())?;
            writeln!(out, "  object storage  {}", self.s3_url)?;
            writeln!(out, "  operator token  {}", self.instance.operator_token)?;
            writeln!(out, "Ctrl-C stops it.")?;
        }
        Ok(out.flush()?)
    }
}

/// Listens to SIGTERM and Ctrl-C from now on. What it returns ends with the first of them.
pub(crate) fn asked_to_stop() -> impl Future<Output = Result<()>> {
    let listening = signal(SignalKind::terminate())
        .and_then(|terminate| Ok((terminate, signal(SignalKind::interrupt())?)));
    async move {
        let (mut terminate, mut interrupt) = listening?;
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
        Ok(())
    }
}

/// Runs until stopped.
pub(crate) async fn run(config: &Config, ephemeral: bool, json: bool) -> Result<ExitCode> {
    // First of all: what is made from here on is to be removed.
    let stop = asked_to_stop();
    tokio::pin!(stop);
    let temporary = if ephemeral {
        let dir = tempfile::Builder::new().prefix("firsthand-").tempdir()?;
        // The embedded server's user must be able to pass through.
        std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        Some(dir)
    } else {
        None
    };
    let dir = match &temporary {
        Some(dir) => dir.path().to_path_buf(),
        None => config.data_path()?,
    };
    let ran = run_in(&dir, config, json, stop).await;
    let removed = temporary
        .map_or(Ok(()), |dir| dir.close().context("the temporary data directory can't be removed"));
    ran.and(removed).map(|()| ExitCode::SUCCESS)
}

/// Runs in a data directory until stopped. When this returns, nothing works there any more.
async fn run_in(
    dir: &Path,
    config: &Config,
    json: bool,
    mut stop: Pin<&mut (impl Future<Output = Result<()>> + Send)>,
) -> Result<()> {
    let mut starting = Box::pin(Running::start(dir, config.listen.require()?, config));
    let running = tokio::select! {
        biased;
        stopped = &mut stop => {
            // What is half begun can't be stopped half, and a start takes about a second. One that takes longer
            // recovers from a crash: it is left to the kernel, which ends the server with us.
            match tokio::time::timeout(START, starting).await {
                Ok(Ok(running)) => running.stop().await,
                Ok(Err(error)) => tracing::info!(error = %error, "the start failed"),
                Err(_elapsed) => tracing::warn!("the start was cut off"),
            }
            return stopped;
        }
        started = &mut starting => started?,
    };
    let ended = running.until_ended(json, stop).await;
    running.stop().await;
    if ended? {
        bail!("the embedded Postgres has ended; start again to recover");
    }
    Ok(())
}
