//! The packs that credits are sold in (spec section 7).

use crate::money::Cents;

/// A pack: what is paid, and the bonus that comes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pack {
    /// What is paid, and issued without expiry.
    pub amount: Cents,
    /// What is issued on top, as a lot of its own.
    pub bonus: Cents,
}

const fn of(amount: i64, bonus: i64) -> Pack {
    Pack { amount: Cents::new(amount), bonus: Cents::new(bonus) }
}

/// Every pack.
pub const PACKS: &[Pack] =
    &[of(1_000, 0), of(2_500, 125), of(5_000, 500), of(10_000, 1_500), of(25_000, 5_000)];

/// Returns the pack of that price.
pub fn pack(amount: Cents) -> Option<Pack> {
    PACKS.iter().copied().find(|pack| pack.amount == amount)
}
