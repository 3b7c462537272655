//! The power of the crash harness: each of five bugs that are built into the product on purpose must be found.
//!
//! Compiled only with the cargo feature `canaries`, because it builds the product a second time, with its feature
//! `canary`, into `target/canary`. `FIRSTHAND_CANARY_BIN` names a binary that was built already.

use crate::harness::{self, Plan};
use crate::report::Report;
use crate::support::{alone, number, say};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Each bug is found within so many cycles.
const CYCLES: u64 = 40;
/// Checks come more often than on the sound product: the run ends with the first finding.
const CHECK_EVERY: u64 = 4;
const SEED: u64 = 0xCA4A_2135;

/// The product with its bugs built in but none of them switched on must pass: what the others find is the bug.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_binary_with_sleeping_bugs_is_sound() {
    let report = report(None).await;
    assert!(report.violation.is_none(), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_stored_after_the_commit_is_found() {
    found("idempotency_after_commit").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_sent_before_the_commit_is_found() {
    found("answer_before_commit").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offset_that_is_saved_before_the_effect_is_found() {
    found("offset_before_effect").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polling_by_a_sequence_is_found() {
    found("polling_by_sequence").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_and_its_balance_in_two_transactions_are_found() {
    found("two_transactions").await;
}

async fn found(canary: &'static str) {
    let report = report(Some(canary)).await;
    let violation =
        report.violation.as_ref().unwrap_or_else(|| panic!("{canary} was not found: {report}"));
    // A product that does not even start is no proof that the harness sees the bug.
    let seen = !matches!(violation.check, "first start" | "new books" | "the fault");
    assert!(seen, "{canary}: the run ended before the bug could show: {report}");
    std::fs::remove_dir_all(&violation.site)
        .unwrap_or_else(|error| panic!("{}: {error}", violation.site.display()));
}

async fn report(canary: Option<&'static str>) -> Report {
    let _alone = alone();
    let name = canary.unwrap_or("none");
    let seed = number("FIRSTHAND_CRASH_SEED", SEED);
    let binary = tokio::task::spawn_blocking(binary).await.expect("a binary with the canaries");
    let plan = Plan { cycles: CYCLES, check_every: CHECK_EVERY, seed, binary, canary };
    let report = harness::run(&plan).await.expect("the harness works");
    say(&format!("canary {name}: {report}"));
    report
}

fn binary() -> PathBuf {
    if let Some(given) = std::env::var_os("FIRSTHAND_CANARY_BIN") {
        let given = PathBuf::from(given);
        assert!(
            given.is_file(),
            "FIRSTHAND_CANARY_BIN is {}, and there is no such file",
            given.display()
        );
        return given;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace's root");
    let target = root.join("target").join("canary");
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "build",
            "--locked",
            "--release",
            "-p",
            "firsthand-server",
            "--features",
            "canary",
            "--target-dir",
        ])
        .arg(&target)
        .current_dir(root)
        .status()
        .expect("cargo starts");
    assert!(built.success(), "the product with its canaries does not build");
    target.join("release").join("firsthand")
}
