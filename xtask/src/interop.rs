//! Foreign libraries verify our webhooks: an environment for them below `target`, made of the
//! pinned packages alone, and the run of tests/interop.

use crate::apt::{self, succeeds};
use crate::{Result, cargo, postgres, root, run};
use std::fs;
use std::path::Path;
use std::process::Command;

const SCRIPTS: &str = "tests/interop";
const PLACE: &str = "target/interop";
/// Says by its exit code whether this Python can do what is needed.
const PYTHON_CHECK: &str =
    "import sys, venv, ensurepip; sys.exit(0 if sys.version_info >= (3, 11) else 1)";
/// Says by its exit code whether this Node can.
const NODE_CHECK: &str = "process.exit(Number(process.versions.node.split('.')[0]) >= 18 ? 0 : 1)";

/// Builds the product and has the libraries verify what it sends.
pub(crate) fn test() -> Result<()> {
    postgres::install()?;
    let python = python()?;
    node()?;
    cargo(&["build", "--release", "--package", "firsthand-server"])?;
    let (scripts, place) = (root().join(SCRIPTS), root().join(PLACE));
    let (venv, modules) = (place.join("venv"), place.join("node"));
    run(Command::new(python).args(["-m", "venv", "--clear"]).arg(&venv))?;
    let python = venv.join("bin/python");
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--require-hashes", "--requirement"])
        .arg(scripts.join("requirements.txt")))?;
    install_modules(&scripts, &modules)?;
    run(Command::new(&python)
        .arg(scripts.join("run.py"))
        .arg("--binary")
        .arg(root().join("target/release/firsthand"))
        .arg("--node-directory")
        .arg(&modules)
        .env("PYTHONDONTWRITEBYTECODE", "1"))
}

/// Installs the locked packages of Node; none of them needs its scripts to be run.
fn install_modules(scripts: &Path, modules: &Path) -> Result<()> {
    fs::create_dir_all(modules).map_err(|error| format!("{}: {error}", modules.display()))?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(scripts.join(file), modules.join(file))
            .map_err(|error| format!("{file}: {error}"))?;
    }
    run(Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"])
        .arg(modules))
}

/// A Python of 3.11 or later that can make an environment; installed if there is none.
pub(crate) fn python() -> Result<&'static str> {
    // What stands first in the path may be another one than the system's.
    let found = || {
        let names = ["python3", "/usr/bin/python3"];
        names.into_iter().find(|python| succeeds(python, &["-c", PYTHON_CHECK]))
    };
    if let Some(python) = found() {
        return Ok(python);
    }
    println!("Python with venv is missing: installing the package python3-venv");
    apt::install(&["python3-venv"], "install Python 3.11 or later with its module venv")?;
    found().ok_or_else(|| "the package brought no Python 3.11 or later".to_owned())
}

/// Sees to it that there are Node 18 or later and npm.
fn node() -> Result<()> {
    let present = || succeeds("node", &["-e", NODE_CHECK]) && succeeds("npm", &["--version"]);
    if present() {
        return Ok(());
    }
    println!("Node is missing: installing the packages nodejs and npm");
    apt::install(&["nodejs", "npm"], "install Node 18 or later with npm")?;
    if present() { Ok(()) } else { Err("the packages brought no Node 18 or later".to_owned()) }
}
