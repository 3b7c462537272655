//! Foreign tools check the OpenAPI document, and the service against it: an environment for them
//! below `target`, made of the pinned packages alone, and the run of tests/contract.

use crate::interop::{install_modules, node};
use crate::python::Environment;
use crate::{Result, cargo, postgres, root, run};

const SCRIPTS: &str = "tests/contract";
const PLACE: &str = "target/contract";

/// Builds the product and has the tools check what it prints and answers.
pub(crate) fn test(arguments: &[String]) -> Result<()> {
    postgres::install()?;
    node()?;
    cargo(&["build", "--release", "--package", "firsthand-server"])?;
    let (scripts, place) = (root().join(SCRIPTS), root().join(PLACE));
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
