//! Runs one test of this binary in a process of its own.

use std::process::{Command, Output};

/// Says to the process that it is the one that was started.
const MARK: &str = "FIRSTHAND_OUTBOUND_ALONE";

/// Whether this process was started for `test`.
pub(crate) fn is_alone(test: &str) -> bool {
    std::env::var_os(MARK).is_some_and(|name| name == test)
}

/// Starts `test` again, behind `prefix`, and asserts that it ran and passed.
pub(crate) fn run(prefix: &[&str], test: &str) {
    let binary = std::env::current_exe().unwrap();
    let mut words = prefix.iter().copied().map(std::ffi::OsString::from).collect::<Vec<_>>();
    words.push(binary.into());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(["--exact", test, "--nocapture", "--test-threads=1"]);
    let output = command.env(MARK, test).output();
    let Ok(Output { status, stdout, stderr }) = output else {
        panic!("{words:?} can not be started, but the test needs it: {output:?}");
    };
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    let ran = stdout.contains("1 passed") && stdout.contains("the end was reached");
    assert!(status.success() && ran, "{prefix:?} {test}: {status}\n{stdout}\n{stderr}");
    // Shown with --nocapture: the figures.
    println!("{stdout}");
}

/// To be called at the end of the test that was started.
pub(crate) fn end() {
    println!("the end was reached");
}
