//! The product, running: started, watched, stopped and killed like an operator would.

use crate::{Api, binary};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, mpsc};
use std::time::Duration;

const START_LIMIT: Duration = Duration::from_secs(90);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A data directory of its own that outlives the servers started on it and is removed with the value.
#[derive(Debug)]
pub struct DataDir {
    root: tempfile::TempDir,
}

impl DataDir {
    /// An absent directory below a fresh, traversable parent: under root the database runs as another user,
    /// who must be able to reach it.
    pub fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::Builder::new().prefix("fh-").tempdir().expect("a temporary directory");
        std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o755))
            .expect("the mode can be set");
        DataDir { root }
    }

    /// What to pass as `--data`.
    pub fn path(&self) -> PathBuf {
        self.root.path().join("data")
    }
}

impl Default for DataDir {
    fn default() -> Self {
        Self::new()
    }
}

/// How to start a server.
#[derive(Debug, Clone)]
pub struct Options {
    data: Option<PathBuf>,
    listen: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
}

impl Options {
    /// A temporary data directory that the server removes at its end, and a free port.
    pub fn ephemeral() -> Self {
        Options {
            data: None,
            listen: "127.0.0.1:0".to_owned(),
            args: Vec::new(),
            env: vec![("FIRSTHAND_RATE_LIMITS".to_owned(), "off".to_owned())],
        }
    }

    /// A data directory that survives the server.
    pub fn at(data: &Path) -> Self {
        Options { data: Some(data.to_path_buf()), ..Self::ephemeral() }
    }

    /// Listens here, so that clients find the server again after a restart.
    pub fn listen(mut self, address: &str) -> Self {
        address.clone_into(&mut self.listen);
        self
    }

    /// Adds a command line argument.
    pub fn arg(mut self, argument: &str) -> Self {
        self.args.push(argument.to_owned());
        self
    }

    /// Sets an environment variable; a later one wins.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A running `firsthand dev`. Dropping it ends the process.
#[derive(Debug)]
pub struct Server {
    /// Where the API answers, without a trailing slash.
    pub base_url: String,
    /// Where the embedded object store answers.
    pub s3_url: String,
    /// The embedded database.
    pub database_url: String,
    /// The bearer token of `/internal/operator/*`.
    pub operator_token: String,
    /// Where the server keeps its data.
    pub data_dir: PathBuf,
    /// The process id.
    pub pid: u32,
    log: PathBuf,
    process: Mutex<Option<Process>>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    watchdog: Child,
}

static STARTED: AtomicU32 = AtomicU32::new(0);
static SHARED: OnceLock<Result<Server, String>> = OnceLock::new();

impl Server {
    /// One server for the whole test binary, started by the first test that asks. It ends with the process.
    pub fn shared() -> &'static Server {
        let server = SHARED.get_or_init(|| {
            let server =
                std::panic::catch_unwind(|| Self::start_as(&Options::ephemeral(), "shared"))
                    .unwrap_or_else(|_| {
                        Err("the shared server could not be started (see above)".to_owned())
                    })?;
            let log = server.log.clone();
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                before(info);
                eprintln!("note: the shared server's log is {}", log.display());
            }));
            Ok(server)
        });
        match server {
            Ok(server) => server,
            Err(why) => panic!("{why}"),
        }
    }

    /// Starts a server and waits for its ready line.
    ///
    /// # Panics
    /// If the process ends or says nothing within 90 s, or if the line lacks a documented field.
    pub async fn start(options: Options) -> Server {
        let started = tokio::task::spawn_blocking(move || Self::start_blocking(&options)).await;
        match started {
            Ok(server) => server,
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        }
    }

    /// [`Server::start`] for a thread that may block.
    pub fn start_blocking(options: &Options) -> Server {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        match Self::start_as(options, &format!("{}-{number}", std::process::id())) {
            Ok(server) => server,
            Err(why) => panic!("{why}"),
        }
    }

    fn start_as(options: &Options, name: &str) -> Result<Server, String> {
        let logs = binary::profile_dir().join("test-logs");
        std::fs::create_dir_all(&logs).map_err(|e| format!("{}: {e}", logs.display()))?;
        let log = logs.join(format!("{}-{name}.stderr", binary::suite_name()));
        let mut command = binary::command();
        command.args(["dev", "--listen", &options.listen, "--json"]);
        match &options.data {
            Some(data) => command.arg("--data").arg(data),
            None => command.arg("--ephemeral"),
        };
        command.args(&options.args).envs(options.env.iter().map(|(k, v)| (k, v)));
        command.stdout(Stdio::piped());
        command.stderr(File::create(&log).map_err(|e| format!("{}: {e}", log.display()))?);
        let mut child = command.spawn().map_err(|e| format!("the binary does not start: {e}"))?;
        let watchdog =
            watchdog(child.id()).map_err(|e| format!("the watchdog does not start: {e}"))?;
        let line = match ready_line(&mut child) {
            Ok(line) => line,
            Err(why) => {
                end(Process { child, watchdog }, Duration::ZERO);
                return Err(format!("{why}\n--- its log, {}\n{}", log.display(), tail(&log)));
            }
        };
        let text = |field: &str| match line[field].as_str() {
            Some(value) if !value.is_empty() => Ok(value.to_owned()),
            _ => Err(format!("the ready line has no {field}: {line}")),
        };
        if line["event"] != "ready" {
            return Err(format!("the first line on stdout is not the ready line: {line}"));
        }
        Ok(Server {
            base_url: text("base_url")?.trim_end_matches('/').to_owned(),
            s3_url: text("s3_url")?,
            database_url: text("database_url")?,
            operator_token: text("operator_token")?,
            data_dir: PathBuf::from(text("data_dir")?),
            pid: child.id(),
            log,
            process: Mutex::new(Some(Process { child, watchdog })),
        })
    }

    /// Ends the server with SIGTERM.
    ///
    /// # Panics
    /// Unless it exits with 0 within 30 s.
    pub async fn stop(&self) {
        let process = self.take().expect("the server was already stopped or killed");
        signal(self.pid, Signal::TERM);
        let ended = tokio::task::spawn_blocking(move || end(process, STOP_LIMIT)).await;
        let status = ended.expect("the server can be waited for").unwrap_or_else(|| {
            panic!("the server still runs {STOP_LIMIT:?} after SIGTERM\n{}", self.log_tail())
        });
        assert_eq!(
            status.code(),
            Some(0),
            "SIGTERM ended the server with {status}\n{}",
            self.log_tail()
        );
    }

    /// Ends the server with SIGKILL; returns once the process is gone. A second call does nothing.
    pub fn kill(&self) {
        if let Some(process) = self.take() {
            end(process, Duration::ZERO);
        }
    }

    /// How the process ended, if it ended by itself.
    pub fn ended(&self) -> Option<ExitStatus> {
        let mut process = self.process.lock().expect("no panic while held");
        process.as_mut().and_then(|p| p.child.try_wait().expect("the server can be waited for"))
    }

    /// The embedded payment gateway's API, called as the operator's own tools would.
    ///
    /// # Panics
    /// If this server has no embedded gateway.
    pub fn gateway(&self, live: bool) -> Api {
        let environment = if live { "live" } else { "test" };
        let path = self.data_dir.join(format!("payments.{environment}.key"));
        let secret = std::fs::read_to_string(path).expect("the gateway's key");
        let base = format!("{}/embedded/payments", self.base_url);
        Api::anonymous(&base).with_token(&format!("sk_{environment}_{}", secret.trim()))
    }

    /// The last lines that the server wrote on standard error.
    pub fn log_tail(&self) -> String {
        format!("--- the server's log, {}\n{}", self.log.display(), tail(&self.log))
    }

    /// Runs `firsthand verify` against this running server; panics unless it finds nothing.
    pub async fn verify(&self) {
        let database_url = self.database_url.clone();
        let checked =
            tokio::task::spawn_blocking(move || binary::verify_database(&database_url)).await;
        if let Err(failed) = checked {
            std::panic::resume_unwind(failed.into_panic());
        }
    }

    fn take(&self) -> Option<Process> {
        self.process.lock().expect("no panic while held").take()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(Some(process)) = self.process.get_mut().map(Option::take) {
            signal(self.pid, Signal::TERM);
            end(process, Duration::from_secs(5));
        }
        if std::thread::panicking() {
            eprintln!("{}", self.log_tail());
        } else {
            std::fs::remove_file(&self.log).ok();
        }
    }
}

