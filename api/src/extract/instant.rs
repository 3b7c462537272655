//! Instants as parameters of a query.

use crate::error::ApiError;
use firsthand_domain::Timestamp;
use firsthand_domain::time::Span;

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

/// Says whether a text is as long as a day.
fn is_day(text: &str) -> bool {
    text.len() == DAY
}

/// Reads an instant, or a day that stands for its beginning in UTC.
pub(crate) fn instant_or_day(field: &str, text: &str) -> Result<Timestamp, ApiError> {
    let whole = if is_day(text) { format!("{text}T00:00:00Z") } else { text.to_owned() };
    whole.parse().map_err(|_invalid| {
        let message = "must be a day or an ISO 8601 time with an offset, as 2026-03-18 or 2026-03-18T09:30:00Z";
        ApiError::field(field, message)
    })
}

/// Reads the instant after which a list begins. A day counts from its beginning, midnight included.
pub(crate) fn after_instant_or_day(field: &str, text: &str) -> Result<Timestamp, ApiError> {
    let at = instant_or_day(field, text)?;
    Ok(if is_day(text) { Timestamp::from_micros(at.micros().saturating_sub(1)) } else { at })
}

/// Reads the instant before which a list ends. A day counts to its end.
pub(crate) fn before_instant_or_day(field: &str, text: &str) -> Result<Timestamp, ApiError> {
    let at = instant_or_day(field, text)?;
    Ok(if is_day(text) { at.after(Span::days(1)) } else { at })
}

/// Reads the instant up to which a list goes, to the millisecond. A day counts to its end.
pub(crate) fn up_to_instant_or_day(field: &str, text: &str) -> Result<Timestamp, ApiError> {
    let end = before_instant_or_day(field, text)?;
    Ok(if is_day(text) { end.before(Span::milliseconds(1)) } else { end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_counts_from_its_beginning_to_its_end() {
        let read = |read: fn(&str, &str) -> Result<Timestamp, ApiError>, text| {
            read("field", text).map(|at| at.to_string()).ok()
        };
        let day = "2026-11-30";
        assert_eq!(read(instant_or_day, day).as_deref(), Some("2026-11-30T00:00:00Z"));
        let last: Timestamp = "2026-11-29T23:59:59.999999Z".parse().unwrap();
        assert_eq!(read(after_instant_or_day, day), Some(last.to_string()));
        assert_eq!(read(before_instant_or_day, day).as_deref(), Some("2026-12-01T00:00:00Z"));
        let last: Timestamp = "2026-11-30T23:59:59.999Z".parse().unwrap();
        assert_eq!(read(up_to_instant_or_day, day), Some(last.to_string()));
        let instant = "2026-11-30T12:00:00Z";
        for each in
            [instant_or_day, after_instant_or_day, before_instant_or_day, up_to_instant_or_day]
        {
            assert_eq!(read(each, instant).as_deref(), Some(instant));
            assert_eq!(read(each, "2026-11-31"), None);
            assert_eq!(read(each, "soon"), None);
        }
    }
}
