//! Foreign tools check the OpenAPI document, and the service against it: an environment for them
//! below `target`, made of the pinned packages alone, and the run of tests/contract.

use crate::Result;
use crate::interop::run_foreign;

const SCRIPTS: &str = "tests/contract";
const PLACE: &str = "target/contract";

/// Builds the product and has the tools check what it prints and answers.
pub(crate) fn test(arguments: &[String]) -> Result<()> {
    run_foreign(SCRIPTS, PLACE, arguments)
}
