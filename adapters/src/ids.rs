//! Identifiers: ULIDs from the clock and the system's randomness.

use firsthand_domain::Timestamp;
use ulid::Ulid;

/// Mints a ULID: 48 bits of time, 80 of randomness.
pub fn mint(now: Timestamp) -> Ulid {
    let millis = u64::try_from(now.micros() / 1_000).unwrap_or(0);
    Ulid::from_parts(millis, rand::random())
}
