//! Child processes that serve: started, awaited, stopped, and never left behind.

use std::ffi::OsStr;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

/// How long a service may take from its start to its first line.
const START_PATIENCE: Duration = Duration::from_mins(1);
/// How long a child may take to end when asked to.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// Returns a command whose process gets `signal` when this one dies, however it dies; where
/// `setpriv` is missing, it is left to `Drop`. `privileges` are further options of `setpriv`.
///
/// The signal belongs to the spawning thread: the bench runs on its main thread alone.
pub(crate) fn mortal(program: &OsStr, signal: &str, privileges: &[String]) -> Command {
    if privileges.is_empty() && find_in_path("setpriv").is_none() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(privileges).arg(format!("--pdeathsig={signal}")).arg("--").arg(program);
    command
}

/// Returns where `PATH` has a program.
pub(crate) fn find_in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Ends a child by a signal and waits; kills it when it does not obey. Blocks, so that it can be
/// used in `Drop`.
pub(crate) fn end(child: &mut Child, signal: &str) {
    let Some(pid) = child.id() else { return };
    let asked = std::process::Command::new("kill").args(["-s", signal, &pid.to_string()]).status();
    let deadline = Instant::now() + STOP_PATIENCE;
    while asked.is_ok() && Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // Nothing more can be done about a process that survives this.
    drop(child.start_kill());
}

/// A running service that announced itself by one JSON line on its standard output.
#[derive(Debug)]
pub(crate) struct Service {
    child: Child,
    ready: Value,
    drain: JoinSet<()>,
}

impl Service {
    /// Starts `command` and waits for its line; its standard error goes to `log`.
    pub(crate) async fn start(mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let errors = File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().context("could not start the service")?;
        let output = child.stdout.take().context("a service without standard output")?;
        let mut output = BufReader::new(output);
        let mut line = String::new();
        let first = tokio::time::timeout(START_PATIENCE, output.read_line(&mut line)).await;
        let mut service = Self { child, ready: Value::Null, drain: JoinSet::new() };
        let said = match first {
            Ok(read) => read.context("the service's output could not be read")?,
            Err(_) => bail!("the service said nothing for {START_PATIENCE:?}; its {}", tail(log)),
        };
        if said == 0 {
            bail!("the service ended before it was ready; its {}", tail(log));
        }
        service.ready = serde_json::from_str(&line)
            .with_context(|| format!("the service's first line is not JSON: {line}"))?;
        // What else it prints is of no interest, but a full pipe would stop it.
        service.drain.spawn(async move {
            let mut rest = tokio::io::sink();
            drop(tokio::io::copy(&mut output, &mut rest).await);
        });
        Ok(service)
    }

    /// Returns a text field of the line by which it announced itself.
    pub(crate) fn announced(&self, field: &str) -> anyhow::Result<&str> {
        let value = self.ready.get(field).and_then(Value::as_str);
        value.with_context(|| format!("the service's ready line has no {field}: {}", self.ready))
    }

    /// Returns where it listens, from its `base_url`.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        let url = self.announced("base_url")?;
        let authority = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
        authority.parse().with_context(|| format!("base_url {url} is no http://address:port"))
    }

    /// Returns its process id; 0 once it has ended.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap_or(0)
    }

    /// Ends it and waits until it is gone.
    pub(crate) fn stop(mut self) {
        end(&mut self.child, "TERM");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        end(&mut self.child, "TERM");
    }
}

/// Returns an error with the end of the service's log, which goes with the temporary directory.
pub(crate) fn with_log(error: &anyhow::Error, log: &Path) -> anyhow::Error {
    anyhow::anyhow!("{error:#}\nthe service's {}", tail(log))
}

/// Returns the end of a log, for an error message.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let mut lines: Vec<&str> = text.lines().rev().take(15).collect();
    lines.reverse();
    format!("log ends:\n{}", lines.join("\n"))
}
