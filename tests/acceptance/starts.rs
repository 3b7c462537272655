//! How `dev` starts and ends: wherever it is interrupted, whatever the shell and the file system hold.

use firsthand_tests::server::signal;
use firsthand_tests::{Buyer, DataDir, Options, Server, binary};
use rustix::process::Signal;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A start, or an end, on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(60);

/// A directory for temporary files of one process.
fn temporary() -> tempfile::TempDir {
    let dir = tempfile::Builder::new().prefix("fh-").tempdir().expect("a temporary directory");
    // The database's user must be able to pass through.
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755))
        .expect("the mode can be set");
    dir
}

/// A process that does not outlive its test.
struct Started(Child);

impl Started {
    fn ephemeral(temporary: &Path, stdout: Stdio) -> Self {
        let mut command = binary::command();
        command.args(["dev", "--ephemeral", "--json", "--listen", "127.0.0.1:0"]);
        command.env("TMPDIR", temporary).stdout(stdout).stderr(Stdio::null());
        Self(command.spawn().expect("the binary starts"))
    }

    fn ended(&mut self) -> ExitStatus {
        until("the process ends", || self.0.try_wait().expect("a child of ours"))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(began.elapsed() < LIMIT, "after {LIMIT:?} still not so: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("a directory");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

/// Starts, sends the signal when this exists in the data directory, and looks at what is left.
fn interrupted(kind: Signal, when: &str) {
    let root = temporary();
    let mut started = Started::ephemeral(root.path(), Stdio::null());
    until(when, || entries(root.path()).iter().find(|data| data.join(when).exists()).cloned());
    signal(started.0.id(), kind);
    let status = started.ended();
    assert_eq!(status.code(), Some(0), "{kind:?} at {when:?} ended it with {status}");
    assert_eq!(entries(root.path()), Vec::<PathBuf>::new(), "{kind:?} at {when:?} left this");
}

#[test]
fn a_first_start_that_is_interrupted_leaves_nothing_behind() {
    std::thread::scope(|tests| {
        for (kind, when) in [
            (Signal::TERM, ""),
            (Signal::INT, "postgres/cluster.new"),
            (Signal::TERM, "postgres/cluster"),
            (Signal::INT, "postgres/run/.s.PGSQL.5432"),
        ] {
            tests.spawn(move || interrupted(kind, when));
        }
    });
}

#[test]
fn a_ready_line_that_nobody_reads_leaves_nothing_behind() {
    let root = temporary();
    let mut started = Started::ephemeral(root.path(), Stdio::piped());
    drop(started.0.stdout.take());
    let status = started.ended();
    assert_eq!(status.code(), Some(1), "{status}");
    assert_eq!(entries(root.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn variables_of_other_databases_change_nothing() {
    let options = Options::ephemeral()
        .env("PGPORT", "5433")
        .env("PGHOST", "database.invalid")
        .env("PGHOSTADDR", "192.0.2.1")
        .env("PGUSER", "nobody")
        .env("PGDATABASE", "nothing")
        .env("PGSSLMODE", "require")
        .env("PGOPTIONS", "-c search_path=nowhere -c default_transaction_read_only=on")
        .env("PGDATA", "/nowhere");
    let server = Server::start(options).await;
    Buyer::new(&server).await.photo_job(1, 75).await;
    server.verify().await;
    server.stop().await;
}

#[tokio::test]
async fn a_data_directory_may_have_any_name() {
    let data = DataDir::new();
    let odd = data.path().with_file_name("a b#?@:[^]%2F&\"'~ü");
    let server = Server::start(Options::at(&odd)).await;
    Buyer::new(&server).await.photo_job(1, 75).await;
    // The URL is one for every client.
    let connected = tokio_postgres::connect(&server.database_url, tokio_postgres::NoTls).await;
    let (client, connection) = connected.expect("the database answers");
    tokio::spawn(connection);
    let count = client.query_one("select count(*) from events", &[]).await.expect("a count");
    assert!(count.get::<_, i64>(0) > 0);
    server.verify().await;
    server.stop().await;
    binary::verify_data(&odd);
}

#[test]
fn a_postgres_that_is_too_old_is_named() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    // Written by another process: a file that this one has open for writing could not be run by a child.
    let script = "cd \"$1\" && for name in initdb pg_isready postgres; do
        printf '#!/bin/sh\\necho \"postgres (PostgreSQL) 14.19\"\\n' > $name && chmod +x $name || exit 1
    done";
    let made = std::process::Command::new("sh").args(["-c", script, "sh"]).arg(dir.path()).status();
    assert!(made.expect("a shell").success());
    let bin = dir.path().to_str().expect("a printable directory");
    let ended = binary::run(&["dev", "--ephemeral"], &[("FIRSTHAND_PG_BIN", bin)], LIMIT);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for said in ["PostgreSQL 14", "15 or later"] {
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_body_that_never_comes_does_not_hold_up_the_end() {
    let server = Server::start(Options::ephemeral()).await;
    let address = server.base_url.trim_start_matches("http://");
    let mut client = TcpStream::connect(address).await.expect("a connection");
    let head = "POST /v1/auth/signup HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\n\
                content-length: 100\r\nexpect: 100-continue\r\n\r\n";
    client.write_all(head.as_bytes()).await.expect("a head is taken");
    // The service asks for the body, so the request is under way.
    let mut asked = [0; 25];
    client.read_exact(&mut asked).await.expect("an answer to the head");
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"{").await.expect("a byte is taken");
    let began = Instant::now();
    server.stop().await;
    assert!(began.elapsed() < Duration::from_secs(18), "{:?}", began.elapsed());
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}
