//! A data directory: its lock, its secrets, its embedded services.

use crate::config::Config;
use crate::postgres::{Cluster, url};
use anyhow::{Context, Result, bail};
use firsthand_adapters::storage::StoreConfig;
use firsthand_adapters::storage::embedded;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Name of the embedded store's bucket and key pair.
const BUCKET: &str = "firsthand";
const ACCESS_KEY: &str = "firsthand";
const DATABASE: &str = "firsthand";

/// A data directory that this process holds.
#[derive(Debug)]
pub(crate) struct Instance {
    /// The directory.
    pub dir: PathBuf,
    /// The master secret.
    pub master_key: Vec<u8>,
    /// The operator's bearer token.
    pub operator_token: String,
    _lock: File,
}

/// Where the database is.
#[derive(Debug)]
pub(crate) struct Database {
    /// The embedded server, if it is ours.
    pub cluster: Option<Cluster>,
    /// The owner's URL.
    pub owner_url: String,
    /// The service's URL.
    pub service_url: String,
}

/// Reads a secret of the instance, or makes it: 64 hexadecimal digits in a file of mode 0600.
fn secret(dir: &Path, name: &str) -> Result<String> {
    let path = dir.join(name);
    let mut text = String::new();
    match File::open(&path) {
        Ok(mut file) => {
            file.read_to_string(&mut text)?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let random: [u8; 32] = rand::random();
            text = hex::encode(random);
            // Beside and renamed: a cut leaves either no secret or a whole one.
            let beside = dir.join(format!("{name}.new"));
            let mut file = OpenOptions::new()
                .create(true)
                .truncate(true)
                .write(true)
                .mode(0o600)
                .open(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            File::open(dir)?.sync_all()?;
        }
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    }
    let text = text.trim().to_owned();
    if text.len() < 64 {
        bail!("{} is damaged", path.display());
    }
    Ok(text)
}

impl Instance {
    /// Takes the directory, made if it is new. Fails if another process holds it.
    pub(crate) fn open(dir: &Path, config: &Config) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("{} can't be made", dir.display()))?;
        let dir = dir.canonicalize()?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(dir.join("lock"))
            .with_context(|| format!("{} can't be written", dir.display()))?;
        if lock.try_lock().is_err() {
            bail!("{} is in use by another running instance", dir.display());
        }
        let master = match config.master_key.get() {
            Some(key) => key.to_owned(),
            None => secret(&dir, "master.key")?,
        };
        let master_key = hex::decode(&master).context("the master key is not hexadecimal")?;
        let operator_token = match config.operator_token.get() {
            Some(token) => token.to_owned(),
            None => secret(&dir, "operator.token")?,
        };
        for name in ["uploads", "scratch"] {
            // We hold the lock, so what lies here was left by a process that was killed.
            match fs::remove_dir_all(dir.join(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| name.to_owned());
                }
                _ => fs::create_dir(dir.join(name))?,
            }
        }
        fs::create_dir_all(dir.join("objects"))?;
        Ok(Self { dir, master_key, operator_token, _lock: lock })
    }

    /// Returns a secret of the data directory, which is made when it is first asked for.
    pub(crate) fn secret(&self, name: &str) -> Result<String> {
        secret(&self.dir, name)
    }

    /// Starts the embedded database, or uses the configured one, and brings its schema up to date.
    pub(crate) async fn database(&self, config: &Config) -> Result<Database> {
        let database = self.connect(config).await?;
        let migrated = firsthand_eventstore::migrate(&database.owner_url, config.parts()?).await;
        if let Err(error) = migrated {
            if let Some(cluster) = database.cluster {
                cluster.stop().await;
            }
            return Err(error).context("the schema can't be brought up to date");
        }
        Ok(database)
    }

    async fn connect(&self, config: &Config) -> Result<Database> {
        if let Some(configured) = config.database_url.get() {
            let owner = config.owner_database_url.get().unwrap_or(configured);
            return Ok(Database {
                cluster: None,
                owner_url: owner.to_owned(),
                service_url: configured.to_owned(),
            });
        }
        let cluster = Cluster::start(&self.dir).await?;
        let maintenance = url(cluster.socket_dir(), "postgres", "postgres");
        firsthand_eventstore::create_database(&maintenance, DATABASE).await?;
        Ok(Database {
            owner_url: url(cluster.socket_dir(), "postgres", DATABASE),
            service_url: url(cluster.socket_dir(), "firsthand_app", DATABASE),
            cluster: Some(cluster),
        })
    }

    /// Starts the embedded object store on a free port of the loopback interface.
    pub(crate) async fn objects(
        &self,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<(StoreConfig, String)> {
        let secret_key = secret(&self.dir, "s3.secret")?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let dir = self.dir.join("objects");
        let (key, stop) = (secret_key.clone(), stop.clone());
        tracker.spawn(async move {
            let stopped = async move { stop.cancelled().await };
            if let Err(error) = embedded::serve(&dir, listener, ACCESS_KEY, &key, stopped).await {
                tracing::error!(error = &error as &dyn std::error::Error, "object store ended");
            }
        });
        let config = StoreConfig {
            endpoint_url: Some(endpoint.clone()),
            region: "us-east-1".to_owned(),
            access_key: ACCESS_KEY.to_owned(),
            secret_key,
            bucket: BUCKET.to_owned(),
        };
        Ok((config, endpoint))
    }
}
