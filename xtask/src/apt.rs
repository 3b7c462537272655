//! The system's package manager, where it is apt.

use crate::{Result, run};
use std::process::{Command, Stdio};

/// Says whether a command runs and succeeds.
pub(crate) fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Installs packages; `otherwise` says what to do where there is no apt-get.
pub(crate) fn install(packages: &[&str], otherwise: &str) -> Result<()> {
    if !succeeds("apt-get", &["--version"]) {
        return Err(format!("no apt-get here: {otherwise}"));
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
    apt(&[&["install", "-q", "-y", "--no-install-recommends"], packages].concat())
}
