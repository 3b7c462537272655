//! One phase: a steady source, what came of it, and what was left when it ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;
use tokio::task::JoinSet;

use super::receiver::{Inbox, Receiver, now_us};
use super::source::{Job, Pace, Paced};
use crate::cpu::PerRequest;
use crate::numbers::{float, millis, quantile, rounded, whole};
use crate::product::Product;
use crate::report::Processes;

/// From the begin of a phase to its first event.
const LEAD: Duration = Duration::from_millis(200);
/// How long the backlog may take to drain once the source has ended.
const DRAIN_PATIENCE: Duration = Duration::from_mins(1);
/// The backlog grows if the measured window adds to it what is offered in so many seconds.
const BACKLOG_SECONDS: f64 = 1.0;

/// What every phase has in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Deliveries that are offered a second.
    pub(super) rate: u32,
    /// Deliveries that one event makes, those to tar pits apart.
    pub(super) fan_out: u32,
    /// Events before this are not measured.
    pub(super) warm_up: Duration,
    /// How long is measured.
    pub(super) window: Duration,
}

/// What a phase showed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Phase {
    /// Deliveries that the events of the window called for, a second.
    pub(super) offered_per_second: f64,
    /// Deliveries that arrived in the window, a second.
    pub(super) deliveries_per_second: f64,
    /// From the time of the decision to the first byte at the receiver, for the window's events.
    p50_ms: f64,
    /// The 99th percentile of the same.
    pub(super) p99_ms: f64,
    /// The 99.9th percentile of the same.
    p999_ms: f64,
    /// The longest of the same.
    max_ms: f64,
    /// Deliveries that arrived in the window.
    delivered: u64,
    /// Deliveries of events of the window.
    measured: u64,
    /// What was owed and had not arrived, at each full second of the window.
    backlog_each_second: Vec<u64>,
    /// From the end of the window to the last arrival.
    drain_seconds: f64,
    /// Owed and not arrived until patience ended.
    missing: u64,
    /// Arrived more than once.
    repeated: u64,
    /// Arrived by an attempt that was not the first.
    retried: u64,
    /// Signatures that were verified.
    verified: u64,
    /// Attempts to healthy endpoints that failed, as the product has them on record.
    pub(super) attempts_failed: u64,
    /// Requests that tar pits have swallowed.
    pub(super) tar_pit_requests: u64,
    /// Attempts to tar pits that failed, as the product has them on record.
    pub(super) tar_pit_attempts_failed: u64,
    /// 99th percentile of the time to cancel a job: the source's side.
    cancel_p99_ms: f64,
    /// How late the source was at most.
    cancel_late_ms_max: f64,
    /// Processor time per delivery in the window; the generator's includes the receivers'.
    cpu_us_per_delivery: Option<PerRequest>,
    /// What went wrong at source or receiver, and how often.
    failures: BTreeMap<String, u64>,
}

/// The window's bounds, in microseconds since the epoch.
#[derive(Clone, Copy, Debug)]
struct Window {
    from_us: i64,
    until_us: i64,
}

impl Window {
    fn has(self, at_us: i64) -> bool {
        at_us >= self.from_us && at_us < self.until_us
    }
}

/// What the source owes and what has come.
struct Progress<'a> {
    plan: Plan,
    receiver: &'a Receiver,
    accepted: Arc<AtomicU64>,
}

impl Progress<'_> {
    fn owed(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed) * u64::from(self.plan.fan_out)
    }

    fn backlog(&self) -> u64 {
        self.owed().saturating_sub(self.receiver.count())
    }
}

impl Plan {
    /// Returns the time between two events.
    fn interval(&self) -> Duration {
        Duration::from_secs(1) * self.fan_out / self.rate
    }

    /// Returns how many events a phase takes.
    pub(super) fn events(&self) -> anyhow::Result<usize> {
        let whole = (self.warm_up + self.window).as_nanos();
        Ok(usize::try_from(whole.div_ceil(self.interval().as_nanos()))?)
    }

    /// Cancels `jobs` at the plan's pace and watches what arrives.
    pub(super) async fn run(
        self,
        product: &Product,
        receiver: &Receiver,
        processes: Processes,
        jobs: Vec<Job>,
    ) -> anyhow::Result<Phase> {
        drop(receiver.take());
        let progress = Progress { plan: self, receiver, accepted: Arc::default() };
        let first = Instant::now() + LEAD;
        let from = first + self.warm_up;
        let from_us = now_us() + i64::try_from((LEAD + self.warm_up).as_micros())?;
        let until_us = from_us + i64::try_from(self.window.as_micros())?;
        let pace = Pace {
            address: product.address(),
            jobs,
            from: first,
            interval: self.interval(),
            accepted: Arc::clone(&progress.accepted),
        };
        let mut pacing = JoinSet::new();
        pacing.spawn(pace.run());
        tokio::time::sleep_until(from.into()).await;
        let (before, owed_before) = (processes.read(), progress.owed());
        let mut backlog = vec![progress.backlog()];
        for second in 1..=self.window.as_secs() {
            tokio::time::sleep_until((from + Duration::from_secs(second)).into()).await;
            backlog.push(progress.backlog());
        }
        let (after, owed_after) = (processes.read(), progress.owed());
        let paced = pacing.join_next().await.context("no source")???;
        let deadline = Instant::now() + DRAIN_PATIENCE;
        while progress.backlog() > 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let window = Window { from_us, until_us };
        let mut phase = self.judge(window, receiver.take(), progress.owed(), paced);
        phase.offered_per_second = self.per_second(owed_after - owed_before);
        phase.backlog_each_second = backlog;
        phase.cpu_us_per_delivery =
            before.zip(after).and_then(|(before, after)| after.since(before, phase.delivered));
        Ok(phase)
    }

