//! A private `PostgreSQL` cluster for one run: a unix socket in a temporary directory, no TCP,
//! and every durability setting at its safe default, which is checked and not assumed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::service::{end, find_in_path, mortal, tail};

/// Names the folder of the server's programs, when they are to be taken from elsewhere.
const BINARIES_VARIABLE: &str = "FIRSTHAND_PG_BIN";
const SUPERUSER: &str = "postgres";
const PORT: &str = "5432";
/// What every contestant gets. Sizes that pgbench, the product and its rivals all profit from;
/// nothing that trades durability for speed.
const SETTINGS: [&str; 5] = [
    "shared_buffers=512MB",
    "min_wal_size=2GB",
    "max_wal_size=4GB",
    "max_connections=200",
    "listen_addresses=",
];
/// Gives a cluster that was made this minute what one that has run for a day has: log files to
/// recycle (`min_wal_size` of them), where a new one is filled with zeros first, and buffers whose
/// memory was touched before, where the first touch costs a page fault. Both would be measured else.
const AGE: [&str; 4] = [
    "select count(pg_logical_emit_message(false, 'age', repeat('x', 1000000)))
     from generate_series(1, 2100)",
    "create unlogged table age (filler text) with (fillfactor = 10)",
    "insert into age select repeat('x', 700) from generate_series(1, 66000)",
    "drop table age",
];
/// Without these, a commit is not a commit and no figure counts.
const DURABLE: [&str; 3] = ["fsync", "synchronous_commit", "full_page_writes"];
/// The system's limit for a socket's path is 107 bytes on Linux.
const SOCKET_PATH_BYTES_MAX: usize = 103;

/// A running private cluster; dropping it stops the server and removes its files.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// Declared before the directory, so that the server is gone before its files.
    postmaster: Option<Child>,
    binaries: PathBuf,
    /// Options of `setpriv` that give up root, empty for an ordinary user.
    privileges: Vec<String>,
    folder: TempDir,
}

impl Cluster {
    /// Creates and starts a cluster in a new directory in `place`.
    pub(crate) async fn create(place: &Path) -> anyhow::Result<Self> {
        let binaries = find_binaries()?;
        let folder = tempfile::Builder::new().prefix("fh-bench-").tempdir_in(place)?;
        let socket = folder.path().join(".s.PGSQL.5432");
        ensure!(
            socket.as_os_str().len() <= SOCKET_PATH_BYTES_MAX,
            "{} is too long for a socket's path: choose a shorter --place",
            socket.display()
        );
        let privileges = give_up_root(folder.path()).await?;
        let mut cluster = Self { postmaster: None, binaries, privileges, folder };
        let data = cluster.data();
        let mut initdb = cluster.server_command("initdb");
        initdb.args(["-E", "UTF8", "--no-locale", "-A", "trust", "-U", SUPERUSER, "-D"]);
        checked(initdb.arg(data)).await.context("initdb failed")?;
        cluster.start().await?;
        for statement in AGE {
            cluster.query("postgres", statement).await?;
        }
        cluster.checkpoint().await?;
        let facts = cluster.facts().await?;
        for setting in DURABLE {
            ensure!(
                facts.get(setting).is_some_and(|value| value == "on"),
                "{setting} must be on: figures of a server that may lose commits count for nothing"
            );
        }
        Ok(cluster)
    }

    /// Returns the directory that goes with the cluster; also for what its contestants keep.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the process id of the postmaster; 0 while it is stopped.
    pub(crate) fn postmaster(&self) -> u32 {
        self.postmaster.as_ref().and_then(Child::id).unwrap_or(0)
    }

    /// Creates an empty database and returns its address.
    pub(crate) async fn create_database(&self, name: &str) -> anyhow::Result<String> {
        self.query("postgres", &format!("create database {name}")).await?;
        let host = self.folder.path().display();
        Ok(format!("postgres://{SUPERUSER}@localhost:{PORT}/{name}?host={host}"))
    }

    /// Writes all that is dirty to disk, so that each contestant starts from the same point.
    pub(crate) async fn checkpoint(&self) -> anyhow::Result<()> {
        self.query("postgres", "checkpoint").await.map(drop)
    }

    /// Sweeps up after a contestant, so that the server does not do it while another one is measured.
    pub(crate) async fn sweep(&self, database: &str) -> anyhow::Result<()> {
        self.query(database, "vacuum (analyze)").await.map(drop)
    }

    /// Stops the server cleanly and starts it again, its shared buffers empty.
    pub(crate) async fn restart(&mut self) -> anyhow::Result<()> {
        self.stop();
        self.start().await
    }

