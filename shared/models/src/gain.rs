//! Whether a stronger model would do better: predicted from the question alone, and again from the
//! question and the cheap model's answer.
//!
//! Both heads are forests of regression trees. What they predict is a *gain*: the expected difference
//! of two probabilities, that the strong model's answer is right less that the cheap one's is. It is
//! 0 when both do equally well, and the shipped heads rarely say less than −0.1 or more than 0.6.
//!
//! They know what they were trained on, exam questions and word problems: a head that saw one of
//! these alone ranks the other hardly better than chance.

mod answer;
mod arithmetic;
mod forest;
mod letters;
mod named;
mod neighbours;
mod question;

use serde::Deserialize;

use crate::heads::{FeatureSpec, FeaturesEntry, HeadError};
use answer::{ANSWER, Answer};
use named::Named;
use question::{PROBLEM, QUESTION, Question};

pub use forest::{Forest, ForestEntry, LEAF, MOST_CUTS, MOST_FEATURES};
pub use letters::{LETTERS, letter};
pub use neighbours::{Answered, DIRECTIONS, Neighbours, NeighboursEntry, Projection, step_for, to_letter};

/// The features of the head that reads the question: its form, then its neighbours.
pub const BEFORE: FeatureSpec = FeatureSpec { name: "gain-before-1", dimension: QUESTION + neighbours::FEATURES };

/// The features of the head that reads the answer too: the form of both.
pub const AFTER: FeatureSpec = FeatureSpec { name: "gain-after-1", dimension: PROBLEM + ANSWER };

/// How many of the sums that `answer` states come out, and how many do not.
pub(crate) fn sums(answer: &str) -> (usize, usize) {
    let equations = arithmetic::equations(answer);
    let wrong = equations.iter().filter(|equation| equation.is_wrong()).count();
    let read = equations.iter().filter(|equation| equation.stated.is_some() && equation.computed.is_some()).count();
    (read - wrong, wrong)
}

/// The heads that predict the gain.
#[derive(Clone, Debug)]
pub struct GainHeads {
    neighbours: Neighbours,
    before: Scaled,
    after: Scaled,
}

#[derive(Deserialize)]
struct GainEntry {
    neighbours: NeighboursEntry,
    before: HeadEntry,
    after: HeadEntry,
}

#[derive(Deserialize)]
struct HeadEntry {
    features: FeaturesEntry,
    forest: ForestEntry,
    calibration: Calibration,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Calibration {
    slope: f32,
    offset: f32,
}

/// A forest whose predictions are stretched to what was found on rows that it had not seen.
#[derive(Clone, Debug)]
struct Scaled {
    forest: Forest,
    calibration: Calibration,
}

impl HeadEntry {
    fn checked(&self, features: FeatureSpec) -> Result<Scaled, HeadError> {
        self.features.check(features)?;
        let calibration = self.calibration;
        if !calibration.offset.is_finite() || !calibration.slope.is_finite() || calibration.slope <= 0.0 {
            return Err(HeadError::Malformed("expected finite numbers and a slope above 0"));
        }
        Ok(Scaled { forest: self.forest.checked(features.dimension)?, calibration })
    }
}

impl Scaled {
    fn predict(&self, features: &[f32]) -> Result<f32, HeadError> {
        let Calibration { slope, offset } = self.calibration;
        Ok((self.forest.predict(features)? * slope + offset).clamp(-1.0, 1.0))
    }
}

impl GainHeads {
    /// Reads the heads from the content of their file.
    ///
    /// # Errors
    /// [`HeadError`] of the first that cannot be used.
    pub fn from_json(json: &[u8]) -> Result<Self, HeadError> {
        let entry: GainEntry = serde_json::from_slice(json)?;
        Ok(Self {
            neighbours: entry.neighbours.checked()?,
            before: entry.before.checked(BEFORE)?,
            after: entry.after.checked(AFTER)?,
        })
    }

    /// The gain that is to be expected for `query`, −1 to 1, from its embedding and its text.
    ///
    /// # Errors
    /// [`HeadError::WrongDimension`] when the embedding is not the encoder's.
    pub fn before(&self, embedding: &[f32], query: &str) -> Result<f32, HeadError> {
        self.before.predict(&before_features(&self.neighbours, embedding, query, None)?)
    }

    /// The gain that is to be expected for `query` when a cheap model has answered `answer`, −1 to 1.
    /// Where nothing [can be checked](can_be_checked) it is that of [`GainHeads::before`].
    ///
    /// # Errors
    /// [`HeadError::WrongDimension`] when the embedding is not the encoder's.
    pub fn after(&self, embedding: &[f32], query: &str, answer: &str) -> Result<f32, HeadError> {
        if !can_be_checked(query, answer) {
            return self.before(embedding, query);
        }
        self.after.predict(&after_features(query, answer))
    }
}

/// Whether there is anything to check: the question gives numbers, and the answer states one.
#[must_use]
pub fn can_be_checked(query: &str, answer: &str) -> bool {
    gives_numbers(query) && Answer::read(answer).has_numbers()
}

/// Whether the question gives two numbers or more, in digits or in words.
#[must_use]
pub fn gives_numbers(query: &str) -> bool {
    let (digits, words) = Question::read(query).given();
    digits.len() + words.len() > 1
}

/// The features of [`BEFORE`]; `left_out` is the row of the question itself among the neighbours.
///
/// # Errors
/// [`HeadError::WrongDimension`].
pub fn before_features(
    neighbours: &Neighbours,
    embedding: &[f32],
    query: &str,
    left_out: Option<usize>,
) -> Result<Vec<f32>, HeadError> {
    let near = neighbours.features(embedding, left_out)?;
    let mut features = Named::default();
    Question::read(query).add_to(&mut features);
    let mut values = features.into_values();
    values.extend(near);
    Ok(values)
}

/// The features of [`AFTER`].
#[must_use]
pub fn after_features(query: &str, answer: &str) -> Vec<f32> {
    named_after(query, answer).into_values()
}

fn named_after(query: &str, answer: &str) -> Named {
    let (question, mut features) = (Question::read(query), Named::default());
    question.add_problem_to(&mut features);
    Answer::read(answer).add_to(&question, &mut features);
    features
}

/// The names of the features of [`AFTER`], in order.
#[must_use]
pub fn names_after() -> Vec<&'static str> {
    named_after("", "").names().to_vec()
}

#[cfg(test)]
mod tests;
