//! Money: whole cents of a US dollar in checked arithmetic, never a float (design D10).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter::Sum;

/// An amount of credits; one credit is one cent (spec section 7). May be negative in a posting.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Cents(i64);

/// The share of a file's price that the worker earns, in percent (spec section 7).
pub const WORKER_SHARE_PERCENT: i64 = 80;

/// The two shares of one file's price; they always add up to the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// What the worker earns: 80 %, rounded half up.
    pub worker: Cents,
    /// What the platform keeps: the remainder.
    pub platform: Cents,
}

impl Cents {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Makes an amount of whole cents.
    pub const fn new(cents: i64) -> Self {
        Self(cents)
    }

    /// Says whether this is nothing.
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    /// Returns the number of cents.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Adds; `None` on overflow.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Subtracts; `None` on overflow.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Multiplies by a count; `None` on overflow.
    #[must_use]
    pub fn times(self, count: u32) -> Option<Self> {
        self.0.checked_mul(i64::from(count)).map(Self)
    }

    /// Returns the part of this amount that `part` is of `whole`, rounded down; nothing of no whole.
    #[must_use]
    pub fn share(self, part: Self, whole: Self) -> Self {
        let product = i128::from(self.0).checked_mul(i128::from(part.0));
        let share = product.and_then(|product| product.checked_div(i128::from(whole.0)));
        Self(share.and_then(|share| i64::try_from(share).ok()).unwrap_or(0))
    }

    /// Returns the amount with its sign turned. The one amount without a negative saturates.
    #[must_use]
    pub fn negated(self) -> Self {
        Self(self.0.saturating_neg())
    }

    /// Splits a file's price between worker and platform: 80 % rounded half up to the worker and
    /// the remainder to the platform, so that both add up to the price (spec section 7:
    /// 75 gives 60 and 15, 13 gives 10 and 3).
    #[must_use]
    pub fn split(self) -> Split {
        let scaled = self.0.saturating_mul(WORKER_SHARE_PERCENT).saturating_add(50);
        let worker = Self(scaled.checked_div_euclid(100).unwrap_or(0));
        Split { worker, platform: Self(self.0.saturating_sub(worker.0)) }
    }
}

impl Sum for Cents {
    /// Sums; saturates at the bounds of an i64, which no book can reach.
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, |total, amount| Self(total.0.saturating_add(amount.0)))
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let dollars = magnitude.checked_div(100).unwrap_or(0);
        let cents = magnitude.checked_rem(100).unwrap_or(0);
        write!(f, "{sign}${dollars}.{cents:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_price_splits_to_the_cent() {
        for price in 10..=50_000 {
            let Split { worker, platform } = Cents::new(price).split();
            assert_eq!(worker.plus(platform), Some(Cents::new(price)));
            let exact = price * 80;
            assert!((worker.get() * 100 - exact).abs() <= 50, "rounded by more than half a cent");
        }
        assert_eq!(
            Cents::new(75).split(),
            Split { worker: Cents::new(60), platform: Cents::new(15) }
        );
        assert_eq!(
            Cents::new(13).split(),
            Split { worker: Cents::new(10), platform: Cents::new(3) }
        );
    }

    #[test]
    fn arithmetic_never_wraps() {
        assert_eq!(Cents::new(i64::MAX).plus(Cents::new(1)), None);
        assert_eq!(Cents::new(i64::MIN).minus(Cents::new(1)), None);
        assert_eq!(Cents::new(i64::MAX).times(2), None);
    }
}
