//! The clock: the one place that asks the operating system for the time.

use firsthand_domain::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the system's time.
#[expect(clippy::disallowed_methods, reason = "everybody else takes the clock as a parameter")]
pub fn system() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
