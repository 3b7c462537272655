//! What hostile receivers leave behind: nothing.

use std::fs;

use crate::alone;
use crate::receivers::ALL;

/// Rounds: the first fills caches and pools of memory.
const ROUNDS: usize = 6;
/// Kilobytes that the rounds after the first may add.
const GROWTH: u64 = 20 * 1024;

#[test]
fn the_whole_corpus_leaves_nothing_behind() {
    const NAME: &str = "budget::the_whole_corpus_leaves_nothing_behind";
    if !alone::is_alone(NAME) {
        return alone::run(&[], NAME);
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(round());
    let (files, memory) = (open_files(), memory("VmRSS:"));
    for _ in 0..ROUNDS {
        runtime.block_on(round());
    }
    let (files_after, peak) = (open_files(), self::memory("VmHWM:"));
    println!("files {files} to {files_after}, memory {memory} kB to at most {peak} kB");
    println!("{} receivers, {} exchanges", ALL.len(), ALL.len() * (ROUNDS + 1));
    assert_eq!(files_after, files);
    assert!(peak < memory + GROWTH, "{memory} kB grew to {peak} kB");
    assert_eq!(runtime.metrics().num_alive_tasks(), 0);
    alone::end();
}

/// Every receiver, all at the same time.
async fn round() {
    let mut cases = tokio::task::JoinSet::new();
    for case in ALL {
        cases.spawn(case.check());
    }
    while let Some(case) = cases.join_next().await {
        case.unwrap();
    }
    // What was aborted ends when it is polled the next time.
    while tokio::runtime::Handle::current().metrics().num_alive_tasks() > 0 {
        tokio::task::yield_now().await;
    }
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn memory(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
