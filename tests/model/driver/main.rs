//! The product's ledger beside the model: random operations over many books and a clock that jumps, on a real
//! database, with the writers, followers and timers of the service. After every operation both must say the same;
//! in the end everything that is derived is derived anew, and must not differ by a byte.
//!
//! `FIRSTHAND_MODEL_OPERATIONS` and `FIRSTHAND_MODEL_SEED` set the size and the seed of a run.

mod compare;
mod operations;
mod panics;
mod plan;
mod rebuild;
mod report;
mod run;
mod world;

use run::Run;

/// How much is tried in an ordinary run of all tests.
const OPERATIONS: u64 = 3_000;
const SEED: u64 = 20_260_318;
/// After so many operations all books are compared wholly, and the log is verified.
const WHOLLY_EVERY: u64 = 1_000;

fn setting(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.replace('_', "").parse().unwrap_or_else(|_| panic!("{name}={text}")),
        Err(_) => otherwise,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_book_is_as_the_model_says() {
    let operations = setting("FIRSTHAND_MODEL_OPERATIONS", OPERATIONS);
    let seed = setting("FIRSTHAND_MODEL_SEED", SEED);
    let began = std::time::Instant::now();
    let mut run = Run::begin(seed).await;
    let mut wholly = WHOLLY_EVERY;
    while run.done < operations {
        run.session(operations).await;
        if run.done >= wholly {
            run.compare_wholly().await;
            wholly += WHOLLY_EVERY;
        }
    }
    run.fire_timers().await;
    run.compare_wholly().await;
    run.rebuild_everything().await;
    run.report(began.elapsed());
}
