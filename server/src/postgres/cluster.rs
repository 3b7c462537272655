//! One cluster: made once, started, stopped.

use super::{binaries, user};
use anyhow::{Context, Result, bail};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The longest path of a socket's directory; the kernel's limit is 108 bytes with the name.
const LONGEST_SOCKET_DIR: usize = 80;
/// How long the server may take to answer after a start: it may have to recover.
const START: Duration = Duration::from_mins(1);
/// How long a stop may take before the next harder signal.
const FAST_STOP: Duration = Duration::from_secs(30);
const HARD_STOP: Duration = Duration::from_secs(8);

/// The port in the socket's name. Nothing listens on it; left out, a variable of the shell would choose it.
const PORT: &str = "5432";
/// What may stand in a URL as it is: the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A running embedded server.
#[derive(Debug)]
pub(crate) struct Cluster {
    socket_dir: PathBuf,
    pid: Pid,
    ended: CancellationToken,
}

/// Returns the URL of a database of the cluster for a role. It leaves nothing open that a client would
/// take from a variable of the environment.
pub(crate) fn url(socket_dir: &Path, role: &str, database: &str) -> String {
    let host = percent_encode(socket_dir.as_os_str().as_bytes(), RESERVED);
    format!("postgres://{role}@{host}:{PORT}/{database}?sslmode=disable")
}

/// Quotes a path for a setting that is a list of paths.
fn one_of_a_list(path: &Path) -> OsString {
    let mut quoted = vec![b'"'];
    for byte in path.as_os_str().as_bytes() {
        if *byte == b'"' {
            quoted.push(b'"');
        }
        quoted.push(*byte);
    }
    quoted.push(b'"');
    OsString::from_vec(quoted)
}

fn sync_dir(path: &Path) -> Result<()> {
    File::open(path)?.sync_all().with_context(|| format!("{} can't be synced", path.display()))
}

/// Makes a directory that only its owner can enter.
fn private_dir(path: &Path, user: Option<user::ServerUser>) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("{} can't be made", path.display()))?;
    fs::set_permissions(path, Permissions::from_mode(0o700))?;
    if let Some(user) = user {
        user.give(path)?;
    }
    Ok(())
}

impl Cluster {
    /// Starts the cluster in a data directory whose lock the caller holds; makes it first if it is
    /// new.
    pub(crate) async fn start(data: &Path) -> Result<Self> {
        let root = data.join("postgres");
        let prepared = root.clone();
        // initdb takes a while, in which others must be able to go on: who listens to signals, above all.
        let preparing = tokio::task::spawn_blocking(move || prepare(&prepared));
        let (bin, user) = preparing.await.context("the cluster's preparation broke")??;
        stop_orphan(&root.join("cluster")).await?;
        let (pid, ended) = spawn(&bin, &root, user).await?;
        let mut started = Self { socket_dir: root.join("run"), pid, ended };
        if let Err(error) = started.wait_until_ready(&bin).await {
            started.stop().await;
            return Err(error);
        }
        Ok(started)
    }

