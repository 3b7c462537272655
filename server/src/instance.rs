//! A data directory: its lock, its secrets, its embedded services.

use crate::config::Config;
use crate::postgres::{self, Cluster, url};
use anyhow::{Context, Result, bail};
use firsthand_adapters::secrets::Secrets;
use firsthand_adapters::storage::StoreConfig;
use firsthand_adapters::storage::embedded;
use firsthand_eventstore::belongs_to_master_key;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Name of the embedded store's bucket and key pair.
const BUCKET: &str = "firsthand";
const ACCESS_KEY: &str = "firsthand";
const DATABASE: &str = "firsthand";

/// The file of the master secret, where the configuration has none.
const MASTER_KEY: &str = "master.key";
/// What the master key's check value is the keyed hash for, and nothing else is.
const MASTER_KEY_CHECK: &str = "master_key_check";

/// A data directory that this process holds, and what it serves with.
#[derive(Debug)]
pub(crate) struct Instance {
    /// The directory.
    pub dir: PathBuf,
    /// The master secret.
    pub master_key: Vec<u8>,
    /// Whether it was made at this start.
    minted: bool,
    /// The operator's bearer token.
    pub operator_token: String,
    held: Held,
}

/// A data directory that this process holds, and no other may work in.
#[derive(Debug)]
pub(crate) struct Held {
    dir: PathBuf,
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

impl Database {
    /// Returns the configured database, if there is one.
    pub(crate) fn configured(config: &Config) -> Option<Self> {
        let service_url = config.database_url.get()?.to_owned();
        let owner_url = config.owner_database_url.get().unwrap_or(&service_url).to_owned();
        Some(Self { cluster: None, owner_url, service_url })
    }
}

impl Held {
    /// Takes the directory. Fails if another process holds it.
    fn take(dir: &Path) -> Result<Self> {
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
        Ok(Self { dir, _lock: lock })
    }

    /// Takes a directory that has an embedded database, and makes nothing in any other.
    pub(crate) fn with_database(dir: &Path) -> Result<Self> {
        if !postgres::has_cluster(dir) {
            bail!(
                "{} holds no database: name the data directory with --data, or set DATABASE_URL",
                dir.display()
            );
        }
        Self::take(dir)
    }

    /// Starts the embedded database, as it is.
    pub(crate) async fn database(&self) -> Result<Database> {
        let cluster = Cluster::start(&self.dir).await?;
        let maintenance = url(cluster.socket_dir(), "postgres", "postgres");
        firsthand_eventstore::create_database(&maintenance, DATABASE).await?;
        Ok(Database {
            owner_url: url(cluster.socket_dir(), "postgres", DATABASE),
            service_url: url(cluster.socket_dir(), "firsthand_app", DATABASE),
            cluster: Some(cluster),
        })
    }
}

/// Makes a secret: 64 hexadecimal digits in a file of mode 0600.
fn mint(dir: &Path, name: &str) -> Result<String> {
    let random: [u8; 32] = rand::random();
    let text = hex::encode(random);
    // Beside and renamed: a cut leaves either no secret or a whole one.
    let beside = dir.join(format!("{name}.new"));
    let mut file =
        OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, dir.join(name))?;
    File::open(dir)?.sync_all()?;
    Ok(text)
}

/// Reads a secret of the instance, or makes it.
fn secret(dir: &Path, name: &str) -> Result<String> {
    let path = dir.join(name);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => mint(dir, name)?,
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let text = text.trim().to_owned();
    if text.len() < 64 {
        bail!("{} is damaged", path.display());
    }
    Ok(text)
}

/// Returns the master key, the configured one or the directory's, and whether it was made just now. It is made
/// only where no database can have been made with another: with a new one every key and token would be dead.
fn master_key(dir: &Path, config: &Config) -> Result<(Vec<u8>, bool)> {
    if let Some(key) = config.master_key()? {
        return Ok((key, false));
    }
    let path = dir.join(MASTER_KEY);
    let minted = !path.exists();
    if minted && postgres::has_cluster(dir) {
        bail!(
            "{} is missing, and the database beside it works with no other key: put it back from a backup, or \
             set FIRSTHAND_MASTER_KEY to it",
            path.display()
        );
    }
    let key = hex::decode(secret(dir, MASTER_KEY)?)
        .with_context(|| format!("{} is damaged", path.display()))?;
    Ok((key, minted))
}

impl Instance {
    /// Takes the directory, made if it is new. Fails if another process holds it.
    pub(crate) fn open(dir: &Path, config: &Config) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("{} can't be made", dir.display()))?;
        let held = Held::take(dir)?;
        let dir = held.dir.clone();
        let (master_key, minted) = master_key(&dir, config)?;
        let operator_token = match config.operator_token()? {
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
        Ok(Self { dir, master_key, minted, operator_token, held })
    }

    /// Returns a secret of the data directory, which is made when it is first asked for.
    pub(crate) fn secret(&self, name: &str) -> Result<String> {
        secret(&self.dir, name)
    }

    /// Starts the embedded database, or uses the configured one, and brings its schema up to date. Fails if it
    /// belongs to another master key.
    pub(crate) async fn database(&self, config: &Config) -> Result<Database> {
        let database = match Database::configured(config) {
            Some(database) => database,
            None => self.held.database().await?,
        };
        if let Err(error) = self.prepare(&database, config).await {
            if let Some(cluster) = database.cluster {
                cluster.stop().await;
            }
            return Err(error);
        }
        Ok(database)
    }

    async fn prepare(&self, database: &Database, config: &Config) -> Result<()> {
        firsthand_eventstore::migrate(&database.owner_url, config.parts()?)
            .await
            .context("the schema can't be brought up to date")?;
        self.must_own(database).await
    }

    /// Fails if a database belongs to another master key. A new one belongs to ours from now on; but a database
    /// of somebody's own not to a key that was made just now, which may go with its directory.
    pub(crate) async fn must_own(&self, database: &Database) -> Result<()> {
        let check = Secrets::new(&self.master_key).digest(MASTER_KEY_CHECK, "");
        let claims = database.cluster.is_some() || !self.minted;
        let ours = belongs_to_master_key(&database.service_url, &check, claims).await.context(
            "the database can't be reached, or has no schema yet: `firsthand migrate` makes it",
        )?;
        if !ours {
            bail!(
                "the database was made with another master key, without which no key, token or sealed value of it \
                 works: start with that one, as FIRSTHAND_MASTER_KEY or as {}",
                self.dir.join(MASTER_KEY).display()
            );
        }
        Ok(())
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
