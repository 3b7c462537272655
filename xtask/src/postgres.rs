//! Postgres' server binaries: found, or installed through the system's package manager.

use crate::{Result, apt};
use std::path::{Path, PathBuf};

/// Says whether the binaries are where the service looks for them.
fn present() -> bool {
    let mut places: Vec<PathBuf> =
        ["/usr/libexec/postgresql", "/opt/homebrew/bin", "/usr/local/pgsql/bin"]
            .iter()
            .map(PathBuf::from)
            .collect();
    places.extend(std::env::var_os("FIRSTHAND_PG_BIN").map(PathBuf::from));
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        places.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    if let Some(path) = std::env::var_os("PATH") {
        places.extend(
            std::env::split_paths(&path)
                .filter_map(|dir| dir.join("postgres").canonicalize().ok())
                .filter_map(|postgres| postgres.parent().map(Path::to_path_buf)),
        );
    }
    places.iter().any(|dir| dir.join("postgres").is_file() && dir.join("initdb").is_file())
}

/// Installs the binaries if they are missing.
pub(crate) fn install() -> Result<()> {
    if present() {
        return Ok(());
    }
    println!("PostgreSQL's server binaries are missing: installing the package postgresql");
    apt::install(
        &["postgresql"],
        "install PostgreSQL's server (15 or later), or set FIRSTHAND_PG_BIN to its binaries",
    )?;
    // The package may start a server of its own; ours runs beside it, on its own socket.
    if present() { Ok(()) } else { Err("the package brought no server binaries".to_owned()) }
}
