//! The committed description of the queries (`.sqlx`): made from the code and the migrations, and
//! checked against them.

use crate::{Result, cargo, cargo_command, root, run};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

/// The packages that hold queries.
const PACKAGES: [&str; 2] = ["eventstore", "projections"];

/// Writes the description anew.
pub(crate) fn generate() -> Result<()> {
    with_database(|database| describe(&root().join(".sqlx"), database))
}

/// Fails if the committed description is not that of the code.
pub(crate) fn check() -> Result<()> {
    let fresh = root().join("target/sqlx-check");
    with_database(|database| describe(&fresh, database))?;
    if names(&root().join(".sqlx"))? == names(&fresh)? {
        Ok(())
    } else {
        Err(".sqlx is not that of the code: run cargo xtask generate".to_owned())
    }
}

/// Names hold a hash of the query, so equal names mean equal queries.
fn names(directory: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(directory).map_err(|error| error.to_string())?;
    let mut names: Vec<_> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// Runs something with a migrated database of its own.
fn with_database(then: impl FnOnce(&str) -> Result<()>) -> Result<()> {
    cargo(&["build", "--release", "--package", "firsthand-server"])?;
    let mut server = Command::new(root().join("target/release/firsthand"))
        .args(["dev", "--ephemeral", "--json", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("firsthand dev: {error}"))?;
    let mut line = String::new();
    let read = server.stdout.take().map(|output| BufReader::new(output).read_line(&mut line));
    let url = match read {
        Some(Ok(_)) => line
            .split("\"database_url\":\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .ok_or_else(|| format!("firsthand dev said {line:?}")),
        _ => Err("firsthand dev said nothing".to_owned()),
    };
    let result = url.and_then(then);
    // SIGTERM lets it remove its data directory.
    let stopped = Command::new("kill").arg(server.id().to_string()).status();
    let ended = server.wait();
    result.and(stopped.and(ended).map(|_| ()).map_err(|error| error.to_string()))
}

/// Checks every query against the schema and writes what was learnt into a directory.
fn describe(directory: &Path, database: &str) -> Result<()> {
    let failed = |error: std::io::Error| error.to_string();
    if directory.exists() {
        fs::remove_dir_all(directory).map_err(failed)?;
    }
    fs::create_dir_all(directory).map_err(failed)?;
    for package in PACKAGES {
        // The macros run when their crate is compiled: a newer file makes sure of that.
        let lib = root().join(package).join("src/lib.rs");
        let file = fs::File::options().append(true).open(&lib).map_err(failed)?;
        file.set_modified(now()).map_err(failed)?;
    }
    let check = ["check", "--release", "--package", "firsthand-projections"];
    run(cargo_command(&check)
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", directory)
        .env("DATABASE_URL", database))
}

#[expect(clippy::disallowed_methods, reason = "a build tool touches files at the present time")]
fn now() -> SystemTime {
    SystemTime::now()
}
