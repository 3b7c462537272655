//! Time as the log knows it: microseconds since the epoch, UTC.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// An instant; its text is RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A span of time in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(i64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of whole milliseconds.
    pub const fn milliseconds(milliseconds: i64) -> Self {
        Self(milliseconds.saturating_mul(1_000))
    }

    /// A span of whole seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// A span of whole minutes.
    pub const fn minutes(minutes: i64) -> Self {
        Self::seconds(minutes.saturating_mul(60))
    }

    /// A span of whole hours.
    pub const fn hours(hours: i64) -> Self {
        Self::minutes(hours.saturating_mul(60))
    }

    /// A span of whole days of 24 hours.
    pub const fn days(days: i64) -> Self {
        Self::hours(days.saturating_mul(24))
    }
}

/// Says that a text is no RFC 3339 instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time")]
pub struct InvalidTime;

impl Timestamp {
    /// Makes the instant that many microseconds after the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Returns the day in UTC, counted from the epoch.
    pub const fn day(self) -> i64 {
        self.micros().div_euclid(86_400_000_000)
    }

    /// Returns the microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Returns the instant a span later; saturates at the end of time.
    #[must_use]
    pub const fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// Returns the instant a span earlier; saturates at the beginning of time.
    #[must_use]
    pub const fn before(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// Returns the whole seconds since the epoch.
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Returns the same day and time of day a number of calendar months later, or the month's last
    /// day where it has no such day (credits expire 12 months after issue, spec section 17 row 5).
    #[must_use]
    pub fn after_months(self, months: i32) -> Self {
        jiff::Timestamp::from_microsecond(self.0)
            .ok()
            .map(|instant| instant.to_zoned(jiff::tz::TimeZone::UTC))
            .and_then(|zoned| zoned.checked_add(jiff::Span::new().months(months)).ok())
            .map_or(self, |later| Self(later.timestamp().as_microsecond()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What can't be written as a year of four digits is written as the last instant that can, or the
        // first: whatever is written can be read again.
        let nearest = if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(nearest).fmt(f)
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTime;
    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let instant: jiff::Timestamp = text.parse().map_err(|_ignored| InvalidTime)?;
        Ok(Self(instant.as_microsecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_rfc_3339_in_utc() {
        let noon: Timestamp = "2026-03-15T10:00:00Z".parse().unwrap();
        assert_eq!(noon.to_string(), "2026-03-15T10:00:00Z");
        assert_eq!("2026-03-15T12:00:00+02:00".parse(), Ok(noon));
        assert_eq!("yesterday".parse::<Timestamp>(), Err(InvalidTime));
    }

    #[test]
    fn whatever_is_written_can_be_read() {
        for micros in [i64::MIN, -1, 0, 253_402_207_200_000_000, 253_402_300_800_000_000, i64::MAX]
        {
            let written = Timestamp::from_micros(micros).to_string();
            let read: Timestamp = written.parse().unwrap();
            assert_eq!(read.to_string().get(..19), written.get(..19), "{micros}");
        }
    }

    #[test]
    fn twelve_months_end_on_a_day_that_exists() {
        let leap: Timestamp = "2028-02-29T00:00:00Z".parse().unwrap();
        assert_eq!(leap.after_months(12).to_string(), "2029-02-28T00:00:00Z");
    }
}
