//! Postgres' server binaries: found, or installed through the system's package manager.

use crate::{Result, run};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Installs the binaries if they are missing.
pub(crate) fn install() -> Result<()> {
    if present() {
        return Ok(());
    }
    println!("PostgreSQL's server binaries are missing: installing the package postgresql");
    if !succeeds("apt-get", &["--version"]) {
        return Err("no apt-get here: install PostgreSQL's server (15 or later), or set \
                    FIRSTHAND_PG_BIN to its binaries"
            .to_owned());
    }
    let user = Command::new("id").arg("-u").output().map_err(|error| format!("id: {error}"))?;
    let is_root = user.stdout.trim_ascii() == b"0";
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(if is_root { "apt-get" } else { "sudo" });
        if !is_root {
            command.arg("apt-get");
        }
        run(command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
    };
    apt(&["update", "-q"])?;
    apt(&["install", "-q", "-y", "--no-install-recommends", "postgresql"])?;
    // The package may start a server of its own; ours runs beside it, on its own socket.
    if present() { Ok(()) } else { Err("the package brought no server binaries".to_owned()) }
}
