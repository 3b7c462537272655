//! Places: whole millionths of a degree inside, decimal degrees on the wire.
#![expect(
    clippy::disallowed_types,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "degrees on the wire are decimal numbers; no money is near"
)]

use serde_json::Number;

/// Radius of the earth in metres.
const EARTH_M: f64 = 6_371_000.0;

/// Reads decimal degrees; `None` outside of `-most..=most`.
pub(crate) fn degrees_e6(number: &Number, most: i32) -> Option<i32> {
    let value = number.as_f64()?;
    (value.abs() <= f64::from(most)).then(|| (value * 1e6).round() as i32)
}

/// Reads kilometres as metres; `None` outside of 0.1 to 20,000 km (spec section 4).
pub(crate) fn kilometres_m(number: &Number) -> Option<u32> {
    let value = number.as_f64()?;
    (0.1..=20_000.0).contains(&value).then(|| (value * 1e3).round() as u32)
}

/// Writes millionths of a degree as decimal degrees.
pub(crate) fn degrees(e6: i32) -> Number {
    Number::from_f64(f64::from(e6) / 1e6).unwrap_or_else(|| Number::from(0))
}

/// Writes metres as kilometres.
pub(crate) fn kilometres(metres: u32) -> Number {
    if metres.is_multiple_of(1_000) {
        return Number::from(metres / 1_000);
    }
    Number::from_f64(f64::from(metres) / 1e3).unwrap_or_else(|| Number::from(0))
}

/// Says whether two places (in millionths of a degree) are at most `radius_m` metres apart, by the
/// haversine formula.
pub(crate) fn within(from: (i32, i32), to: (i32, i32), radius_m: u32) -> bool {
    let radians = |e6: i32| (f64::from(e6) / 1e6).to_radians();
    let (lat1, lat2) = (radians(from.0), radians(to.0));
    let (dlat, dlng) = (lat2 - lat1, radians(to.1) - radians(from.1));
    let h = (dlat / 2.0).sin().powi(2) + lat1.cos() * lat2.cos() * (dlng / 2.0).sin().powi(2);
    2.0 * EARTH_M * h.sqrt().min(1.0).asin() <= f64::from(radius_m)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_map() {
        let (austin, dallas) = ((30_267_200, -97_743_100), (32_776_700, -96_797_000));
        assert!(within(austin, dallas, 295_000));
        assert!(!within(austin, dallas, 285_000));
        assert!(within((0, 179_999_000), (0, -179_999_000), 300));
    }

    #[test]
    fn numbers_keep_their_spelling() {
        let number: Number = serde_json::from_str("30.2672").unwrap();
        assert_eq!(degrees_e6(&number, 90), Some(30_267_200));
        assert_eq!(degrees(30_267_200).to_string(), "30.2672");
        assert_eq!(kilometres(15_000).to_string(), "15");
        let far: Number = serde_json::from_str("91").unwrap();
        assert_eq!(degrees_e6(&far, 90), None);
    }
}
