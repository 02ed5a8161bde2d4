//! A sum of small decision trees, made into log-odds.

use serde::Deserialize;

use crate::heads::{FeatureSpec, HeadError};

/// A classifier of yes and no: the sum over trees, calibrated.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct TreesHead {
    features: Features,
    bias: f32,
    trees: Vec<Tree>,
    calibration: Calibration,
}

#[derive(Clone, Debug, Deserialize)]
struct Features {
    name: String,
    dimension: usize,
}

/// A tree as parallel lists, the root first: a node either asks whether a feature is at most a threshold and names the
/// node to go on with when it is (the next one is for when it is not), or is a leaf.
#[derive(Clone, Debug, Deserialize)]
struct Tree {
    /// The feature that is asked for; -1 in a leaf.
    feature: Vec<i32>,
    /// The threshold, or a leaf's value.
    value: Vec<f32>,
    /// Where to go on when the feature is at most the threshold; 0 in a leaf.
    lower: Vec<usize>,
}

/// Points of a rising line from sums to calibrated log-odds; beyond its ends the line is level.
#[derive(Clone, Debug, Deserialize)]
struct Calibration {
    sums: Vec<f32>,
    log_odds: Vec<f32>,
}

impl TreesHead {
    /// The head, when it is one for `features`.
    ///
    /// # Errors
    /// [`HeadError`] when it is malformed or made for something else.
    pub(super) fn checked(self, features: FeatureSpec) -> Result<Self, HeadError> {
        if self.features.name != features.name || self.features.dimension != features.dimension {
            return Err(HeadError::WrongFeatures {
                expected: format!("{} of `{}`", features.dimension, features.name),
                found: format!("{} of `{}`", self.features.dimension, self.features.name),
            });
        }
        if !self.trees.iter().all(|tree| tree.is_sound(features.dimension)) {
            return Err(HeadError::Malformed("expected trees whose nodes lead on to later ones"));
        }
        let line = &self.calibration;
        let is_rising = |numbers: &[f32]| {
            numbers.iter().all(|number| number.is_finite()) && numbers.windows(2).all(|pair| pair[0] <= pair[1])
        };
        let is_line = !line.sums.is_empty() && line.sums.len() == line.log_odds.len();
        if !self.bias.is_finite() || !is_line || !is_rising(&line.sums) || !is_rising(&line.log_odds) {
            return Err(HeadError::Malformed("expected finite numbers and a rising calibration"));
        }
        Ok(self)
    }

    /// The calibrated log-odds of yes.
    ///
    /// # Errors
    /// [`HeadError::WrongDimension`].
    pub(super) fn log_odds(&self, features: &[f32]) -> Result<f32, HeadError> {
        if features.len() != self.features.dimension {
            return Err(HeadError::WrongDimension { expected: self.features.dimension, found: features.len() });
        }
        let sum = self.bias + self.trees.iter().map(|tree| tree.value(features)).sum::<f32>();
        Ok(self.calibration.at(sum))
    }
}

impl Tree {
    fn is_sound(&self, dimension: usize) -> bool {
        let nodes = self.feature.len();
        let leads_on = |at: usize| {
            usize::try_from(self.feature[at]).map_or(self.feature[at] == -1, |feature| {
                feature < dimension && self.lower[at] > at && self.lower[at] + 1 < nodes
            })
        };
        nodes > 0
            && self.value.len() == nodes
            && self.lower.len() == nodes
            && self.value.iter().all(|value| value.is_finite())
            && (0..nodes).all(leads_on)
    }

    fn value(&self, features: &[f32]) -> f32 {
        let mut at = 0;
        while let Ok(feature) = usize::try_from(self.feature[at]) {
            at = self.lower[at] + usize::from(features[feature] > self.value[at]);
        }
        self.value[at]
    }
}

impl Calibration {
    fn at(&self, sum: f32) -> f32 {
        let after = self.sums.partition_point(|point| *point <= sum);
        match (after.checked_sub(1), self.sums.get(after)) {
            (None, _) => self.log_odds[0],
            (Some(last), None) => self.log_odds[last],
            (Some(before), Some(next)) => {
                let share = (sum - self.sums[before]) / (next - self.sums[before]);
                self.log_odds[before] + share * (self.log_odds[after] - self.log_odds[before])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEATURES: FeatureSpec = FeatureSpec { name: "two", dimension: 2 };
    const HEAD: &str = r#"{"features": {"name": "two", "dimension": 2}, "bias": 0.5,
        "trees": [{"feature": [1, -1, 0, -1, -1], "value": [0.5, -1.0, 2.0, 1.0, 3.0], "lower": [1, 0, 3, 0, 0]}],
        "calibration": {"sums": [-1.0, 1.0, 3.0], "log_odds": [-2.0, 0.0, 1.0]}}"#;

    fn head(json: &str) -> Result<TreesHead, HeadError> {
        serde_json::from_str::<TreesHead>(json)?.checked(FEATURES)
    }

    #[test]
    fn trees_are_walked_and_their_sum_is_calibrated() {
        // A sum of -1 + 0.5 lies a quarter of the way from -1 to 1.
        check([0.0, 0.5], -1.5);
        check([2.0, 0.6], 0.25);
        check([9.0, 9.0], 1.0);
    }

    #[track_caller]
    fn check(features: [f32; 2], expected: f32) {
        let found = head(HEAD).unwrap().log_odds(&features).unwrap();
        assert!((found - expected).abs() < 1e-6, "{features:?} {found}");
    }

    #[test]
    fn a_head_that_would_loop_or_fall_is_refused() {
        for (from, to) in [
            ("\"lower\": [1, 0, 3", "\"lower\": [0, 0, 3"),
            ("\"lower\": [1, 0, 3", "\"lower\": [1, 0, 4"),
            ("[1, -1, 0, -1, -1]", "[2, -1, 0, -1, -1]"),
            ("[1, -1, 0, -1, -1]", "[1, -2, 0, -1, -1]"),
            ("[-2.0, 0.0, 1.0]", "[-2.0, 0.0, -1.0]"),
            ("\"two\"", "\"three\""),
        ] {
            assert!(head(&HEAD.replacen(from, to, 1)).is_err(), "{to}");
        }
        assert!(matches!(head(HEAD).unwrap().log_odds(&[1.0]), Err(HeadError::WrongDimension { .. })));
    }
}
