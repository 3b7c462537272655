//! Scoring: dimensions to stars (spec section 5, rubric).

use serde::{Deserialize, Serialize};

/// The rubric's dimensions, each 1 to 5. A scorer leaves out what it cannot judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Dimensions {
    /// Does it show what was asked for?
    #[serde(default)]
    pub relevance: Option<u8>,
    /// Is it well made?
    #[serde(default)]
    pub quality: Option<u8>,
    /// Is everything there?
    #[serde(default)]
    pub completeness: Option<u8>,
}

/// A score, and who gave it why.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Score {
    /// 1 to 5.
    pub stars: u8,
    /// The dimensions.
    pub dimensions: Dimensions,
    /// The reasoning, for people.
    pub reasoning: String,
    /// The model that scored.
    pub model: String,
}

impl Dimensions {
    /// Returns the stars: the mean of what was judged, rounded half up, and one less if a
    /// dimension is critically low, that is 1 (spec section 5). Always 1 to 5; 1 if nothing was
    /// judged.
    pub fn stars(&self) -> u8 {
        let judged: Vec<u16> = [self.relevance, self.quality, self.completeness]
            .into_iter()
            .flatten()
            .map(|rating| u16::from(rating.clamp(1, 5)))
            .collect();
        let count = u16::try_from(judged.len()).unwrap_or(1);
        let doubled = judged.iter().sum::<u16>().saturating_mul(2).saturating_add(count);
        let mean = doubled.checked_div(count.saturating_mul(2)).unwrap_or(1);
        let critical = u16::from(judged.contains(&1));
        u8::try_from(mean.saturating_sub(critical).clamp(1, 5)).unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stars(relevance: u8, quality: u8, completeness: u8) -> u8 {
        Dimensions {
            relevance: Some(relevance),
            quality: Some(quality),
            completeness: Some(completeness),
        }
        .stars()
    }

    #[test]
    fn the_mean_is_rounded_to_the_nearest_star() {
        assert_eq!(stars(5, 5, 4), 5);
        assert_eq!(stars(4, 4, 3), 4);
        assert_eq!(stars(3, 3, 4), 3);
    }

    #[test]
    fn one_critical_dimension_costs_a_star() {
        assert_eq!(stars(5, 5, 1), 3);
        assert_eq!(stars(1, 1, 1), 1);
    }

    #[test]
    fn what_was_not_judged_does_not_count() {
        let judged = Dimensions { relevance: None, quality: Some(4), completeness: Some(5) };
        assert_eq!(judged.stars(), 5);
        assert_eq!(Dimensions::default().stars(), 1);
    }
}
