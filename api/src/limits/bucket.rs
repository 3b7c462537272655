//! One limit: its name, its figures and who has used how much of it.

use super::buckets::Buckets;
use firsthand_domain::Timestamp;
use firsthand_domain::time::Span;
use governor::clock::{Clock as _, MonotonicClock};
use governor::middleware::StateInformationMiddleware;
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::time::Duration;

/// Where one caller stands with one limit after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The limit's public name.
    pub bucket: &'static str,
    /// Requests in a window.
    pub limit: u32,
    /// The window in seconds.
    pub window: u32,
    /// Requests that are left now.
    pub remaining: u32,
    /// Until the next request is let through; zero if this one was.
    pub wait: Duration,
    /// Until all requests of a window are left again.
    pub full: Duration,
}

/// Rounds up: who waits that many seconds has waited long enough.
fn seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

impl Reading {
    /// Says whether the request was let through.
    pub(crate) fn allowed(&self) -> bool {
        self.wait.is_zero()
    }

    /// Returns after how many seconds to try again.
    pub(crate) fn retry_after(&self) -> u64 {
        seconds(self.wait).max(1)
    }

    /// Returns in how many seconds nothing of the limit is used any more.
    pub(crate) fn resets_in(&self) -> u64 {
        seconds(self.full)
    }

    /// Returns that as a time.
    pub(crate) fn resets_at(&self, now: Timestamp) -> Timestamp {
        now.after(Span::seconds(i64::try_from(self.resets_in()).unwrap_or(i64::MAX)))
    }
}

/// A token bucket for each caller: it holds the requests of one window and fills evenly.
pub(super) struct Bucket {
    name: &'static str,
    limit: NonZeroU32,
    window: u32,
    /// The time in which one request is given back.
    interval: Duration,
    limiter: RateLimiter<u128, Buckets, MonotonicClock, StateInformationMiddleware>,
}

impl Bucket {
    /// Makes a limit of so many requests in a window of seconds.
    pub(super) fn new(name: &'static str, limit: NonZeroU32, window: u32) -> Self {
        let interval = Duration::from_secs(u64::from(window)) / limit.get();
        let interval = interval.max(Duration::from_nanos(1));
        let every = Quota::with_period(interval).unwrap_or_else(|| Quota::per_second(limit));
        let limiter =
            RateLimiter::new(every.allow_burst(limit), Buckets::default(), MonotonicClock);
        Self { name, limit, window, interval, limiter }
    }

    /// Counts a request of a caller.
    pub(super) fn take(&self, caller: u128) -> Reading {
        let limit = self.limit.get();
        let (remaining, wait, full) = match self.limiter.check_key(&caller) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                (remaining, Duration::ZERO, self.interval * limit.saturating_sub(remaining))
            }
            Err(until) => {
                let wait = until.wait_time_from(self.limiter.clock().now());
                // A refusal is never a wait of nothing.
                let wait = wait.max(Duration::from_nanos(1));
                (0, wait, self.interval * limit.saturating_sub(1) + wait)
            }
        };
        Reading { bucket: self.name, limit, window: self.window, remaining, wait, full }
    }

    /// Returns the limit as an item of `RateLimit-Policy`.
    pub(super) fn policy(&self) -> String {
        format!("\"{}\";q={};w={}", self.name, self.limit, self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(limit: u32, window: u32) -> Bucket {
        Bucket::new("test", NonZeroU32::new(limit).unwrap(), window)
    }

    #[test]
    fn a_window_of_requests_is_let_through_and_the_next_is_not() {
        // An hour for three requests: none is given back while the test runs.
        let bucket = bucket(3, 3_600);
        let left: Vec<u32> = (0..3).map(|_| bucket.take(1).remaining).collect();
        assert_eq!(left, [2, 1, 0]);
        let refused = bucket.take(1);
        assert!(!refused.allowed());
        assert!((1_190..=1_200).contains(&refused.retry_after()), "{refused:?}");
        assert!((3_590..=3_600).contains(&refused.resets_in()), "{refused:?}");
        assert_eq!(refused.remaining, 0);
        assert!(bucket.take(2).allowed(), "another caller has a bucket of his own");
    }

    #[test]
    fn requests_are_given_back_evenly() {
        let bucket = bucket(1_000, 1);
        while bucket.take(1).allowed() {}
        std::thread::sleep(Duration::from_millis(5));
        assert!(bucket.take(1).allowed());
    }

    #[test]
    fn a_reset_is_never_promised_too_early() {
        let reading = bucket(100, 60).take(1);
        assert_eq!(reading.remaining, 99);
        assert_eq!(reading.resets_in(), 1, "600 ms are rounded up");
        assert_eq!(reading.resets_at(Timestamp::from_micros(5)), Timestamp::from_micros(1_000_005));
    }

    #[test]
    fn the_policy_is_a_structured_field() {
        assert_eq!(bucket(100, 60).policy(), "\"test\";q=100;w=60");
    }
}
