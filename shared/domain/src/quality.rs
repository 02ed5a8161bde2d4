//! How good an answer is, and what follows from it.

use std::fmt;

use crate::policy::QualityThresholds;

/// What one validation found. All parts are 0 to 1; higher is better, but for `toxicity`.
#[derive(Clone, Debug, PartialEq)]
pub struct Quality {
    /// The probability that the answer is acceptable.
    pub score: f32,
    /// Whether the answer speaks to the question.
    pub relevance: f32,
    /// Whether it is whole, fluent and free of repetition.
    pub coherence: f32,
    /// Whether its numbers, names and statements are in the retrieved passages; `None` when there
    /// were no passages to be grounded in.
    pub groundedness: Option<f32>,
    /// Whether it keeps the brand's rules.
    pub brand: f32,
    /// The probability that it is toxic.
    pub toxicity: f32,
    /// Why it must not be delivered whatever its score.
    pub hard_fail: Option<HardFail>,
}

/// A fault that no score makes good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HardFail {
    /// Nothing was said.
    Empty,
    /// Abusive.
    Toxic,
    /// Makes a claim that the brand forbids.
    ForbiddenClaim,
    /// Not in one of the agent's languages.
    WrongLanguage,
    /// Repeats the system prompt.
    PromptLeak,
}

impl HardFail {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Empty, Self::Toxic, Self::ForbiddenClaim, Self::WrongLanguage, Self::PromptLeak];

    /// The fault's stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Toxic => "toxic",
            Self::ForbiddenClaim => "forbidden_claim",
            Self::WrongLanguage => "wrong_language",
            Self::PromptLeak => "prompt_leak",
        }
    }
}

impl fmt::Display for HardFail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What follows from a validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Good enough as it is.
    Deliver,
    /// Worth one local rephrasing.
    Rephrase,
    /// A better model should try.
    Escalate,
}

impl Verdict {
    /// The verdict's name in responses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::Rephrase => "rephrase",
            Self::Escalate => "escalate",
        }
    }
}

impl Quality {
    /// The verdict under `thresholds`: above `deliver` delivers, from `rephrase` up rephrases,
    /// below escalates, and a hard fail or a score that is no number always escalates.
    #[must_use]
    pub fn verdict(&self, thresholds: &QualityThresholds) -> Verdict {
        if self.hard_fail.is_some() || self.score.is_nan() || self.score < thresholds.rephrase {
            Verdict::Escalate
        } else if self.score > thresholds.deliver {
            Verdict::Deliver
        } else {
            Verdict::Rephrase
        }
    }

    /// Whether a part of a cascade that has nothing better may end with this answer.
    #[must_use]
    pub fn is_above_floor(&self, thresholds: &QualityThresholds) -> bool {
        self.hard_fail.is_none() && self.score >= thresholds.floor
    }
}