/// Sends a signal to a process that this test knows to be alive.
pub fn signal(pid: u32, signal: Signal) {
    let pid =
        Pid::from_raw(i32::try_from(pid).expect("a process id")).expect("a process id is not zero");
    kill_process(pid, signal).ok();
}

/// A port of the loopback that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("a bound address").port()
}

/// Deaf to what ends the tests, it waits for their end, then asks the server to go, and insists after 30 s.
const WATCHDOG: &str = "trap '' INT HUP TERM; read -r _; kill -TERM \"$1\" 2>/dev/null || exit 0; \
    n=0; while kill -0 \"$1\" 2>/dev/null && [ $n -lt 60 ]; do sleep 0.5; n=$((n+1)); done; \
    kill -KILL \"$1\" 2>/dev/null";

/// Ends the server when this test process is gone, however it went: its pipe closes then.
fn watchdog(pid: u32) -> std::io::Result<Child> {
    Command::new("sh")
        .args(["-c", WATCHDOG, "watchdog", &pid.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

/// Ends the watchdog first, so that it can never signal a process id that somebody else has got, then waits
/// for the server, and kills it once `grace` is over. Returns how it ended, if it needed no killing.
fn end(process: Process, grace: Duration) -> Option<ExitStatus> {
    let Process { mut child, mut watchdog } = process;
    watchdog.kill().ok();
    watchdog.wait().ok();
    let pid = child.id();
    let (tell, told) = mpsc::channel();
    let waiter = std::thread::spawn(move || tell.send(child.wait()).ok());
    let ended = told.recv_timeout(grace).ok();
    if ended.is_none() {
        signal(pid, Signal::KILL);
    }
    waiter.join().ok();
    ended.and_then(Result::ok)
}

/// Waits for the first line that the server prints; its end closes the pipe.
fn ready_line(child: &mut Child) -> Result<Value, String> {
    let mut out = BufReader::new(child.stdout.take().expect("its output is a pipe"));
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = out.read_line(&mut line);
        tell.send(read.map(|_bytes| line)).ok();
        // A pipe that nobody empties would hold up a server that says more.
        std::io::copy(&mut out, &mut std::io::sink()).ok();
    });
    match told.recv_timeout(START_LIMIT) {
        Ok(Ok(line)) if line.is_empty() => {
            let status = child.wait().map_err(|e| e.to_string())?;
            Err(format!("the server ended with {status} before it was ready"))
        }
        Ok(Ok(line)) => serde_json::from_str(&line)
            .map_err(|e| format!("the ready line is not JSON ({e}): {line}")),
        Ok(Err(error)) => Err(format!("the server's output can't be read: {error}")),
        Err(_too_long) => Err(format!("the server is not ready after {START_LIMIT:?}")),
    }
}

fn tail(log: &Path) -> String {
    let text = String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}