    /// Returns version, durability settings and the file system of the cluster, for the record.
    pub(crate) async fn facts(&self) -> anyhow::Result<BTreeMap<&'static str, String>> {
        let mut facts = BTreeMap::new();
        for setting in DURABLE.into_iter().chain(["server_version", "shared_buffers"]) {
            facts.insert(setting, self.query("postgres", &format!("show {setting}")).await?);
        }
        let mut stat = Command::new("stat");
        stat.args(["-f", "-c", "%T"]).arg(self.folder.path());
        // GNU's options: where they are unknown, the file system is not recorded.
        if let Ok(name) = checked(&mut stat).await {
            facts.insert("file_system", name.trim().to_owned());
        }
        Ok(facts)
    }

    /// Runs one of `PostgreSQL`'s client programs against the cluster and returns its output.
    pub(crate) async fn run_client(&self, program: &str, args: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(self.binaries.join(program));
        let server = ["-U", SUPERUSER, "-p", PORT, "-h"];
        command.args(server).arg(self.folder.path()).args(args).env_remove("PGOPTIONS");
        checked(&mut command).await
    }

    async fn query(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        let arguments =
            ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql];
        Ok(self.run_client("psql", &arguments).await?.trim().to_owned())
    }

    async fn start(&mut self) -> anyhow::Result<()> {
        let log = self.folder.path().join("postgres.log");
        let output = File::options().create(true).append(true).open(&log)?;
        let mut postgres = self.server_command("postgres");
        postgres.args(["-p", PORT, "-k"]).arg(self.folder.path()).arg("-D").arg(self.data());
        for setting in SETTINGS {
            postgres.args(["-c", setting]);
        }
        postgres.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = postgres.spawn().context("could not start postgres")?;
        self.postmaster = Some(child);
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.query("postgres", "select 1").await.is_err() {
            let ended = self.postmaster.as_mut().is_none_or(|child| {
                !matches!(child.try_wait(), Ok(None)) // ended, or no longer to be asked
            });
            if ended || Instant::now() > deadline {
                bail!("postgres did not start; its {}", tail(&log));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    fn stop(&mut self) {
        if let Some(mut postmaster) = self.postmaster.take() {
            // SIGINT is the fast, clean shutdown.
            end(&mut postmaster, "INT");
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn server_command(&self, program: &str) -> Command {
        let program = self.binaries.join(program);
        let mut command = mortal(program.as_os_str(), "QUIT", &self.privileges);
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns the folder that has both the server's programs and pgbench.
fn find_binaries() -> anyhow::Result<PathBuf> {
    let complete = |folder: &Path| {
        ["initdb", "postgres", "psql", "pgbench"].iter().all(|name| folder.join(name).is_file())
    };
    if let Some(folder) = std::env::var_os(BINARIES_VARIABLE).map(PathBuf::from) {
        ensure!(complete(&folder), "{BINARIES_VARIABLE}={} lacks programs", folder.display());
        return Ok(folder);
    }
    let mut folders: Vec<(u32, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten() {
        let version = entry.file_name().to_str().and_then(|name| name.parse().ok());
        folders.extend(version.map(|version| (version, entry.path().join("bin"))));
    }
    folders.sort();
    let installed = folders.into_iter().rev().map(|(_, folder)| folder);
    let in_path = find_in_path("initdb").and_then(|file| file.parent().map(Path::to_owned));
    installed.chain(in_path).find(|folder| complete(folder)).with_context(|| {
        format!(
            "no PostgreSQL server with pgbench found: install the package postgresql \
             or set {BINARIES_VARIABLE}"
        )
    })
}

/// Under root, gives the directory to an ordinary user and returns how to become that user.
async fn give_up_root(folder: &Path) -> anyhow::Result<Vec<String>> {
    if ask("id", &["-u"]).await?.trim() != "0" {
        return Ok(Vec::new());
    }
    ensure!(find_in_path("setpriv").is_some(), "as root, setpriv (util-linux) is needed");
    for user in ["postgres", "nobody"] {
        let Ok(uid) = ask("id", &["-u", user]).await else { continue };
        let gid = ask("id", &["-g", user]).await?;
        let (uid, gid) = (uid.trim().parse()?, gid.trim().parse()?);
        std::os::unix::fs::chown(folder, Some(uid), Some(gid))?;
        let ids = [format!("--reuid={uid}"), format!("--regid={gid}")];
        return Ok(ids.into_iter().chain(["--clear-groups".to_owned()]).collect());
    }
    bail!("PostgreSQL refuses to run as root, and there is no user postgres or nobody")
}

async fn ask(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    checked(Command::new(program).args(arguments)).await
}

/// Runs a program to its end and returns its output; fails with what it said on standard error.
async fn checked(command: &mut Command) -> anyhow::Result<String> {
    let program = command.as_std().get_program().to_owned();
    let name = Path::new(&program).file_name().unwrap_or(OsStr::new("?")).display().to_string();
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("could not run {name}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name} failed ({}): {}", output.status, errors.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
