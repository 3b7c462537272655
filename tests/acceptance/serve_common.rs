//! `firsthand serve` beside a `dev` that lends it its database and its object store.

use firsthand_tests::server::signal;
use firsthand_tests::{Api, DataDir, Server, binary};
use rustix::process::Signal;
use std::io::{BufRead, BufReader};
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

/// Processes share a database only if they have the same master key.
pub const MASTER_KEY: (&str, &str) =
    ("FIRSTHAND_MASTER_KEY", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");

/// How long a start or an end may take on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(60);

/// What `serve` needs to use what is the host's.
pub fn environment(host: &Server) -> Vec<(&'static str, String)> {
    let secret = std::fs::read_to_string(host.data_dir.join("s3.secret")).expect("the store's key");
    let (name, key) = MASTER_KEY;
    vec![
        (name, key.to_owned()),
        ("DATABASE_URL", host.database_url.clone()),
        ("FIRSTHAND_OPERATOR_TOKEN", host.operator_token.clone()),
        ("FIRSTHAND_S3_ENDPOINT", host.s3_url.clone()),
        ("FIRSTHAND_S3_BUCKET", "firsthand".to_owned()),
        ("FIRSTHAND_S3_ACCESS_KEY", "firsthand".to_owned()),
        ("FIRSTHAND_S3_SECRET_KEY", secret.trim().to_owned()),
    ]
}

/// A running `serve`, killed when it is dropped.
pub struct Serving {
    /// The line that it said.
    pub line: String,
    child: Child,
    _data: DataDir,
}

impl Serving {
    /// Starts it on a free port and waits for its line.
    pub async fn start(host: &Server, arguments: &[&str]) -> Serving {
        let data = DataDir::new();
        let mut child = binary::command()
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data.path())
            .args(arguments)
            .envs(environment(host))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        let mut serving = Serving { line: String::new(), child, _data: data };
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            output.read_line(&mut line).map(|_bytes| line)
        });
        let line = tokio::time::timeout(LIMIT, line).await.expect("it says something in time");
        serving.line = line.expect("it can be heard").expect("its output can be read");
        serving
    }

    /// A client without a key, at the address that it said.
    pub fn api(&self) -> Api {
        let (_, address) = self.line.trim().rsplit_once(" at ").expect("it says where it serves");
        Api::anonymous(address)
    }

    /// Ends it with SIGTERM.
    pub async fn stop(mut self) -> ExitStatus {
        signal(self.child.id(), Signal::TERM);
        let began = std::time::Instant::now();
        loop {
            if let Some(ended) = self.child.try_wait().expect("it can be waited for") {
                return ended;
            }
            assert!(began.elapsed() < LIMIT, "it still runs after SIGTERM");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
