//! Postgres' server binaries: found, or installed through the system's package manager.

use crate::{Result, apt};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the service starts of them, or asks.
const NEEDED: [&str; 3] = ["postgres", "initdb", "pg_isready"];
/// The first major version that the migrations run on.
const OLDEST: u32 = 15;

/// What was found.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// Binaries that will do.
    Usable,
    /// None but these, of an older version.
    TooOld(u32, PathBuf),
    /// None.
    Nothing,
}

/// Where the service looks for the binaries: where it is told to, and nowhere else then.
fn places() -> Vec<PathBuf> {
    if let Some(given) = std::env::var_os("FIRSTHAND_PG_BIN") {
        return vec![given.into()];
    }
    let mut places: Vec<PathBuf> =
        ["/usr/libexec/postgresql", "/opt/homebrew/bin", "/usr/local/pgsql/bin"]
            .iter()
            .map(PathBuf::from)
            .collect();
    for (parent, stem) in [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql@"),
        ("/usr/local/opt", "postgresql@"),
    ] {
        let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
        let versions =
            entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(stem));
        places.extend(versions.map(|version| version.path().join("bin")));
    }
    if let Some(path) = std::env::var_os("PATH") {
        places.extend(
            std::env::split_paths(&path)
                .filter_map(|dir| dir.join("postgres").canonicalize().ok())
                .filter_map(|postgres| postgres.parent().map(Path::to_path_buf)),
        );
    }
    places
}

/// Reads the major version in what `postgres --version` prints: `postgres (PostgreSQL) 15.14 (Debian …)`.
fn major(printed: &str) -> Option<u32> {
    let version = printed.split_once("(PostgreSQL)")?.1.trim_start();
    let digits = version.find(|other: char| !other.is_ascii_digit()).unwrap_or(version.len());
    version[..digits].parse().ok()
}

/// Returns the version of the binaries in a directory, if it holds all that are needed.
fn version(dir: &Path) -> Option<u32> {
    if !NEEDED.iter().all(|name| dir.join(name).is_file()) {
        return None;
    }
    let output = Command::new(dir.join("postgres")).arg("--version").output().ok()?;
    major(&String::from_utf8_lossy(&output.stdout))
}

/// Looks for binaries in these directories.
fn find(places: Vec<PathBuf>, version: impl Fn(&Path) -> Option<u32>) -> Found {
    let mut found = Found::Nothing;
    for dir in places {
        match version(&dir) {
            Some(version) if version >= OLDEST => return Found::Usable,
            Some(version) => found = Found::TooOld(version, dir),
            None => (),
        }
    }
    found
}

/// Says that no installation helps, if that is so.
fn refuse(found: Found) -> Result<()> {
    match found {
        Found::Usable => Ok(()),
        Found::TooOld(version, dir) => Err(format!(
            "{} holds PostgreSQL {version}, and {OLDEST} or later is needed: install a newer one \
             (https://www.postgresql.org/download/), or set FIRSTHAND_PG_BIN to its binaries",
            dir.display()
        )),
        Found::Nothing => Err("the package brought no server binaries".to_owned()),
    }
}

/// Installs the binaries if they are missing.
pub(crate) fn install() -> Result<()> {
    match find(places(), version) {
        Found::Nothing if std::env::var_os("FIRSTHAND_PG_BIN").is_some() => {
            return Err(format!("FIRSTHAND_PG_BIN names no directory with {}", NEEDED.join(", ")));
        }
        Found::Nothing => (),
        // A system that has an older one packages no newer one under the same name.
        found => return refuse(found),
    }
    println!("PostgreSQL's server binaries are missing: installing the package postgresql");
    apt::install(
        &["postgresql"],
        "install PostgreSQL's server (15 or later), or set FIRSTHAND_PG_BIN to its binaries",
    )?;
    // The package may start a server of its own; ours runs beside it, on its own socket.
    refuse(find(places(), version))
}

#[cfg(test)]
mod tests {
    use super::{Found, find, major};
    use std::path::PathBuf;

    #[test]
    fn the_version_is_read() {
        assert_eq!(
            major("postgres (PostgreSQL) 14.19 (Ubuntu 14.19-0ubuntu0.22.04.1)\n"),
            Some(14)
        );
        assert_eq!(major("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major("something else 18"), None);
    }

    #[test]
    fn an_older_version_is_named_where_there_is_no_other() {
        let places = || vec![PathBuf::from("/a"), PathBuf::from("/b")];
        let old = |dir: &std::path::Path| dir.ends_with("a").then_some(14);
        assert_eq!(find(places(), old), Found::TooOld(14, PathBuf::from("/a")));
        assert_eq!(find(places(), |dir| old(dir).or(Some(15))), Found::Usable);
        assert_eq!(find(places(), |_| None), Found::Nothing);
    }
}
