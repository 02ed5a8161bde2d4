//! What the parts found, in numbers that the quality heads read.

use super::trees::TreesHead;
use super::{coherence, groundedness, relevance};
use crate::heads::{FeatureSpec, HeadError, LogisticHead};

/// The features of the relevance head.
pub const RELEVANCE: FeatureSpec = FeatureSpec { name: "relevance-5", dimension: relevance::MEASURES };
/// The features of the coherence head.
pub const COHERENCE: FeatureSpec = FeatureSpec { name: "coherence-1", dimension: coherence::MEASURES };
/// The features of the groundedness head.
pub const GROUNDEDNESS: FeatureSpec = FeatureSpec { name: "groundedness-2", dimension: groundedness::MEASURES };
/// The features of the head for answers in their own words: those of the parts, then toxicity, then the share of right ones
/// among the sums that are stated, then whether there are any, then whether there were no passages.
pub const COMPOSED: FeatureSpec = FeatureSpec {
    name: "composed-5",
    dimension: relevance::MEASURES + coherence::MEASURES + groundedness::MEASURES + 4,
};

/// How much of a groundedness fault counts when the answer need not be taken from the passages:
/// a paid model knows more than they say, so that missing support is weak evidence.
const WEAK: f32 = 0.5;

/// What the parts found.
#[derive(Clone, Debug, PartialEq)]
pub struct Measures {
    /// Features of [`RELEVANCE`].
    pub relevance: Vec<f32>,
    /// Features of [`COHERENCE`].
    pub coherence: Vec<f32>,
    /// Features of [`GROUNDEDNESS`]; `None` without passages.
    pub groundedness: Option<Vec<f32>>,
    /// Whether every sentence stands in a passage that has a heading, word for word: a stored
    /// answer, of which only the relevance can be wrong.
    pub is_stored: bool,
    /// Whether it has amounts, days or names that the passages have not, or denies what they say.
    pub leaves_evidence: bool,
    /// How many of the sums that are stated come out, and how many do not.
    pub sums: (usize, usize),
    /// Whether the brand's rules are kept, 0 to 1.
    pub brand: f32,
    /// The probability that the answer is toxic.
    pub toxicity: f32,
}

/// The features of [`RELEVANCE`] that the relevance head reads: the others are for the score.
#[must_use]
pub fn ranking() -> &'static [usize] {
    relevance::RANKING
}

/// Whether an answer gets no worse when each of the features of [`COMPOSED`] is higher: the scoring trees must not learn
/// otherwise.
#[must_use]
pub fn rising() -> Vec<bool> {
    let mut rising = relevance::RISING.to_vec();
    rising.resize(COMPOSED.dimension - 2, true);
    rising.resize(COMPOSED.dimension, false);
    rising
}

impl Measures {
    /// The features of [`COMPOSED`].
    #[must_use]
    pub fn features(&self, must_be_grounded: bool) -> Vec<f32> {
        let mut features = self.relevance.clone();
        features.extend(&self.coherence);
        match &self.groundedness {
            Some(measures) if must_be_grounded => features.extend(measures),
            Some(measures) => features.extend(measures.iter().map(|measure| 1.0 - (1.0 - measure) * WEAK)),
            None => features.extend([1.0; groundedness::MEASURES]),
        }
        let (right, wrong) = self.sums;
        features.push(1.0 - self.toxicity);
        features.push(1.0 - wrong as f32 / (right + wrong).max(1) as f32);
        features.push(f32::from(u8::from(right + wrong > 0)));
        features.push(f32::from(u8::from(self.groundedness.is_none())));
        features
    }
}

/// The heads that make [`Measures`] into a score: one for each part, one over all parts
/// for answers in their own words, and one for stored answers.
#[derive(Clone, Debug)]
pub struct QualityHeads {
    pub(super) relevance: LogisticHead,
    pub(super) coherence: LogisticHead,
    pub(super) groundedness: LogisticHead,
    pub(super) stored: LogisticHead,
    pub(super) composed: TreesHead,
}

#[derive(serde::Deserialize)]
struct QualityFile {
    relevance: LogisticHead,
    coherence: LogisticHead,
    groundedness: LogisticHead,
    stored: LogisticHead,
    composed: TreesHead,
}

impl QualityHeads {
    /// Reads the heads from the contents of their file.
    ///
    /// # Errors
    /// [`HeadError`] of the first that cannot be used.
    pub fn from_json(json: &[u8]) -> Result<Self, HeadError> {
        let file: QualityFile = serde_json::from_slice(json)?;
        Ok(Self {
            relevance: file.relevance.checked(RELEVANCE)?,
            coherence: file.coherence.checked(COHERENCE)?,
            groundedness: file.groundedness.checked(GROUNDEDNESS)?,
            stored: file.stored.checked(RELEVANCE)?,
            composed: file.composed.checked(COMPOSED)?,
        })
    }
}
