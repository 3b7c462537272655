//! Finds the binary under test and runs its one-shot commands.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a finished command left behind.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Everything it printed on standard output.
    pub stdout: String,
    /// Everything it printed on standard error.
    pub stderr: String,
}

/// The binary under test: `FIRSTHAND_BIN`, else `firsthand` in the directory above this test binary's.
///
/// # Panics
/// If there is none. A test run without the product is a failure, not a skip.
pub fn path() -> PathBuf {
    if let Some(given) = std::env::var_os("FIRSTHAND_BIN") {
        let given = PathBuf::from(given);
        assert!(given.is_file(), "FIRSTHAND_BIN is {}, and there is no such file", given.display());
        return given;
    }
    let binary = profile_dir().join("firsthand");
    assert!(
        binary.is_file(),
        "{} does not exist: build it with `cargo build{} --bin firsthand` (or set FIRSTHAND_BIN), then run the tests again",
        binary.display(),
        if binary.parent().is_some_and(|p| p.ends_with("release")) { " --release" } else { "" },
    );
    binary
}

/// `target/<profile>`, where Cargo put this test binary's siblings.
pub fn profile_dir() -> PathBuf {
    let me = std::env::current_exe().expect("the path of this test binary");
    let deps = me.parent().expect("a test binary lies in a directory");
    if deps.ends_with("deps") {
        deps.parent().expect("deps has a parent").to_path_buf()
    } else {
        deps.to_path_buf()
    }
}

/// The name of this test binary without Cargo's hash: `acceptance`.
pub fn suite_name() -> String {
    let me = std::env::current_exe().expect("the path of this test binary");
    let stem = me.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    match stem.rsplit_once('-') {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            name.to_owned()
        }
        _ => stem,
    }
}

/// A command of the binary with an environment that holds nothing of the caller's settings.
pub fn command() -> Command {
    let mut command = Command::new(path());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let ours = text.starts_with("FIRSTHAND_") && text != "FIRSTHAND_PG_BIN";
        let foreign = ["DATABASE_URL", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "RUST_LOG"]
            .contains(&text.as_ref());
        if ours || foreign || text.starts_with("PG") || text.starts_with("AWS_") {
            command.env_remove(&name);
        }
    }
    command.current_dir(std::env::temp_dir()).stdin(Stdio::null());
    command
}

/// Runs `firsthand` with these arguments and variables to its end, within `limit`.
///
/// # Panics
/// If it cannot be started or does not end in time (it is killed then).
pub fn run(args: &[&str], env: &[(&str, &str)], limit: Duration) -> Finished {
    let files = tempfile::tempdir().expect("a temporary directory");
    let out = files.path().join("stdout");
    let err = files.path().join("stderr");
    let create = |p: &Path| std::fs::File::create(p).expect("a file for the output");
    let mut child = command()
        .args(args)
        .envs(env.iter().copied())
        .stdout(create(&out))
        .stderr(create(&err))
        .spawn()
        .expect("the binary starts");
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("the child can be waited for") {
            break status;
        }
        if began.elapsed() > limit {
            child.kill().expect("the child can be killed");
            child.wait().expect("the killed child can be reaped");
            panic!("firsthand {args:?} still runs after {limit:?}\n{}", read(&err));
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    Finished { code: status.code(), stdout: read(&out), stderr: read(&err) }
}

/// `firsthand verify` on the data directory of a stopped server; panics unless it finds nothing.
pub fn verify_data(data: &Path) {
    let dir = data.to_str().expect("a printable data directory");
    run(&["verify", "--data", dir], &[], Duration::from_secs(120)).expect_clean();
}

/// `firsthand verify` against the database of a running server; panics unless it finds nothing.
pub fn verify_database(database_url: &str) {
    run(&["verify"], &[("DATABASE_URL", database_url)], Duration::from_secs(120)).expect_clean();
}

impl Finished {
    /// Panics with everything that was printed unless the exit code is 0.
    pub fn expect_clean(&self) {
        assert_eq!(
            self.code,
            Some(0),
            "the command failed\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout,
            self.stderr
        );
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}
