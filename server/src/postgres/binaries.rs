//! Finding `PostgreSQL`'s server binaries.

use anyhow::{Result, bail};
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

fn complete(dir: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|name| dir.join(name).is_file())
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

/// Returns the directory of the server binaries.
pub(super) fn find() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os("FIRSTHAND_PG_BIN") {
        let dir = PathBuf::from(dir);
        if complete(&dir) {
            return Ok(dir);
        }
        bail!("FIRSTHAND_PG_BIN={} has no initdb and postgres", dir.display());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    // A symlink alone in a directory of PATH is followed to where its siblings are.
    let in_path = std::env::split_paths(&path).filter_map(|dir| {
        let real = dir.join("postgres").canonicalize().ok()?;
        real.parent().map(Path::to_path_buf)
    });
    PLACES.iter().flat_map(|place| expand(place)).chain(in_path).find(|dir| complete(dir)).map_or_else(
        || {
            bail!(
                "PostgreSQL's server binaries are missing: install them \
                 (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server; \
                 macOS: brew install postgresql), set FIRSTHAND_PG_BIN, or set DATABASE_URL"
            )
        },
        Ok,
    )
}
