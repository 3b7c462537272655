//! The crash harness on the product as it is.

use crate::harness::{self, Plan};
use crate::support::{alone, number, say};
use firsthand_tests::binary;

/// The seed of a run that names none.
const SEED: u64 = 0xF157_4A4D;

/// `FIRSTHAND_CRASH_CYCLES` (40), `FIRSTHAND_CRASH_CHECK_EVERY` (20), `FIRSTHAND_CRASH_SEED`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_write_is_lost_doubled_or_left_undone_whatever_is_killed() {
    let _alone = alone();
    let plan = Plan {
        cycles: number("FIRSTHAND_CRASH_CYCLES", 40),
        check_every: number("FIRSTHAND_CRASH_CHECK_EVERY", 20),
        seed: number("FIRSTHAND_CRASH_SEED", SEED),
        binary: binary::path(),
        canary: None,
    };
    say(&format!("crash: begins, seed {:#x}, {} cycles", plan.seed, plan.cycles));
    let report = harness::run(&plan).await.expect("the harness works");
    say(&format!("crash: {report}"));
    assert!(report.violation.is_none(), "{report}");
    assert_eq!(report.cycles, plan.cycles);
    // A run that put nothing at risk proves nothing: retries in doubt (reliability R3), writes and files per cycle.
    assert!(report.in_doubt * 3 >= plan.cycles, "too few retries in doubt: {report}");
    assert!(report.acked >= plan.cycles * 10, "too few writes: {report}");
    assert!(report.files as u64 * 2 >= plan.cycles, "too few files: {report}");
}