    fn per_second(self, count: u64) -> f64 {
        rounded(float(count) / self.window.as_secs_f64(), 1)
    }

    /// Works out what arrivals and the source say.
    fn judge(self, window: Window, inbox: Inbox, owed: u64, paced: Paced) -> Phase {
        let Inbox { mut arrivals, verified, mut faults, tar_pit_requests } = inbox;
        let came = whole(arrivals.len());
        // The earliest arrival of each delivery is the one that counts.
        arrivals.sort_unstable();
        arrivals.dedup_by(|later, first| {
            (&later.event_id, later.endpoint) == (&first.event_id, first.endpoint)
        });
        let unique = whole(arrivals.len());
        let in_window = arrivals.iter().filter(|arrival| window.has(arrival.arrived_us));
        let delivered = whole(in_window.count());
        let mut latencies: Vec<u32> = arrivals
            .iter()
            .filter(|arrival| window.has(arrival.created_us))
            .map(|arrival| arrival.arrived_us.saturating_sub(arrival.created_us).max(0))
            .map(|latency| u32::try_from(latency).unwrap_or(u32::MAX))
            .collect();
        latencies.sort_unstable();
        let at = |per_mille| rounded(millis(quantile(&latencies, per_mille)), 2);
        let last_us = arrivals.iter().map(|arrival| arrival.arrived_us).max().unwrap_or(0);
        let drain_us = last_us.saturating_sub(window.until_us).max(0).unsigned_abs();
        let retried = whole(arrivals.iter().filter(|arrival| arrival.attempt > 1).count());
        for (failure, count) in paced.failures {
            *faults.entry(failure).or_default() += count;
        }
        Phase {
            offered_per_second: 0.0,
            deliveries_per_second: self.per_second(delivered),
            p50_ms: at(500),
            p99_ms: at(990),
            p999_ms: at(999),
            max_ms: at(1_000),
            delivered,
            measured: whole(latencies.len()),
            backlog_each_second: Vec::new(),
            drain_seconds: rounded(float(drain_us) / 1e6, 2),
            missing: owed.saturating_sub(unique),
            repeated: came - unique,
            retried,
            verified,
            attempts_failed: 0,
            tar_pit_requests,
            tar_pit_attempts_failed: 0,
            cancel_p99_ms: rounded(millis(quantile(&paced.latencies_us, 990)), 2),
            cancel_late_ms_max: rounded(millis(paced.late_us_max), 2),
            cpu_us_per_delivery: None,
            failures: faults,
        }
    }
}

impl Phase {
    /// Returns how much the window added to the backlog if that is too much, in deliveries.
    pub(super) fn backlog_growth(&self) -> Option<u64> {
        let (first, last) =
            self.backlog_each_second.first().zip(self.backlog_each_second.last())?;
        let growth = last.saturating_sub(*first);
        (float(growth) > BACKLOG_SECONDS * self.offered_per_second).then_some(growth)
    }

    /// Returns how much went wrong that must not.
    pub(super) fn errors(&self) -> u64 {
        let failures: u64 = self.failures.values().sum();
        failures + self.missing + self.attempts_failed
    }

    /// Prints the phase, and each kind of failure.
    pub(super) fn print(&self, label: &str) {
        let Self { offered_per_second, deliveries_per_second, p50_ms, p99_ms, max_ms, .. } = self;
        println!(
            "  {label:<20} offered {offered_per_second:>7.1}/s  delivered {deliveries_per_second:>7.1}/s  \
             commit to first byte: p50 {p50_ms:>7.2} ms  p99 {p99_ms:>8.2} ms  max {max_ms:>8.2} ms"
        );
        let backlog = |at: Option<&u64>| at.copied().unwrap_or_default();
        println!(
            "    backlog {} at the begin, {} at the end, drained in {} s; {} attempts failed; \
             {} signatures verified",
            backlog(self.backlog_each_second.first()),
            backlog(self.backlog_each_second.last()),
            self.drain_seconds,
            self.attempts_failed,
            self.verified
        );
        if self.tar_pit_requests > 0 {
            println!(
                "    tar pits: {} requests, {} attempts failed",
                self.tar_pit_requests, self.tar_pit_attempts_failed
            );
        }
        println!(
            "    source: cancel p99 {} ms, at most {} ms late{}",
            self.cancel_p99_ms,
            self.cancel_late_ms_max,
            self.cpu_us_per_delivery.map_or_else(String::new, |cpu| format!(
                "; cpu µs/delivery: generator and receivers {}, service {}, postgres {}",
                cpu.generator, cpu.service, cpu.postgres
            ))
        );
        if let Some(growth) = self.backlog_growth() {
            println!("    BACKLOG GROWS: {growth} more deliveries are owed than at the begin");
        }
        if self.missing > 0 {
            println!(
                "    MISSING: {} deliveries had not arrived when patience ended",
                self.missing
            );
        }
        for (failure, count) in &self.failures {
            println!("    FAILED {count} times: {failure}");
        }
    }
}
