//! The embedded Postgres: a real one, on a unix socket in the data directory (design D15).
//!
//! An existing cluster is never deleted: initdb runs beside and is renamed into place. Durability
//! stays on. The server is told of our death by the kernel, so none outlives us.

mod binaries;
mod cluster;
mod user;

pub(crate) use cluster::{Cluster, url};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Says whether a data directory has a cluster.
pub(crate) fn has_cluster(data: &Path) -> bool {
    data.join("postgres").join("cluster").exists()
}

/// Options that libpq would give to each session.
const OPTIONS: &str = "PGOPTIONS";

/// Starts this program anew without the options for sessions that the shell may hold; returns if there are
/// none. The driver puts them before its own, a URL can't take them away, and the service counts on the
/// settings that it makes. Everything else that the driver reads from the environment, the URLs say.
pub(crate) fn without_session_options() -> std::io::Result<()> {
    if std::env::var_os(OPTIONS).is_none() {
        return Ok(());
    }
    let mut arguments = std::env::args_os();
    let mut anew = Command::new(std::env::current_exe()?);
    if let Some(name) = arguments.next() {
        anew.arg0(name);
    }
    // Returns only if it fails.
    Err(anew.args(arguments).env_remove(OPTIONS).exec())
}
