//! Waiting for a condition. There is no other waiting in these tests.

use serde_json::Value;
use std::future::Future;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// The patience of a loop that waits for something.
///
/// ```ignore
/// let mut wait = Wait::until("the job is completed");
/// loop {
///     let job = buyer.job(&id).await;
///     if job["status"] == "completed" {
///         return job;
///     }
///     wait.not_yet(&job).await;
/// }
/// ```
#[derive(Debug)]
pub struct Wait {
    what: String,
    limit: Duration,
    began: Instant,
}

impl Wait {
    /// Waits for this, at most 30 s.
    pub fn until(what: &str) -> Wait {
        Wait { what: what.to_owned(), limit: LIMIT, began: Instant::now() }
    }

    /// Waits for at most this long.
    pub fn within(self, limit: Duration) -> Wait {
        Wait { limit, ..self }
    }

    /// It is not so yet; this was seen instead. Returns after a short pause.
    ///
    /// # Panics
    /// When the time is over.
    pub async fn not_yet(&mut self, seen: &Value) {
        let Wait { what, limit, began } = self;
        assert!(
            began.elapsed() < *limit,
            "after {limit:?} still not so: {what}; last seen: {seen}"
        );
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asks until the answer is `Ok`, for at most 30 s. `Err` carries what was seen instead.
///
/// Use [`Wait`] in a task that is spawned: the compiler cannot prove an async closure's future `Send`.
pub async fn eventually<T>(what: &str, ask: impl AsyncFnMut() -> Result<T, Value>) -> T {
    eventually_within(LIMIT, what, ask).await
}

/// [`eventually`] with another limit.
pub async fn eventually_within<T>(
    limit: Duration,
    what: &str,
    mut ask: impl AsyncFnMut() -> Result<T, Value>,
) -> T {
    let mut wait = Wait::until(what).within(limit);
    loop {
        match ask().await {
            Ok(found) => return found,
            Err(seen) => wait.not_yet(&seen).await,
        }
    }
}

/// `Ok(value)` if it is what is waited for.
pub fn if_so(value: Value, test: impl FnOnce(&Value) -> bool) -> Result<Value, Value> {
    if test(&value) { Ok(value) } else { Err(value) }
}

/// Runs all of these at the same time and returns their results in order.
pub async fn together<F>(all: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let running: Vec<_> = all.into_iter().map(tokio::spawn).collect();
    let mut results = Vec::with_capacity(running.len());
    for one in running {
        match one.await {
            Ok(result) => results.push(result),
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        }
    }
    results
}
