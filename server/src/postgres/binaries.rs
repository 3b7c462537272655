//! Finding `PostgreSQL`'s server binaries.

use super::user;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// Where distributions put them; `*` stands for any version, the highest first.
const PLACES: &[&str] = &[
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/opt/homebrew/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/usr/local/pgsql/bin",
];

/// What we start of them, or ask.
const NEEDED: [&str; 3] = ["initdb", "postgres", "pg_isready"];
/// The first major version that the migrations run on.
const OLDEST: u32 = 15;

fn complete(dir: &Path) -> bool {
    NEEDED.iter().all(|name| dir.join(name).is_file())
}

/// Reads the major version in what `postgres --version` prints: `postgres (PostgreSQL) 15.14 (Debian …)`,
/// or `17beta1` in its place.
fn major(printed: &str) -> Option<u32> {
    let version = printed.split_once("(PostgreSQL)")?.1.trim_start();
    let digits = version.find(|other: char| !other.is_ascii_digit()).unwrap_or(version.len());
    version[..digits].parse().ok()
}

/// Refuses binaries that are too old, before a migration fails on them.
fn check(dir: &Path) -> Result<()> {
    let postgres = dir.join("postgres");
    let output = user::command(None, &postgres, false)
        .arg("--version")
        .output()
        .with_context(|| format!("{} can't be run", postgres.display()))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let found = major(&printed);
    if found.is_some_and(|major| major >= OLDEST) {
        return Ok(());
    }
    let found = found.map_or_else(
        || format!("no version of PostgreSQL (it says {:?})", printed.trim()),
        |major| format!("PostgreSQL {major}"),
    );
    bail!("{} holds {found}, and PostgreSQL {OLDEST} or later is needed", dir.display());
}

fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else { return vec![pattern.into()] };
    let (parent, stem) = before.rsplit_once('/').unwrap_or(("", before));
    let Ok(entries) = std::fs::read_dir(parent) else { return Vec::new() };
    let mut found: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix(stem)?.split('.').next()?.parse().ok()?;
            Some((version, entry.path().join(after.trim_start_matches('/'))))
        })
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, path)| path).collect()
}

/// Returns the directory of the server binaries: the first of those that are complete and not too old.
pub(super) fn find() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os("FIRSTHAND_PG_BIN") {
        let dir = PathBuf::from(dir);
        if !complete(&dir) {
            bail!("FIRSTHAND_PG_BIN={} lacks one of {}", dir.display(), NEEDED.join(", "));
        }
        return check(&dir).map(|()| dir).context("FIRSTHAND_PG_BIN");
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    // A symlink alone in a directory of PATH is followed to where its siblings are.
    let in_path = std::env::split_paths(&path).filter_map(|dir| {
        let real = dir.join("postgres").canonicalize().ok()?;
        real.parent().map(Path::to_path_buf)
    });
    let mut refused = None;
    for dir in PLACES.iter().flat_map(|place| expand(place)).chain(in_path) {
        if complete(&dir) {
            match check(&dir) {
                Ok(()) => return Ok(dir),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
    }
    let why = refused.map_or_else(
        || "PostgreSQL's server binaries are missing".to_owned(),
        |error| error.to_string(),
    );
    bail!(
        "{why}: install them \
         (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server; \
         macOS: brew install postgresql), set FIRSTHAND_PG_BIN, or set DATABASE_URL"
    );
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_version_is_read_however_it_is_written() {
        assert_eq!(major("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 9.6.24\n"), Some(9));
        assert_eq!(major("postgres (PostgreSQL) 17beta1\n"), Some(17));
        assert_eq!(major("postgres (PostgreSQL) 18\n"), Some(18));
        assert_eq!(major("postgres (EnterpriseDB) 15.1\n"), None);
        assert_eq!(major("postgres (PostgreSQL) devel\n"), None);
    }
}
