//! Python: found, or installed through the system's package manager; and environments below `target`
//! that hold pinned packages alone.

use crate::apt::{self, succeeds};
use crate::{Result, run};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Says by its exit code whether this Python can do what is needed.
const CHECK: &str =
    "import sys, venv, ensurepip; sys.exit(0 if sys.version_info >= (3, 11) else 1)";

/// An environment.
pub(crate) struct Environment(PathBuf);

impl Environment {
    /// Makes one anew, of the packages that a file of requirements pins by their hashes.
    pub(crate) fn make(place: &Path, requirements: &Path) -> Result<Self> {
        run(Command::new(find()?).args(["-m", "venv", "--clear"]).arg(place))?;
        let environment = Self(place.to_owned());
        run(environment
            .python()
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["--require-hashes", "--requirement"])
            .arg(requirements))?;
        Ok(environment)
    }

    /// Its Python, to be given arguments.
    pub(crate) fn python(&self) -> Command {
        Command::new(self.program("python"))
    }

    /// One of its programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.0.join("bin").join(name)
    }
}

/// A Python of 3.11 or later that can make an environment; installed if there is none.
fn find() -> Result<&'static str> {
    // What stands first in the path may be another one than the system's.
    let found = || {
        let names = ["python3", "/usr/bin/python3"];
        names.into_iter().find(|python| succeeds(python, &["-c", CHECK]))
    };
    if let Some(python) = found() {
        return Ok(python);
    }
    println!("Python with venv is missing: installing the package python3-venv");
    apt::install(&["python3-venv"], "install Python 3.11 or later with its module venv")?;
    found().ok_or_else(|| "the package brought no Python 3.11 or later".to_owned())
}
