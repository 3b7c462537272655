//! The project's own commands, with nothing to install: `cargo xtask help`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line program prints")]

mod apt;
mod contract;
mod interop;
mod ledgers;
mod postgres;
mod python;
mod queries;
mod sdk;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const HELP: &str = "cargo xtask <command>
  demo [ARGS]  install what is missing, build, run `firsthand demo`
  test         install what is missing, then everything that must hold: formatting, lints, the
               demo twice, generated files, every test, the SDK, interop and the contract
  interop      install what is missing, then have the published client make its whole journey and
               foreign libraries verify webhooks' signatures
  ledgers      install what is missing, then have hledger and beancount check exports and compare
               their balances with ours
  sdk          install what is missing, then build, check and test the Python SDK; FIRSTHAND_BINARY
               names a service that is built already
  contract [ARGS]  install what is missing, then have foreign tools check the OpenAPI document and
               the service against it; --examples N tries each operation N times, --seed N
               otherwise (5 and 1 by default)
  generate     renew .sqlx from the queries and the migrations
  fmt          format everything
  lint         clippy with the workspace's lints";

type Result<T> = std::result::Result<T, String>;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let result = match command.as_str() {
        "demo" => demo(&rest),
        "test" => test(),
        "interop" => interop::test(),
        "ledgers" => ledgers::test(),
        "sdk" => sdk::test(),
        "contract" => contract::test(&rest),
        "generate" => queries::generate(),
        "fmt" => cargo(&["fmt", "--all"]),
        "lint" => lint(),
        _ => {
            println!("{HELP}");
            return if command == "help" { ExitCode::SUCCESS } else { ExitCode::from(2) };
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Runs a command in the root and shows it.
fn run(command: &mut Command) -> Result<()> {
    run_in(&root(), command)
}

/// Runs a command in a directory and shows it.
fn run_in(directory: &Path, command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}").replace('"', "");
    println!("\n> {shown}");
    let status =
        command.current_dir(directory).status().map_err(|error| format!("{shown}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown}: {status}")) }
}

fn cargo_command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments);
    command
}

fn cargo(arguments: &[&str]) -> Result<()> {
    run(&mut cargo_command(arguments))
}

fn demo(arguments: &[String]) -> Result<()> {
    postgres::install()?;
    let start = ["run", "--release", "--package", "firsthand-server", "--", "demo"];
    run(cargo_command(&start).args(arguments))
}

fn lint() -> Result<()> {
    cargo(&["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

fn test() -> Result<()> {
    postgres::install()?;
    cargo(&["fmt", "--all", "--check"])?;
    lint()?;
    cargo(&["build", "--release", "--package", "firsthand-server"])?;
    let data = root().join("target/demo-data");
    if data.exists() {
        std::fs::remove_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
    }
    // Once in a new data directory, and again in the same one.
    for _ in 0..2 {
        let binary = root().join("target/release/firsthand");
        run(Command::new(binary).arg("demo").arg("--data").arg(&data))?;
    }
    queries::check()?;
    cargo(&["test", "--release", "--workspace", "--no-fail-fast"])?;
    // What nobody here wrote has the last word: the published client and foreign libraries.
    sdk::test()?;
    interop::test()?;
    contract::test(&["--examples", "5", "--seed", "1"].map(ToOwned::to_owned))
}
