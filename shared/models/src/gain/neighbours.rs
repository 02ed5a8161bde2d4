//! Questions that both models have answered, and the ones among them that are most like a new one.
//!
//! What is kept of a question is its vector on the few directions along which questions differ most,
//! in whole numbers, and which of the models was right.

use serde::Deserialize;

use super::letters::{self, LETTERS};
use crate::features::EMBEDDING;
use crate::heads::HeadError;

/// Along how many directions questions are compared.
pub const DIRECTIONS: usize = 96;
/// How many of the nearest are asked, at each of several sizes of the neighbourhood.
pub(super) const SIZES: [usize; 4] = [10, 30, 80, 250];
/// How many features a neighbourhood has.
pub(super) const FEATURES: usize = 2 * SIZES.len() + 2;
/// The number that stands for 0.
const ZERO: u8 = LETTERS / 2;

/// The directions, and the questions along them, as a file has them.
#[derive(Clone, Debug, Deserialize)]
pub struct NeighboursEntry {
    /// The mean of the vectors.
    mean: Vec<f32>,
    /// For each direction its numbers' step and their letters.
    directions: Vec<Stepped>,
    /// For each direction the step of the questions' numbers.
    steps: Vec<f32>,
    /// Each question's numbers, one question after another.
    questions: String,
    /// For each question `0` for neither, `1` for the weak model alone, `2` for the strong one alone
    /// and `3` for both.
    right: String,
}

/// Numbers on equal steps, as letters.
#[derive(Clone, Debug, Deserialize)]
struct Stepped {
    step: f32,
    letters: String,
}

/// The questions that can be asked for neighbours.
#[derive(Clone, Debug)]
pub struct Neighbours {
    projection: Projection,
    /// One row for each question.
    questions: Vec<f32>,
    answers: Vec<Answered>,
}

/// What a vector is along the directions.
#[derive(Clone, Debug)]
pub struct Projection {
    /// The mean of the vectors that the directions were found on.
    pub mean: Vec<f32>,
    /// The directions.
    pub directions: Vec<Vec<f32>>,
}

/// Which of the models was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The cheap one.
    pub weak: bool,
    /// The dear one.
    pub strong: bool,
}

impl Answered {
    /// How much better the strong model's answer was: 1, 0 or −1.
    #[must_use]
    pub fn gain(self) -> f32 {
        f32::from(u8::from(self.strong)) - f32::from(u8::from(self.weak))
    }
}

impl Projection {
    /// `embedding` along the directions, of length 1.
    ///
    /// # Errors
    /// [`HeadError::WrongDimension`].
    pub fn of(&self, embedding: &[f32]) -> Result<Vec<f32>, HeadError> {
        if embedding.len() != self.mean.len() {
            return Err(HeadError::WrongDimension { expected: self.mean.len(), found: embedding.len() });
        }
        let centred: Vec<f32> = embedding.iter().zip(&self.mean).map(|(value, mean)| value - mean).collect();
        let mut along: Vec<f32> = self.directions.iter().map(|direction| dot(direction, &centred)).collect();
        let length = dot(&along, &along).sqrt().max(f32::MIN_POSITIVE);
        along.iter_mut().for_each(|value| *value /= length);
        Ok(along)
    }
}

