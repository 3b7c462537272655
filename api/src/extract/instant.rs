//! Instants as parameters of a query.

use crate::error::ApiError;
use firsthand_domain::Timestamp;

/// Length of a day, as `2026-03-18`.
const DAY: usize = 10;

/// Reads an instant.
pub(crate) fn instant(field: &str, text: &str) -> Result<Timestamp, ApiError> {
    text.parse().map_err(|_invalid| {
        ApiError::field(field, "must be an ISO 8601 time with an offset, as 2026-03-18T09:30:00Z")
    })
}

/// Reads an instant that is over at `now`.
pub(crate) fn past(now: Timestamp, field: &str, text: &str) -> Result<Timestamp, ApiError> {
    let instant = instant(field, text)?;
    if instant > now { Err(ApiError::field(field, "is in the future")) } else { Ok(instant) }
}

/// Reads an instant, or a day that stands for its beginning in UTC.
pub(crate) fn instant_or_day(field: &str, text: &str) -> Result<Timestamp, ApiError> {
    if text.len() == DAY {
        return instant(field, &format!("{text}T00:00:00Z"));
    }
    instant(field, text)
}
