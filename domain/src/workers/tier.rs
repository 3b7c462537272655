//! Tiers: what a worker's record is worth (spec section 11). Buyers never see them. What counts as approved is
//! decided by each job's threshold (section 17, row 27); what its job's end rejected is in no record.

use crate::time::Span;

/// A worker's tier, the lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Too little is known, or too little of it was approved.
    New,
    /// 60 % of 10 or more submissions approved.
    Bronze,
    /// 75 % of 50 or more.
    Silver,
    /// 85 % of 150 or more.
    Gold,
    /// 92 % of 500 or more.
    Diamond,
}

/// The tiers that are earned, the highest first: approved per hundred, and of how many at least.
const GATES: [(Tier, u64, u64); 4] = [
    (Tier::Diamond, 92, 500),
    (Tier::Gold, 85, 150),
    (Tier::Silver, 75, 50),
    (Tier::Bronze, 60, 10),
];

/// For the first minute a job is there for gold and diamond only.
const SILVER_WAIT: Span = Span::seconds(60);
/// After five minutes it is there for everyone.
const LONGEST_WAIT: Span = Span::seconds(300);

impl Tier {
    /// Every tier by its public name, the lowest first.
    pub const NAMES: [&'static str; 5] = ["new", "bronze", "silver", "gold", "diamond"];

    /// Returns the tier that a record earns: submissions approved, and rejected.
    pub fn of(approved: u32, rejected: u32) -> Self {
        let approved = u64::from(approved);
        let judged = approved.saturating_add(u64::from(rejected));
        let share = |rate: u64| approved.saturating_mul(100) >= judged.saturating_mul(rate);
        GATES
            .into_iter()
            .find(|(_, rate, least)| judged >= *least && share(*rate))
            .map_or(Self::New, |(tier, _, _)| tier)
    }

    /// Returns the public name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Bronze => "bronze",
            Self::Silver => "silver",
            Self::Gold => "gold",
            Self::Diamond => "diamond",
        }
    }

    /// Returns how long after it was posted a job opens to the tier.
    pub fn wait(self) -> Span {
        match self {
            Self::Gold | Self::Diamond => Span::ZERO,
            Self::Silver => SILVER_WAIT,
            Self::New | Self::Bronze => LONGEST_WAIT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_takes_its_number_and_its_rate() {
        let tiers = [
            ((0, 0), Tier::New),
            ((9, 0), Tier::New),
            ((6, 4), Tier::Bronze),
            ((59, 41), Tier::New),
            ((49, 0), Tier::Bronze),
            ((38, 12), Tier::Silver),
            ((37, 13), Tier::Bronze),
            ((149, 0), Tier::Silver),
            ((128, 22), Tier::Gold),
            ((127, 23), Tier::Silver),
            ((460, 40), Tier::Diamond),
            ((459, 41), Tier::Gold),
            ((u32::MAX, u32::MAX), Tier::New),
        ];
        for ((approved, rejected), tier) in tiers {
            assert_eq!(Tier::of(approved, rejected), tier, "{approved} approved, {rejected} not");
        }
    }

    #[test]
    fn a_higher_tier_never_waits_longer() {
        let tiers = [Tier::New, Tier::Bronze, Tier::Silver, Tier::Gold, Tier::Diamond];
        let waits: Vec<Span> = tiers.into_iter().map(Tier::wait).collect();
        let seconds = [300, 300, 60, 0, 0].map(Span::seconds);
        assert_eq!(waits, seconds);
        assert_eq!(tiers.map(Tier::as_str), Tier::NAMES);
    }
}