impl NeighboursEntry {
    /// The neighbours, when the entry is whole.
    ///
    /// # Errors
    /// [`HeadError::Malformed`].
    pub fn checked(&self) -> Result<Neighbours, HeadError> {
        let malformed = HeadError::Malformed;
        let steps = self.directions.iter().map(|direction| &direction.step).chain(&self.steps);
        if !self.mean.iter().chain(steps).all(|number| number.is_finite()) {
            return Err(malformed("expected finite means and steps"));
        }
        let directions: Option<Vec<Vec<f32>>> = self.directions.iter().map(Stepped::numbers).collect();
        let directions = directions.ok_or(malformed("expected directions in letters"))?;
        let is_whole = self.mean.len() == EMBEDDING
            && directions.len() == DIRECTIONS
            && self.steps.len() == DIRECTIONS
            && directions.iter().all(|direction| direction.len() == EMBEDDING);
        if !is_whole {
            return Err(malformed("expected directions of the encoder's vectors"));
        }
        let answers: Option<Vec<Answered>> = self.right.bytes().map(answered).collect();
        let answers = answers.ok_or(malformed("expected 0 to 3 for each question"))?;
        let questions = letters::numbers(&self.questions).ok_or(malformed("expected questions in letters"))?;
        if answers.is_empty() || questions.len() != answers.len() * DIRECTIONS {
            return Err(malformed("expected a row for each question"));
        }
        let numbers = questions.iter().zip(self.steps.iter().cycle());
        Ok(Neighbours {
            projection: Projection { mean: self.mean.clone(), directions },
            questions: numbers.map(|(&letter, step)| from_letter(letter, *step)).collect(),
            answers,
        })
    }
}

impl Stepped {
    fn numbers(&self) -> Option<Vec<f32>> {
        Some(letters::numbers(&self.letters)?.into_iter().map(|number| from_letter(number, self.step)).collect())
    }
}

fn from_letter(number: u8, step: f32) -> f32 {
    (f32::from(number) - f32::from(ZERO)) * step
}

/// The number from 0 to 90 that stands for `value` on steps of `step`.
#[must_use]
pub fn to_letter(value: f32, step: f32) -> char {
    let number = (value / step.max(f32::MIN_POSITIVE)).round() + f32::from(ZERO);
    letters::letter(number.clamp(0.0, f32::from(LETTERS - 1)) as u8)
}

/// The step on which numbers up to `greatest`, of either sign, have letters.
#[must_use]
pub fn step_for(greatest: f32) -> f32 {
    greatest / f32::from(ZERO)
}

fn answered(digit: u8) -> Option<Answered> {
    let number = digit.checked_sub(b'0').filter(|number| *number < 4)?;
    Some(Answered { weak: number & 1 == 1, strong: number & 2 == 2 })
}

impl Neighbours {
    /// What the neighbours of `embedding` tell: for each size the mean gain and how often the weak
    /// model was right, then how near the nearest are. `left_out` is the question's own row, when it
    /// is one of them.
    ///
    /// # Errors
    /// [`HeadError::WrongDimension`].
    pub fn features(&self, embedding: &[f32], left_out: Option<usize>) -> Result<[f32; FEATURES], HeadError> {
        let along = self.projection.of(embedding)?;
        let rows = self.questions.chunks_exact(DIRECTIONS).enumerate();
        let mut near: Vec<(f32, usize)> = rows
            .filter(|(row, _)| Some(*row) != left_out)
            .map(|(row, question)| (dot(question, &along), row))
            .collect();
        let most = SIZES[SIZES.len() - 1].min(near.len());
        if most == 0 {
            return Ok([0.0; FEATURES]);
        }
        let nearer = |a: &(f32, usize), b: &(f32, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        near.select_nth_unstable_by(most - 1, nearer);
        near.truncate(most);
        near.sort_unstable_by(nearer);
        let mut features = [0.0; FEATURES];
        for (size, features) in SIZES.iter().zip(features.chunks_exact_mut(2)) {
            let chosen = &near[..near.len().min(*size)];
            let count = chosen.len() as f32;
            features[0] = chosen.iter().map(|(_, row)| self.answers[*row].gain()).sum::<f32>() / count;
            features[1] = chosen.iter().filter(|(_, row)| self.answers[*row].weak).count() as f32 / count;
        }
        let close = &near[..near.len().min(SIZES[0])];
        features[FEATURES - 2] = close.iter().map(|(cosine, _)| cosine).sum::<f32>() / close.len() as f32;
        features[FEATURES - 1] = near[0].0;
        Ok(features)
    }

    /// How many questions there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.answers.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }
}

/// The dot product, in eight sums side by side: one sum would wait for itself at every step.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a_parts, b_parts) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_parts.remainder().iter().zip(b_parts.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_parts.zip(b_parts) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}
