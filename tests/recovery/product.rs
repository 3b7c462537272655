//! The product's process: started, killed, ended, verified. Nothing here panics when the product misbehaves.
//!
//! `firsthand_tests::Server` is for tests that expect the server to live; here its death and a failed start are data.

use crate::support::{Address, text};
use firsthand_tests::server::signal;
use rustix::process::Signal;
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, copy, sink};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);
const VERIFY_LIMIT: Duration = Duration::from_secs(600);

/// A directory for one run, with the data directory in it; it stays when the run has found something.
#[derive(Debug)]
pub(crate) struct Site {
    root: TempDir,
    binary: PathBuf,
    env: Vec<(String, String)>,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Product {
    child: Child,
    watchdog: Child,
    pub(crate) address: Address,
    pub(crate) database_url: String,
    /// From the start of the process to its ready line.
    pub(crate) took: Duration,
}

impl Site {
    /// A fresh site for this binary. Its root can be entered by the database's user, whoever that is.
    pub(crate) fn new(binary: &Path, env: &[(&str, &str)]) -> anyhow::Result<Site> {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::Builder::new().prefix("fhr-").tempdir()?;
        std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o755))?;
        let mut all = vec![("FIRSTHAND_RATE_LIMITS".to_owned(), "off".to_owned())];
        all.extend(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Ok(Site { root, binary: binary.to_path_buf(), env: all })
    }

    /// Where the driver keeps its own log.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// What is passed as `--data`.
    pub(crate) fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    /// Leaves everything where it is, for whoever looks into a finding.
    pub(crate) fn keep(&mut self) {
        self.root.disable_cleanup(true);
    }

    /// Starts the server and waits for its ready line.
    pub(crate) async fn start(&self) -> Result<Product, String> {
        let began = Instant::now();
        let mut command = self.command(&["dev", "--listen", "127.0.0.1:0", "--json"]);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdout(Stdio::piped()).stderr(self.log()?).kill_on_drop(true);
        let mut child =
            command.spawn().map_err(|error| format!("the server does not start: {error}"))?;
        let watchdog = watchdog(child.id().unwrap_or_default())?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let mut line = String::new();
        let read = timeout(START_LIMIT, lines.read_line(&mut line)).await;
        match read {
            Ok(Ok(length)) if length > 0 => (),
            Ok(Ok(_)) => {
                return Err(format!("the server ended before it was ready\n{}", self.log_tail()));
            }
            Ok(Err(error)) => return Err(format!("the ready line: {error}\n{}", self.log_tail())),
            Err(_) => return Err(format!("not ready within {START_LIMIT:?}\n{}", self.log_tail())),
        }
        let took = began.elapsed();
        tokio::spawn(async move { copy(&mut lines, &mut sink()).await });
        let ready: Value =
            serde_json::from_str(&line).map_err(|error| format!("{error} in {line}"))?;
        if ready["event"] != "ready" {
            return Err(format!("the first line is not the ready line: {line}"));
        }
        let address = Address {
            base_url: text(&ready, "base_url")?.trim_end_matches('/').to_owned(),
            operator_token: text(&ready, "operator_token")?.to_owned(),
        };
        let database_url = text(&ready, "database_url")?.to_owned();
        Ok(Product { child, watchdog, address, database_url, took })
    }

    /// `firsthand verify` on the stopped server's data; anything but exit code 0 is a finding.
    pub(crate) async fn verify(&self) -> Result<(), String> {
        let mut command = self.command(&["verify"]);
        let run = command.kill_on_drop(true).output();
        let output = match timeout(VERIFY_LIMIT, run).await {
            Ok(output) => output.map_err(|error| format!("verify does not start: {error}"))?,
            Err(_) => return Err(format!("verify still runs after {VERIFY_LIMIT:?}")),
        };
        if output.status.success() { Ok(()) } else { Err(said(&output)) }
    }

    /// The last lines of the server's standard error.
    pub(crate) fn log_tail(&self) -> String {
        let path = self.log_path();
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()).into_owned();
        format!("--- {}\n{}", path.display(), tail(&text))
    }

    /// A command with nothing of the caller's settings in its environment.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let ours = text.starts_with("FIRSTHAND_") && text != "FIRSTHAND_PG_BIN";
            let foreign = ["DATABASE_URL", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "RUST_LOG"]
                .contains(&&*text);
            if ours || foreign || text.starts_with("PG") || text.starts_with("AWS_") {
                command.env_remove(&name);
            }
        }
        command.args(args).arg("--data").arg(self.data());
        command.current_dir(self.root.path()).stdin(Stdio::null());
        command
    }

    fn log_path(&self) -> PathBuf {
        self.root.path().join("server.log")
    }

    fn log(&self) -> Result<File, String> {
        let open = || {
            let mut file = File::options().create(true).append(true).open(self.log_path())?;
            file.write_all(b"=== start\n")?;
            Ok(file)
        };
        open().map_err(|error: std::io::Error| format!("{}: {error}", self.log_path().display()))
    }
}

impl Product {
    /// The server's process id; `None` once it has been reaped.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// SIGKILL, if it still lives; returns when the process is gone. Its children are left to their fate.
    pub(crate) async fn kill(mut self) {
        self.unwatch().await;
        self.child.start_kill().ok();
        self.child.wait().await.ok();
    }

    /// SIGTERM; anything but exit code 0 within 30 s is a finding.
    pub(crate) async fn stop(mut self) -> Result<(), String> {
        self.unwatch().await;
        let Some(pid) = self.pid() else { return Err("the server had ended by itself".to_owned()) };
        signal(pid, Signal::TERM);
        match timeout(STOP_LIMIT, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(format!("SIGTERM ended the server with {status}")),
            Ok(Err(error)) => Err(format!("the server cannot be waited for: {error}")),
            Err(_) => {
                self.child.start_kill().ok();
                self.child.wait().await.ok();
                Err(format!("the server still ran {STOP_LIMIT:?} after SIGTERM"))
            }
        }
    }

    /// Ends the watchdog before the server, so that it never signals a process id that somebody else has got.
    async fn unwatch(&mut self) {
        self.watchdog.start_kill().ok();
        self.watchdog.wait().await.ok();
    }
}

/// Ends the server when this test process is gone, however it went: its pipe closes then.
fn watchdog(pid: u32) -> Result<Child, String> {
    Command::new("sh")
        .args([
            "-c",
            "trap '' INT HUP; read -r _; kill -TERM \"$1\" 2>/dev/null",
            "watchdog",
            &pid.to_string(),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("the watchdog does not start: {error}"))
}

fn said(output: &Output) -> String {
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!(
        "verify ended with {}\n--- stdout\n{}\n--- stderr\n{}",
        output.status,
        tail(&out),
        tail(&err)
    )
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
