//! How hard a query is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The four complexity tiers, cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// One fact or one how-to: written knowledge answers it.
    Simple,
    /// Combines, explains, compares or diagnoses.
    Medium,
    /// Several steps of reasoning, mathematics, code or trade-offs.
    High,
    /// Asks for something new to be written.
    Creative,
}

impl Tier {
    /// Every tier, in the order of the complexity head's classes.
    pub const ALL: [Self; 4] = [Self::Simple, Self::Medium, Self::High, Self::Creative];

    /// The tier's name in requests, responses and files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Creative => "creative",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A tier with the calibrated probability of each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ComplexityEstimate {
    probabilities: [f32; 4],
}

impl ComplexityEstimate {
    /// An estimate from the probabilities of [`Tier::ALL`], in that order.
    #[must_use]
    pub const fn new(probabilities: [f32; 4]) -> Self {
        Self { probabilities }
    }

    /// The most probable tier; of equals, the dearer one.
    #[must_use]
    pub fn tier(&self) -> Tier {
        let mut best = Tier::Simple;
        for tier in Tier::ALL {
            if self.probability(tier) >= self.probability(best) {
                best = tier;
            }
        }
        best
    }

    /// The probability of the most probable tier, 0 to 1.
    #[must_use]
    pub fn confidence(&self) -> f32 {
        self.probability(self.tier())
    }

    /// The probability of `tier`, 0 to 1.
    #[must_use]
    pub const fn probability(&self, tier: Tier) -> f32 {
        self.probabilities[tier as usize]
    }
}
