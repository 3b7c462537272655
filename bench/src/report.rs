//! What a bench prints: a table for people and, on demand, one JSON object as the last line.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cpu::{PerRequest, Reading};
use crate::load::{Load, Outcome};

/// How long background work may take to fall silent.
const SETTLE_PATIENCE: Duration = Duration::from_mins(5);

/// Where the figures of a load are read besides its answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Processes {
    /// The process that serves.
    pub(crate) service: u32,
    /// The postmaster of the cluster it serves from.
    pub(crate) postmaster: u32,
}

impl Processes {
    /// Reads their processors' clocks.
    pub(crate) fn read(self) -> Option<Reading> {
        Reading::take(self.service, self.postmaster)
    }
}

/// The figures of one load.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    /// What the client saw.
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
    /// Processor time per accepted request, warm-up included.
    pub(crate) cpu_us_per_request: Option<PerRequest>,
}

impl Figure {
    /// Runs a load and reads the processors' clocks around it.
    pub(crate) async fn of(load: Load, processes: Processes) -> anyhow::Result<Self> {
        let before = processes.read();
        let outcome = load.run().await?;
        let after = processes.read();
        let cpu =
            before.zip(after).and_then(|(before, after)| after.since(before, outcome.accepted));
        Ok(Self { outcome, cpu_us_per_request: cpu })
    }

    /// Prints one line of the table, and one for each kind of failure.
    pub(crate) fn print(&self, label: &str) {
        let Outcome { connections, requests_per_second, p50_ms, p99_ms, .. } = self.outcome;
        let cpu = self.cpu_us_per_request.map_or_else(String::new, |cpu| {
            format!(
                "  cpu µs/request: generator {}, service {}, postgres {}",
                cpu.generator, cpu.service, cpu.postgres
            )
        });
        println!(
            "  {label:<26} {connections:>4}  {requests_per_second:>9.1}/s  p50 {p50_ms:>8.2} ms  p99 {p99_ms:>8.2} ms{cpu}"
        );
        self.outcome.print_failures();
    }
}

impl Outcome {
    /// Prints each kind of failure and how often it occurred.
    pub(crate) fn print_failures(&self) {
        for (failure, count) in &self.failures {
            println!("    FAILED {count} times: {failure}");
        }
        if self.unanswered > 0 {
            println!("    {} requests were not answered in time", self.unanswered);
        }
    }
}

/// Prints a step of a long run with the seconds since it began.
pub(crate) fn step(began: Instant, what: &str) {
    println!("[{:>5.1} s] {what}", began.elapsed().as_secs_f64());
}

/// Waits until service and `PostgreSQL` have used less than a tenth of a core for a second.
pub(crate) async fn settle(began: Instant, processes: Processes) {
    let deadline = Instant::now() + SETTLE_PATIENCE;
    while Instant::now() < deadline {
        let before = processes.read();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let busy = before.zip(processes.read()).map(|(before, after)| after.busy_since(before));
        if busy.is_none_or(|busy_us| busy_us < 100_000) {
            return;
        }
    }
    step(began, "background work has not fallen silent; measuring nevertheless");
}

/// Prints a ratio beside the floor or ceiling that the project set itself.
pub(crate) fn bound(name: &str, value: f64, bound: &str) {
    println!("  {name:<36} {value:>8.2}   ({bound})");
}
