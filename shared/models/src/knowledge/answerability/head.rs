//! A logistic regression with calibration, read from JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::features::{FEATURES, Features};

/// What corrects the regression's own probability, fitted on knowledge bases it was not trained on:
/// `1 / (1 + exp(-(a * z + b)))` for the weighted sum `z` (Platt's method).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// The factor of the weighted sum.
    pub a: f32,
    /// What is added to it.
    pub b: f32,
}

/// A trained judge of answerability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    features: Vec<String>,
    weights: Vec<f32>,
    bias: f32,
    calibration: Calibration,
    /// Where it comes from: data, licences, seed and figures.
    provenance: Value,
}

/// Why a file is no head.
#[derive(Debug, thiserror::Error)]
pub enum InvalidHead {
    /// It is not JSON of the right form.
    #[error("expected an object with features, weights, bias, calibration and provenance")]
    Malformed(#[source] serde_json::Error),
    /// It was trained on other measures than this program takes.
    #[error("`features`: expected {expected} at place {place}, not `{found}`")]
    Features {
        /// Where the first difference is, from 0.
        place: usize,
        /// The feature that belongs there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A number is missing or not finite, or the calibration turns the order round.
    #[error("`{key}`: expected {expected}")]
    Number {
        /// The key at fault.
        key: &'static str,
        /// What was expected there.
        expected: &'static str,
    },
}

impl Head {
    /// A head with these parameters.
    ///
    /// # Errors
    /// [`InvalidHead::Number`] when a number is not finite.
    pub fn new(weights: Features, bias: f32, calibration: Calibration, provenance: Value) -> Result<Self, InvalidHead> {
        let features = FEATURES.iter().map(|name| (*name).to_owned()).collect();
        Self { features, weights: weights.to_vec(), bias, calibration, provenance }.checked()
    }

    /// Reads a head.
    ///
    /// # Errors
    /// [`InvalidHead`] when the form or the features are not those of this program.
    pub fn from_json(json: &[u8]) -> Result<Self, InvalidHead> {
        serde_json::from_slice::<Self>(json).map_err(InvalidHead::Malformed)?.checked()
    }

    /// The head as [`from_json`](Self::from_json) reads it.
    #[must_use]
    pub fn to_json(&self) -> String {
        // A struct of texts and finite numbers has no value that JSON cannot express.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The calibrated probability, 0 to 1, that a passage with these features answers.
    #[must_use]
    pub fn probability(&self, features: &Features) -> f32 {
        let sum = self.bias + self.weights.iter().zip(features).map(|(weight, value)| weight * value).sum::<f32>();
        let probability = 1.0 / (1.0 + (-(self.calibration.a * sum + self.calibration.b)).exp());
        if probability.is_nan() { 0.0 } else { probability }
    }

    /// The weight of each feature, with its name.
    pub fn weights(&self) -> impl Iterator<Item = (&str, f32)> {
        self.features.iter().map(String::as_str).zip(self.weights.iter().copied())
    }

    /// Where it comes from.
    #[must_use]
    pub const fn provenance(&self) -> &Value {
        &self.provenance
    }

    fn checked(self) -> Result<Self, InvalidHead> {
        for place in 0..self.features.len().max(FEATURES.len()) {
            let expected = FEATURES.get(place).map_or_else(|| "no feature".to_owned(), |name| format!("`{name}`"));
            let found = self.features.get(place).map_or("nothing", String::as_str);
            if FEATURES.get(place).copied() != self.features.get(place).map(String::as_str) {
                return Err(InvalidHead::Features { place, expected, found: found.to_owned() });
            }
        }
        let number = |key, expected| Err(InvalidHead::Number { key, expected });
        if self.weights.len() != FEATURES.len() || !self.weights.iter().all(|weight| weight.is_finite()) {
            return number("weights", "one finite number for each feature");
        }
        if !self.bias.is_finite() {
            return number("bias", "a finite number");
        }
        if !(self.calibration.a.is_finite() && self.calibration.a > 0.0 && self.calibration.b.is_finite()) {
            return number("calibration", "finite numbers, `a` above 0");
        }
        Ok(self)
    }
}
