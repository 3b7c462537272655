//! When a failed delivery is tried again (spec section 8).

use std::time::Duration;

/// The pauses before each attempt, the first included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySchedule(Vec<Duration>);

/// How far ahead a receiver's `Retry-After` may put an attempt.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(8);

impl Default for RetrySchedule {
    /// At once, then after 1 min, 5 min, 30 min, 2 h and 8 h.
    fn default() -> Self {
        Self([0, 60, 300, 1_800, 7_200, 28_800].map(Duration::from_secs).to_vec())
    }
}

impl RetrySchedule {
    /// Makes a schedule from the pauses before each attempt; `None` if there are none.
    pub fn new(pauses: Vec<Duration>) -> Option<Self> {
        (!pauses.is_empty()).then_some(Self(pauses))
    }

    /// Returns the pause after so many failures (at least one), spread by ±10 % by the attempt's
    /// name so that what failed together does not come back together; `None` after the last.
    pub(super) fn pause(&self, failures: i32, spread_by: &str) -> Option<Duration> {
        let base = *self.0.get(usize::try_from(failures).ok()?)?;
        let spread = spread_by.bytes().map(u32::from).sum::<u32>() % 21;
        Some(base * (90 + spread) / 100)
    }

    /// Returns what a receiver asked for, within bounds.
    pub(super) fn asked(seconds: u64) -> Duration {
        Duration::from_secs(seconds).min(RETRY_AFTER_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_fails_for_good_after_its_sixth_attempt() {
        let schedule = RetrySchedule::default();
        for (failures, seconds) in [(1, 60), (2, 300), (3, 1_800), (4, 7_200), (5, 28_800)] {
            for name in ["a", "att_01", "zzz"] {
                let pause = schedule.pause(failures, name).unwrap();
                assert!(pause >= Duration::from_secs(seconds * 9 / 10));
                assert!(pause <= Duration::from_secs(seconds * 11 / 10));
            }
        }
        assert_eq!(schedule.pause(6, "a"), None);
    }

    #[test]
    fn a_receiver_can_not_put_an_event_off_for_ever() {
        assert_eq!(RetrySchedule::asked(2), Duration::from_secs(2));
        assert_eq!(RetrySchedule::asked(u64::MAX), Duration::from_hours(8));
    }
}
