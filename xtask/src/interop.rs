//! Foreign libraries verify our webhooks: an environment for them below `target`, made of the
//! pinned packages alone, and the run of tests/interop.

use crate::apt::{self, succeeds};
use crate::python::Environment;
use crate::{Result, cargo, postgres, root, run};
use std::fs;
use std::path::Path;
use std::process::Command;

const SCRIPTS: &str = "tests/interop";
const PLACE: &str = "target/interop";
/// Says by its exit code whether this Node can.
const NODE_CHECK: &str = "process.exit(Number(process.versions.node.split('.')[0]) >= 18 ? 0 : 1)";

/// Builds the product and has the libraries verify what it sends.
pub(crate) fn test() -> Result<()> {
    run_foreign(SCRIPTS, PLACE, &[])
}

/// Builds the product and runs the scripts of a folder against it, in an environment of Python and
/// of Node below `place` that is made of the folder's pinned packages alone.
pub(crate) fn run_foreign(scripts: &str, place: &str, arguments: &[String]) -> Result<()> {
    postgres::install()?;
    node()?;
    cargo(&["build", "--release", "--package", "firsthand-server"])?;
    let (scripts, place) = (root().join(scripts), root().join(place));
    let modules = place.join("node");
    let environment = Environment::make(&place.join("venv"), &scripts.join("requirements.txt"))?;
    install_modules(&scripts, &modules)?;
    run(environment
        .python()
        .arg(scripts.join("run.py"))
        .arg("--binary")
        .arg(root().join("target/release/firsthand"))
        .arg("--node-directory")
        .arg(&modules)
        .args(arguments)
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
