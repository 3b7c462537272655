//! Twelve months later, in UTC.

use super::At;

const DAY: i64 = 86_400_000_000;

/// The same moment of the day and month one year later; the last of February where there is no 29th.
pub fn a_year_after(at: At) -> At {
    let (days, rest) = (at.div_euclid(DAY), at.rem_euclid(DAY));
    let (year, month, day) = date(days);
    let leap = (year + 1) % 4 == 0 && ((year + 1) % 100 != 0 || (year + 1) % 400 == 0);
    let day = if month == 2 && day == 29 && !leap { 28 } else { day };
    days_until(year + 1, month, day) * DAY + rest
}

/// The proleptic Gregorian date of a day since the epoch.
fn date(days: i64) -> (i64, i64, i64) {
    let mut year = 1970 + days / 366;
    while days_until(year + 1, 1, 1) <= days {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && days_until(year, month + 1, 1) <= days {
        month += 1;
    }
    (year, month, days - days_until(year, month, 1) + 1)
}

/// Days from the epoch to a date.
fn days_until(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let leaps = before / 4 - before / 100 + before / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
    let leap = i64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
    let months = [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let passed: i64 = months.iter().take(usize::try_from(month - 1).unwrap()).sum();
    (year - 1970) * 365 + leaps + passed + day - 1
}

#[test]
fn a_year_is_twelve_months() {
    let noon = |year, month, day| days_until(year, month, day) * DAY + DAY / 2;
    assert_eq!(days_until(2026, 11, 22), 20_779);
    assert_eq!(a_year_after(noon(2026, 11, 22)), noon(2027, 11, 22));
    assert_eq!(a_year_after(noon(2027, 3, 1)), noon(2028, 3, 1));
    assert_eq!(a_year_after(noon(2028, 2, 29)), noon(2029, 2, 28));
    assert_eq!(a_year_after(noon(2027, 12, 31)), noon(2028, 12, 31));
}
