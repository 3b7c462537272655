//! The Python SDK: its wheel is built, and installed into an environment below `target` that holds
//! nothing else but the pinned tools; lints, types and every test run there, against the service.

use crate::python::Environment;
use crate::{Result, cargo, postgres, root, run, run_in};
use std::fs;
use std::path::{Path, PathBuf};

const SOURCES: &str = "sdk/python";
const PLACE: &str = "target/sdk";
/// Names a service that is built already.
const BINARY: &str = "FIRSTHAND_BINARY";

/// Checks and tests the SDK.
pub(crate) fn test() -> Result<()> {
    postgres::install()?;
    let binary = binary()?;
    let (sources, place) = (root().join(SOURCES), root().join(PLACE));
    let environment =
        Environment::make(&place.join("venv"), &sources.join("requirements-dev.txt"))?;
    let wheel = build(&environment, &sources, &place.join("dist"))?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
    run(environment.python().args(install).arg(&wheel))?;
    let in_sources = |arguments: &[&str]| {
        let mut command = environment.python();
        command.args(arguments).env("PYTHONDONTWRITEBYTECODE", "1").env(BINARY, &binary);
        run_in(&sources, &mut command)
    };
    in_sources(&["-m", "ruff", "format", "--check", "."])?;
    in_sources(&["-m", "ruff", "check", "."])?;
    in_sources(&["-m", "mypy"])?;
    in_sources(&["-m", "pytest"])
}

/// The service to test: the one that is named, or one built now.
fn binary() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(BINARY) {
        let named = PathBuf::from(named);
        return fs::canonicalize(&named)
            .map_err(|error| format!("{BINARY} {}: {error}", named.display()));
    }
    cargo(&["build", "--release", "--package", "firsthand-server"])?;
    Ok(root().join("target/release/firsthand"))
}

/// Builds the source archive and, from it, the wheel. The build backend is the environment's own.
fn build(environment: &Environment, sources: &Path, into: &Path) -> Result<PathBuf> {
    if into.exists() {
        fs::remove_dir_all(into).map_err(|error| format!("{}: {error}", into.display()))?;
    }
    run(environment
        .python()
        .args(["-m", "build", "--no-isolation", "--outdir"])
        .arg(into)
        .arg(sources))?;
    let entries = fs::read_dir(into).map_err(|error| format!("{}: {error}", into.display()))?;
    entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| format!("no wheel in {}", into.display()))
}
