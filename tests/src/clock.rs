//! Instants as the wire writes them, without a calendar library.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs_f64()
}

/// The instant so many seconds from now, as `2026-03-18T09:30:00.250Z`.
pub fn in_seconds(seconds: f64) -> String {
    rfc3339(now() + seconds)
}

/// An instant in text, with milliseconds.
pub fn rfc3339(seconds: f64) -> String {
    let millis = (seconds * 1_000.0).round() as i64;
    let (days, rest) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest % 1_000)
}

/// The instant that a text in UTC names; `None` if it is malformed or not in UTC.
pub fn parse(text: &str) -> Option<f64> {
    let text = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00"))?;
    let (date, time) = text.split_once('T')?;
    let (whole, fraction) = match time.split_once('.') {
        Some((whole, digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            (whole, format!("0.{digits}").parse::<f64>().ok()?)
        }
        Some(_) => return None,
        None => (time, 0.0),
    };
    let [year, month, day] = three(date, '-')?;
    let [hour, minute, second] = three(whole, ':')?;
    let plausible = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    plausible.then(|| {
        (days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second) as f64 + fraction
    })
}

fn three(text: &str, separator: char) -> Option<[i64; 3]> {
    let parts: Vec<i64> = text.split(separator).map(|p| p.parse().ok()).collect::<Option<_>>()?;
    parts.try_into().ok()
}

fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, month) = (year.div_euclid(400), (month + 9) % 12);
    let (of_era, of_year) = (year.rem_euclid(400), (153 * month + 2) / 5 + day - 1);
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_survives_the_trip_through_text() {
        for seconds in [0.0, 951_827_696.5, 1_774_000_000.25, 4_102_444_799.999] {
            let text = rfc3339(seconds);
            assert!((parse(&text).expect("our own text") - seconds).abs() < 0.001, "{text}");
        }
        assert_eq!(rfc3339(951_782_400.0), "2000-02-29T00:00:00.000Z");
    }

    #[test]
    fn a_text_that_is_no_instant_in_utc_is_none() {
        for text in [
            "",
            "2026-03-18",
            "2026-03-18T09:30:00",
            "2026-03-18T09:30:00+02:00",
            "2026-13-18T09:30:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