    /// Returns the directory of the socket.
    pub(crate) fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    async fn wait_until_ready(&mut self, bin: &Path) -> Result<()> {
        let mut until = Instant::now() + START;
        let pg_isready = bin.join("pg_isready");
        let socket = self.socket_dir.join(".s.PGSQL.5432");
        loop {
            let mut asked = user::command(None, &pg_isready, false);
            asked.arg("-q").arg("-h").arg(&self.socket_dir).args(["-p", PORT, "-t", "1"]);
            let mut asked = tokio::process::Command::from(asked);
            let answer = if socket.exists() { asked.status().await?.code() } else { None };
            match answer {
                Some(0) => return Ok(()),
                // It rejects connections: it recovers from a crash, however long that takes.
                Some(1) => until = Instant::now() + START,
                _ => (),
            }
            if self.ended.is_cancelled() || Instant::now() > until {
                let log = self.socket_dir.with_file_name("server.log");
                let text = fs::read_to_string(&log).unwrap_or_default();
                let last = text.lines().rev().take(5).collect::<Vec<_>>();
                let last: Vec<_> = last.into_iter().rev().collect();
                bail!(
                    "the embedded Postgres did not start; its log ends with: {}",
                    last.join(" | ")
                );
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Returns when the server has ended by itself.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Stops the server: a fast shutdown, a hard one if that hangs.
    pub(crate) async fn stop(self) {
        for (signal, patience) in
            [(Signal::INT, FAST_STOP), (Signal::QUIT, HARD_STOP), (Signal::KILL, HARD_STOP)]
        {
            if self.ended.is_cancelled() {
                return;
            }
            // It may end at this moment; then there is nothing to signal.
            let _ended_already = kill_process(self.pid, signal);
            if tokio::time::timeout(patience, self.ended.cancelled()).await.is_ok() {
                return;
            }
        }
    }
}

impl Drop for Cluster {
    /// Who gave up half-way could not wait for the end, but leaves no server that nobody stops.
    fn drop(&mut self) {
        if !self.ended.is_cancelled() {
            let _ended_already = kill_process(self.pid, Signal::INT);
        }
    }
}

/// Finds the binaries, chooses the user, and makes what is not there yet.
fn prepare(root: &Path) -> Result<(PathBuf, Option<user::ServerUser>)> {
    let bin = binaries::find()?;
    let socket_dir = root.join("run");
    if socket_dir.as_os_str().len() > LONGEST_SOCKET_DIR {
        bail!(
            "{} is too long for a socket: choose a shorter data directory with --data",
            socket_dir.display()
        );
    }
    if socket_dir.as_os_str().as_bytes().contains(&b',') {
        // To PostgreSQL's own clients a comma ends the name of a host.
        bail!(
            "{} holds a comma, which no path of a socket may: choose another data directory with --data",
            socket_dir.display()
        );
    }
    fs::create_dir_all(root)?;
    fs::set_permissions(root, Permissions::from_mode(0o755))?;
    let user = user::ServerUser::choose(root)?;
    private_dir(&socket_dir, user)?;
    let cluster = root.join("cluster");
    if !cluster.exists() {
        make(&bin, root, &cluster, user)?;
    }
    Ok((bin, user))
}

/// Runs initdb beside the final place and renames: a cut leaves either no cluster or a whole one.
fn make(bin: &Path, root: &Path, cluster: &Path, user: Option<user::ServerUser>) -> Result<()> {
    let beside = root.join("cluster.new");
    if beside.exists() {
        // Left by an initdb that was cut short; it never was a cluster.
        fs::remove_dir_all(&beside)?;
    }
    private_dir(&beside, user)?;
    let output = user::command(user, &bin.join("initdb"), true)
        .arg("-D")
        .arg(&beside)
        .args(["-U", "postgres", "-A", "trust", "-k", "--encoding=UTF8", "--locale=C"])
        .current_dir("/")
        // Ctrl-C is for us alone: we decide when our children end.
        .process_group(0)
        .stdin(Stdio::null())
        .output()
        .context("initdb can't be run")?;
    if !output.status.success() {
        bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    fs::rename(&beside, cluster)?;
    sync_dir(root)
}

/// Reads the pid of a server that may still hold the cluster.
fn recorded_pid(cluster: &Path) -> Option<Pid> {
    let text = fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
    Pid::from_raw(text.lines().next()?.trim().parse().ok()?)
}

/// Says whether a process is a server of this cluster: pids are reused.
fn serves(pid: Pid, cluster: &Path) -> bool {
    let cwd = format!("/proc/{}/cwd", pid.as_raw_nonzero());
    match fs::read_link(cwd) {
        Ok(cwd) => cluster.canonicalize().is_ok_and(|cluster| cwd == cluster),
        Err(_unreadable) => !Path::new("/proc/self").exists() && test_kill_process(pid).is_ok(),
    }
}

/// Returns the processes that work in the cluster, where the system tells.
fn servers(cluster: &Path) -> Vec<Pid> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    processes
        .flatten()
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .filter(|pid| serves(*pid, cluster))
        .collect()
}

/// Stops a server whose parent was killed. We hold the data directory's lock, so it is nobody's.
async fn stop_orphan(cluster: &Path) -> Result<()> {
    let Some(pid) = recorded_pid(cluster) else { return Ok(()) };
    for (signal, patience) in [
        (Signal::INT, Duration::from_secs(5)),
        (Signal::QUIT, HARD_STOP),
        (Signal::KILL, HARD_STOP),
    ] {
        if !serves(pid, cluster) {
            break;
        }
        let _ended_already = kill_process(pid, signal);
        let until = Instant::now() + patience;
        while serves(pid, cluster) && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    if serves(pid, cluster) {
        bail!("an earlier server (process {}) can't be stopped", pid.as_raw_nonzero());
    }
    // Its backends outlive a server that was killed until they notice, and keep a new one out.
    let until = Instant::now() + HARD_STOP;
    while let Some(backend) = servers(cluster).first() {
        if Instant::now() > until {
            bail!("a process of an earlier server ({}) does not end", backend.as_raw_nonzero());
        }
        let _ended_already = kill_process(*backend, Signal::QUIT);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // A stale file with a reused pid would keep the server from starting.
    match fs::remove_file(cluster.join("postmaster.pid")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Starts the server from a thread that lives as long as it: the parent-death signal belongs to
/// the thread that spawned.
async fn spawn(
    bin: &Path,
    root: &Path,
    user: Option<user::ServerUser>,
) -> Result<(Pid, CancellationToken)> {
    let socket_dir = root.join("run");
    let mut log = fs::OpenOptions::new().create(true).append(true).open(root.join("server.log"))?;
    writeln!(log, "-- start")?;
    for stale in [".s.PGSQL.5432", ".s.PGSQL.5432.lock"] {
        // We hold the lock and no server runs: what lies here is left over.
        drop(fs::remove_file(socket_dir.join(stale)));
    }
    let mut command = user::command(user, &bin.join("postgres"), true);
    command
        .arg("-D")
        .arg(root.join("cluster"))
        .arg("-k")
        .arg(one_of_a_list(&socket_dir))
        .args(["-p", PORT])
        .args(["-c", "listen_addresses="])
        .args(["-c", "max_connections=240"])
        .args(["-c", "shared_buffers=256MB"])
        .args(["-c", "min_wal_size=1GB"])
        .args(["-c", "max_wal_size=4GB"])
        .args(["-c", "checkpoint_timeout=15min"])
        .args(["-c", "log_min_messages=error"])
        .current_dir("/")
        // Ctrl-C is for us alone: to the server it would be a fast shutdown, before requests have ended.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    let (spawned, spawning) = oneshot::channel();
    let ended = CancellationToken::new();
    let end = ended.clone().drop_guard();
    std::thread::Builder::new().name("postgres".to_owned()).spawn(move || {
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                drop(spawned.send(Err(error)));
                return;
            }
        };
        drop(spawned.send(Ok(child.id())));
        drop(child.wait());
        drop(end);
    })?;
    let id = spawning.await?.context("postgres can't be started")?;
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw).context("no process id")?;
    Ok((pid, ended))
}

#[cfg(test)]
mod tests {
    use super::{one_of_a_list, url};
    use std::path::Path;

    #[test]
    fn a_url_names_any_directory_and_leaves_nothing_to_the_environment() {
        assert_eq!(
            url(Path::new("/a b/#?@:[^%ü~-._"), "postgres", "firsthand"),
            "postgres://postgres@%2Fa%20b%2F%23%3F%40%3A%5B%5E%25%C3%BC~-._:5432/firsthand?sslmode=disable"
        );
    }

    #[test]
    fn a_directory_is_one_of_a_list() {
        assert_eq!(one_of_a_list(Path::new("/a b\"c, d")), *"\"/a b\"\"c, d\"");
    }
}
