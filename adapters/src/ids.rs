//! Identifiers: ULIDs from the clock and the system's randomness.

use firsthand_domain::Timestamp;
use ulid::Ulid;

/// Bits of a ULID behind its milliseconds that continue the time, and those that are random.
const FRACTION_BITS: u32 = 10;
const RANDOM_BITS: u32 = 80 - FRACTION_BITS;

/// Mints a ULID: 48 bits of milliseconds, 10 of their fraction to the microsecond, 70 of randomness.
/// Ids are how lists are ordered: two that are made a microsecond or more apart come in that order
/// (RFC 9562, section 6.2, method 3).
pub fn mint(now: Timestamp) -> Ulid {
    let micros = u64::try_from(now.micros()).unwrap_or(0);
    let fraction = u128::from(((micros % 1_000) << FRACTION_BITS) / 1_000);
    let random = rand::random::<u128>() >> (u128::BITS - RANDOM_BITS);
    Ulid::from_parts(micros / 1_000, (fraction << RANDOM_BITS) | random)
}

#[cfg(test)]
mod tests {
    use super::{Timestamp, mint};

    #[test]
    fn ids_come_in_the_order_of_their_microseconds() {
        let start = 1_770_000_000_000_000;
        let ids: Vec<_> =
            (start..start + 2_500).map(|at| mint(Timestamp::from_micros(at))).collect();
        assert!(ids.is_sorted_by(|earlier, later| earlier < later));
        assert_eq!(ids[0].timestamp_ms(), 1_770_000_000_000);
        assert_eq!(ids[2_499].timestamp_ms(), 1_770_000_000_002);
    }

    #[test]
    fn ids_of_the_same_instant_differ() {
        let now = Timestamp::from_micros(1_770_000_000_000_000);
        assert_ne!(mint(now), mint(now));
    }
}
