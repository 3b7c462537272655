//! The clients of the webhook test: they make events, and remember what was acknowledged to them.
//!
//! A job gets some flags at once, each from another worker, and is cancelled then: flags plus one events, in an order
//! that only the cancellation's place is known of.

use crate::books::Book;
use crate::clients::CLIENT_PATIENCE;
use crate::support::{Ask, Line, Rng, Whereabouts, crowd, parsed, text};
use firsthand_tests::{job, unique};
use serde_json::json;
use std::sync::Arc;

/// Jobs that are worked on at the same time.
const WIDTH: usize = 12;
/// A job has so many flags at most, one from a worker.
pub(crate) const MOST_FLAGS: usize = 4;

/// A job and what was acknowledged of it.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) job: String,
    /// Flags that were acknowledged.
    pub(crate) flags: u64,
    /// Attempts to flag whose outcome stayed open; the key makes one effect of them.
    pub(crate) doubts: u64,
}

/// What all writers share.
#[derive(Clone)]
pub(crate) struct Writers {
    line: Line,
    book: Arc<Book>,
    workers: Arc<Vec<Arc<str>>>,
}

/// How many flags each job gets, so that there are exactly so many events.
pub(crate) fn plan(events: u64, rng: &mut Rng) -> Vec<u64> {
    let (mut left, mut jobs) = (events, Vec::new());
    while left > 0 {
        let flags = rng.between(0, MOST_FLAGS as u64).min(left - 1);
        left -= flags + 1;
        jobs.push(flags);
    }
    jobs
}

impl Writers {
    /// Registers the workers, while nothing is broken.
    pub(crate) async fn new(at: &Whereabouts, book: &Arc<Book>) -> Result<Writers, String> {
        let mut line = Line::new(at, CLIENT_PATIENCE);
        let mut workers = Vec::new();
        for _ in 0..MOST_FLAGS {
            let person =
                json!({"name": "Robin Field", "email": unique::email("worker"), "region": "US-NY"});
            let worker =
                line.expect(201, &Ask::post("/internal/worker/register").json(&person)).await?;
            workers.push(text(&worker, "token")?.into());
        }
        Ok(Writers { line, book: Arc::clone(book), workers: Arc::new(workers) })
    }

    /// Writes all jobs of a plan. An error is a wrong answer: something that no kill may cause.
    pub(crate) async fn write(self, plan: Vec<u64>) -> Result<Vec<Written>, String> {
        let jobs = plan.into_iter().enumerate().collect();
        let each = crowd(jobs, WIDTH, move |(number, flags)| {
            let writers = self.clone();
            async move { writers.job(number, flags).await }
        });
        each.await.into_iter().collect()
    }

    async fn job(&self, number: usize, flags: u64) -> Result<Written, String> {
        let mut line = self.line.own();
        let create = Ask::post("/v1/jobs")
            .by(&self.book.token)
            .keyed(&format!("w{number}-create"))
            .json(&job::photos(1, 20));
        let job = text(&line.expect(201, &create).await?, "id")?.to_owned();
        let names = (0..usize::try_from(flags).expect("a small number")).collect();
        let (writers, flagged) = (self.clone(), job.clone());
        let each = crowd(names, MOST_FLAGS, move |worker: usize| {
            let (writers, job) = (writers.clone(), flagged.clone());
            async move { writers.flag(number, &job, worker).await }
        });
        let doubts = each.await.into_iter().sum::<Result<u64, String>>()?;
        let cancel = Ask::post(format!("/v1/jobs/{job}/cancel"))
            .by(&self.book.token)
            .keyed(&format!("w{number}-cancel"));
        let cancelled = line.expect(200, &cancel).await?;
        if cancelled["status"] != "cancelled" {
            return Err(format!("{}: {cancelled}", cancel.name()));
        }
        Ok(Written { job, flags, doubts })
    }

    /// Flags a job as one of the workers; how often the outcome was in doubt before the answer.
    async fn flag(&self, number: usize, job: &str, worker: usize) -> Result<u64, String> {
        let ask = Ask::post(format!("/internal/worker/jobs/{job}/flag"))
            .by(&self.workers[worker])
            .keyed(&format!("w{number}-flag{worker}"))
            .json(&json!({"reason": format!("It asks for people's faces, says worker {worker}.")}));
        let answer = self.line.own().finally(&ask).await?;
        match answer.reply.status {
            200 => parsed(&answer.reply).map(|_| answer.doubts),
            _ => Err(answer.reply.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_makes_exactly_as_many_events_as_are_wanted() {
        for events in [0, 1, 2, 7, 400, 20_000] {
            let jobs = plan(events, &mut Rng::lane(9, 1));
            assert_eq!(jobs.iter().map(|flags| flags + 1).sum::<u64>(), events);
            assert!(jobs.iter().all(|flags| *flags <= MOST_FLAGS as u64));
        }
        let jobs = plan(1_000, &mut Rng::lane(9, 1));
        assert!(jobs.iter().filter(|flags| **flags > 1).count() > 100, "{jobs:?}");
    }
}
