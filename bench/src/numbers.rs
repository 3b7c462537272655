//! The few conversions from counts to fractions that figures need.

use std::time::Duration;

/// Returns a count as a fraction.
#[expect(clippy::cast_precision_loss, reason = "counts here stay far below 2^52")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// Returns a length as a count.
pub(crate) fn whole(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Returns a length as a fraction.
pub(crate) fn length(count: usize) -> f64 {
    float(whole(count))
}

/// Returns microseconds as milliseconds.
pub(crate) fn millis(micros: u32) -> f64 {
    f64::from(micros) / 1_000.0
}

/// Returns a duration in whole microseconds; more than an hour counts as an hour.
pub(crate) fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

/// Returns `value` rounded to `digits` decimals, so that printed and JSON figures agree.
pub(crate) fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

/// Returns the value below which `per_mille` thousandths of the sorted values lie; 0 of none.
pub(crate) fn quantile(sorted: &[u32], per_mille: usize) -> u32 {
    let rank = (sorted.len() * per_mille).div_ceil(1_000).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_are_nearest_ranks() {
        let values: Vec<u32> = (1..=200).collect();
        assert_eq!(quantile(&values, 500), 100);
        assert_eq!(quantile(&values, 990), 198);
        assert_eq!(quantile(&values, 1_000), 200);
        assert_eq!(quantile(&[7], 10), 7);
        assert_eq!(quantile(&[], 990), 0);
    }
}
