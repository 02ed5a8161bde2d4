//! Small linear classifiers on top of an encoder's vector, each one JSON file.
//!
//! A head's file names the features it was trained on: a head that is fed other features is
//! refused when it is loaded, and not noticed by its bad answers.

use serde::Deserialize;

/// Which features a head reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureSpec {
    /// Their name, with a version that changes when their meaning does.
    pub name: &'static str,
    /// How many there are.
    pub dimension: usize,
}

/// Why a head cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// No JSON, or not the JSON of a head.
    #[error("the head's file cannot be read")]
    Unreadable(#[from] serde_json::Error),
    /// Trained on features that this program does not make.
    #[error("the head reads {found}, expected {expected}")]
    WrongFeatures {
        /// What this program makes.
        expected: String,
        /// What the file says.
        found: String,
    },
    /// Its numbers do not fit together, or one is not finite.
    #[error("the head is malformed: {0}")]
    Malformed(&'static str),
    /// It was given another number of features than it was trained on.
    #[error("the head was given {found} features, expected {expected}")]
    WrongDimension {
        /// What it was trained on.
        expected: usize,
        /// What it was given.
        found: usize,
    },
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct FeaturesEntry {
    name: String,
    dimension: usize,
}

impl FeaturesEntry {
    pub(crate) fn check(&self, expected: FeatureSpec) -> Result<(), HeadError> {
        if self.name == expected.name && self.dimension == expected.dimension {
            return Ok(());
        }
        Err(HeadError::WrongFeatures {
            expected: format!("{} of `{}`", expected.dimension, expected.name),
            found: format!("{} of `{}`", self.dimension, self.name),
        })
    }
}

/// A classifier of several classes with probabilities calibrated by a temperature.
#[derive(Clone, Debug, Deserialize)]
pub struct SoftmaxHead {
    features: FeaturesEntry,
    classes: Vec<String>,
    weights: Vec<Vec<f32>>,
    bias: Vec<f32>,
    temperature: f32,
}

impl SoftmaxHead {
    /// Reads a head for `features` and `classes`, in that order.
    ///
    /// # Errors
    /// [`HeadError`] when it is unreadable, malformed or made for something else.
    pub fn from_json(json: &[u8], features: FeatureSpec, classes: &[&str]) -> Result<Self, HeadError> {
        let head: Self = serde_json::from_slice(json)?;
        head.features.check(features)?;
        if head.classes != classes {
            return Err(HeadError::WrongFeatures {
                expected: format!("classes {}", classes.join(", ")),
                found: format!("classes {}", head.classes.join(", ")),
            });
        }
        if head.weights.len() != classes.len() || head.bias.len() != classes.len() {
            return Err(HeadError::Malformed("expected one row of weights and one bias for each class"));
        }
        if head.weights.iter().any(|row| row.len() != features.dimension) {
            return Err(HeadError::Malformed("expected one weight for each feature"));
        }
        let numbers = head.weights.iter().flatten().chain(&head.bias);
        if !are_finite(numbers) || !head.temperature.is_finite() || head.temperature <= 0.0 {
            return Err(HeadError::Malformed("expected finite numbers and a temperature above 0"));
        }
        Ok(head)
    }

    /// The calibrated probability of each class.
    ///
    /// # Errors
    /// [`HeadError::WrongDimension`].
    pub fn probabilities(&self, features: &[f32]) -> Result<Vec<f32>, HeadError> {
        check_dimension(self.features.dimension, features)?;
        let scores: Vec<f32> = (self.weights.iter().zip(&self.bias))
            .map(|(row, bias)| (dot(row, features) + bias) / self.temperature)
            .collect();
        let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let exponentials: Vec<f32> = scores.iter().map(|score| (score - highest).exp()).collect();
        let sum: f32 = exponentials.iter().sum();
        Ok(exponentials.iter().map(|exponential| exponential / sum).collect())
    }
}

/// A classifier of yes and no with a probability calibrated by Platt's method: a slope and an
/// offset on the raw score.
#[derive(Clone, Debug, Deserialize)]
pub struct LogisticHead {
    features: FeaturesEntry,
    weights: Vec<f32>,
    bias: f32,
    calibration: Platt,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Platt {
    slope: f32,
    offset: f32,
}

impl LogisticHead {
    /// Reads a head for `features`.
    ///
    /// # Errors
    /// [`HeadError`] when it is unreadable, malformed or made for something else.
    pub fn from_json(json: &[u8], features: FeatureSpec) -> Result<Self, HeadError> {
        serde_json::from_slice::<Self>(json)?.checked(features)
    }

    /// The head, when it is one for `features`: for heads that are part of a larger file.
    ///
    /// # Errors
    /// [`HeadError`] when it is malformed or made for something else.
    pub fn checked(self, features: FeatureSpec) -> Result<Self, HeadError> {
        self.features.check(features)?;
        if self.weights.len() != features.dimension {
            return Err(HeadError::Malformed("expected one weight for each feature"));
        }
        let others = [self.bias, self.calibration.slope, self.calibration.offset];
        if !are_finite(self.weights.iter().chain(&others)) || self.calibration.slope <= 0.0 {
            return Err(HeadError::Malformed("expected finite numbers and a slope above 0"));
        }
        Ok(self)
    }

    /// The calibrated probability of yes, 0 to 1.
    ///
    /// # Errors
    /// [`HeadError::WrongDimension`].
    pub fn probability(&self, features: &[f32]) -> Result<f32, HeadError> {
        Ok(sigmoid(self.log_odds(features)?))
    }

    /// The calibrated log-odds of yes.
    ///
    /// # Errors
    /// [`HeadError::WrongDimension`].
    pub fn log_odds(&self, features: &[f32]) -> Result<f32, HeadError> {
        check_dimension(self.features.dimension, features)?;
        Ok((dot(&self.weights, features) + self.bias) * self.calibration.slope + self.calibration.offset)
    }
}

/// The probability that has these log-odds.
#[must_use]
pub fn sigmoid(log_odds: f32) -> f32 {
    1.0 / (1.0 + (-log_odds).exp())
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn are_finite<'a>(mut numbers: impl Iterator<Item = &'a f32>) -> bool {
    numbers.all(|number| number.is_finite())
}

fn check_dimension(expected: usize, features: &[f32]) -> Result<(), HeadError> {
    let found = features.len();
    if found == expected { Ok(()) } else { Err(HeadError::WrongDimension { expected, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEATURES: FeatureSpec = FeatureSpec { name: "two", dimension: 2 };
    const LOGISTIC: &str = r#"{"features": {"name": "two", "dimension": 2}, "weights": [1.0, -2.0], "bias": 0.5,
        "calibration": {"slope": 2.0, "offset": -1.0}, "provenance": {}}"#;
    const SOFTMAX: &str = r#"{"features": {"name": "two", "dimension": 2}, "classes": ["a", "b"],
        "weights": [[1.0, 0.0], [0.0, 1.0]], "bias": [0.0, 0.0], "temperature": 2.0}"#;

    #[test]
    fn a_logistic_head_applies_weights_bias_and_calibration() {
        let head = LogisticHead::from_json(LOGISTIC.as_bytes(), FEATURES).unwrap();
        // (1 * 3 - 2 * 1 + 0.5) * 2 - 1 = 2
        assert!((head.log_odds(&[3.0, 1.0]).unwrap() - 2.0).abs() < 1e-6);
        assert!((head.probability(&[3.0, 1.0]).unwrap() - 0.880_797).abs() < 1e-5);
    }

    #[test]
    fn a_softmax_head_divides_by_its_temperature() {
        let head = SoftmaxHead::from_json(SOFTMAX.as_bytes(), FEATURES, &["a", "b"]).unwrap();
        let probabilities = head.probabilities(&[4.0, 0.0]).unwrap();
        assert!((probabilities[0] - 0.880_797).abs() < 1e-5);
        assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        let huge = head.probabilities(&[1e30, 0.0]).unwrap();
        assert!((huge[0] - 1.0).abs() < 1e-6, "no overflow");
    }

    #[test]
    fn a_head_made_for_something_else_is_refused() {
        check_refused(LOGISTIC, "\"two\"", "\"three\"", "the head reads 2 of `three`, expected 2 of `two`");
        check_refused(LOGISTIC, "[1.0, -2.0]", "[1.0]", "the head is malformed: expected one weight for each feature");
        check_refused(
            LOGISTIC,
            "\"slope\": 2.0",
            "\"slope\": -2.0",
            "the head is malformed: expected finite numbers and a slope above 0",
        );
        check_refused(LOGISTIC, "{", "[", "the head's file cannot be read");
        check_refused(
            SOFTMAX,
            "[\"a\", \"b\"]",
            "[\"b\", \"a\"]",
            "the head reads classes b, a, expected classes a, b",
        );
        check_refused(
            SOFTMAX,
            ", [0.0, 1.0]",
            "",
            "the head is malformed: expected one row of weights and one bias for each class",
        );
        check_refused(
            SOFTMAX,
            "\"temperature\": 2.0",
            "\"temperature\": 0.0",
            "the head is malformed: expected finite numbers and a temperature above 0",
        );
    }

    #[track_caller]
    fn check_refused(good: &str, from: &str, to: &str, expected: &str) {
        let bad = good.replacen(from, to, 1);
        let error = if good == LOGISTIC {
            LogisticHead::from_json(bad.as_bytes(), FEATURES).unwrap_err()
        } else {
            SoftmaxHead::from_json(bad.as_bytes(), FEATURES, &["a", "b"]).unwrap_err()
        };
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn another_number_of_features_is_an_error() {
        let head = LogisticHead::from_json(LOGISTIC.as_bytes(), FEATURES).unwrap();
        assert!(matches!(head.probability(&[1.0]), Err(HeadError::WrongDimension { expected: 2, found: 1 })));
    }
}
