//! One load: all submissions approved by a number of closed loops.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use firsthand_domain::StreamId;
use firsthand_domain::scoring::{Dimensions, Score};
use firsthand_domain::submissions::{FileMeasurement, ScoreSubmission};
use futures_util::future::join_all;
use serde::Serialize;

use super::inside::Inside;
use super::prepare::Waiting;
use crate::cpu::Reading;
use crate::numbers::{length, micros, millis, quantile, rounded, whole};

/// What a load showed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figure {
    /// Approvals committed a second, after the warm-up.
    pub(super) approvals_per_second: f64,
    in_flight: usize,
    p50_ms: f64,
    p99_ms: f64,
    measured: usize,
    /// Approvals that failed.
    pub(super) errors: u64,
    /// Processor time of this process, which is ledger, followers and load, for one approval.
    service_cpu_us: f64,
    /// The same of `PostgreSQL`.
    postgres_cpu_us: f64,
    /// How long the followers took to reach the end after the last answer.
    catch_up_seconds: f64,
}

/// Where a load stands.
#[derive(Debug)]
struct Course {
    submissions: Vec<Waiting>,
    next: AtomicUsize,
    warm_up: usize,
}

/// What one closed loop saw.
#[derive(Debug, Default)]
struct Seen {
    latencies: Vec<u32>,
    /// When the first and the last measured approval began and ended.
    span: Option<(Instant, Instant)>,
    failure: Option<String>,
    errors: u64,
}

fn score(waiting: Waiting) -> ScoreSubmission {
    let dimensions = Dimensions { relevance: Some(5), quality: Some(4), completeness: Some(5) };
    ScoreSubmission {
        submission_id: waiting.submission,
        attempt: 1,
        score: Score {
            stars: dimensions.stars(),
            dimensions,
            reasoning: "One sign, sharp, upright and wholly in the picture; daylight.".to_owned(),
            model: "local".to_owned(),
        },
        technical: None,
        measurements: vec![FileMeasurement {
            file_id: waiting.file,
            width: Some(4_032),
            height: Some(3_024),
            duration_ms: None,
            perceptual_hash: Some("f0e1d2c3b4a59687".to_owned()),
        }],
    }
}

async fn approve(inside: Arc<Inside>, course: Arc<Course>) -> Seen {
    let mut seen = Seen::default();
    loop {
        let at = course.next.fetch_add(1, Ordering::Relaxed);
        let Some(waiting) = course.submissions.get(at) else { return seen };
        let began = Instant::now();
        let stream = StreamId::Submission(waiting.submission);
        if let Err(error) = inside.execute(stream, score(*waiting)).await {
            seen.errors += 1;
            seen.failure = Some(format!("{error:#}"));
        } else if at >= course.warm_up {
            let ended = Instant::now();
            seen.latencies.push(micros(ended - began));
            seen.span = Some((seen.span.map_or(began, |(first, _)| first), ended));
        }
    }
}

impl Figure {
    /// Approves everything and reads the processors' clocks around it.
    pub(super) async fn of(
        inside: &Arc<Inside>,
        submissions: Vec<Waiting>,
        warm_up: usize,
        in_flight: usize,
        postmaster: u32,
    ) -> anyhow::Result<Self> {
        let count = whole(submissions.len());
        let course = Arc::new(Course { submissions, next: AtomicUsize::new(0), warm_up });
        let read = || Reading::take(std::process::id(), postmaster);
        let before = read();
        let loops =
            (0..in_flight).map(|_| tokio::spawn(approve(Arc::clone(inside), Arc::clone(&course))));
        let seen: Vec<Seen> = join_all(loops).await.into_iter().collect::<Result<_, _>>()?;
        let answered = Instant::now();
        inside.settle().await?;
        // What the followers still had to do belongs to the approvals.
        let cpu = before.zip(read()).and_then(|(before, after)| after.since(before, count));
        let mut latencies: Vec<u32> =
            seen.iter().flat_map(|seen| seen.latencies.iter().copied()).collect();
        latencies.sort_unstable();
        if let Some(failure) = seen.iter().find_map(|seen| seen.failure.as_ref()) {
            println!("    FAILED: {failure}");
        }
        let first = seen.iter().filter_map(|seen| seen.span).map(|(first, _)| first).min();
        let last = seen.iter().filter_map(|seen| seen.span).map(|(_, last)| last).max();
        let took = first.zip(last).map_or(Duration::ZERO, |(first, last)| last - first);
        Ok(Self {
            approvals_per_second: rounded(length(latencies.len()) / took.as_secs_f64(), 1),
            in_flight,
            p50_ms: rounded(millis(quantile(&latencies, 500)), 2),
            p99_ms: rounded(millis(quantile(&latencies, 990)), 2),
            measured: latencies.len(),
            errors: seen.iter().map(|seen| seen.errors).sum(),
            service_cpu_us: cpu.map_or(0.0, |cpu| cpu.service),
            postgres_cpu_us: cpu.map_or(0.0, |cpu| cpu.postgres),
            catch_up_seconds: rounded(answered.elapsed().as_secs_f64(), 2),
        })
    }

    /// Prints one line of the table.
    pub(super) fn print(&self, label: &str) {
        let Self { in_flight, approvals_per_second, p50_ms, p99_ms, catch_up_seconds, .. } = self;
        println!(
            "  {label:<26} {in_flight:>4}  {approvals_per_second:>9.1}/s  p50 {p50_ms:>8.2} ms  p99 {p99_ms:>8.2} ms  cpu µs/approval: service {}, postgres {}; followers done {catch_up_seconds} s later",
            self.service_cpu_us, self.postgres_cpu_us
        );
    }
}
