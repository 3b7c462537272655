//! Foreign programs keep our books: hledger from the system, beancount in an environment of its own
//! below `target`, and the tests of tests/ledgers.

use crate::apt::{self, succeeds};
use crate::python::Environment;
use crate::{Result, cargo, cargo_command, postgres, root, run};

const REQUIREMENTS: &str = "tests/ledgers/requirements.txt";
const PLACE: &str = "target/ledgers";

/// Builds the product and has the programs read what it exports.
pub(crate) fn test() -> Result<()> {
    postgres::install()?;
    hledger()?;
    let venv = root().join(PLACE).join("venv");
    let environment = Environment::make(&venv, &root().join(REQUIREMENTS))?;
    cargo(&["build", "--release", "--package", "firsthand-server"])?;
    let tests = ["test", "--release", "--package", "firsthand-tests", "--features", "ledgers"];
    run(cargo_command(&tests)
        .args(["--test", "ledgers", "--", "--nocapture"])
        .env("FIRSTHAND_HLEDGER", "hledger")
        .env("FIRSTHAND_BEAN_CHECK", environment.program("bean-check")))
}

/// Sees to it that there is hledger.
fn hledger() -> Result<()> {
    let present = || succeeds("hledger", &["--version"]);
    if present() {
        return Ok(());
    }
    println!("hledger is missing: installing the package hledger");
    apt::install(&["hledger"], "install hledger")?;
    if present() { Ok(()) } else { Err("the package brought no hledger".to_owned()) }
}
