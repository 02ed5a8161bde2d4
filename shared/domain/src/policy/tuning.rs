//! What weeks may change of the owner's policy, and how it is put on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Policy;
use crate::rollout::Stage;

/// What weeks may change of a policy. Everything else is the owner's alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// How far local answers are rolled out.
    pub stage: Stage,
    /// The thresholds that weeks may move.
    pub thresholds: Thresholds,
    /// How each model's scores are read, by the model's name; a model without one is believed as it is.
    #[serde(default)]
    pub calibrations: BTreeMap<String, Calibration>,
}

/// The thresholds that weeks may move.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// The answerability below which the knowledge does not answer at all, 0 to 1.
    pub min_answerability: f32,
    /// The answerability from which retrieval counts as confident, 0 to 1.
    pub confident_retrieval: f32,
    /// The predicted gain below which a high query begins at the cheap model, −1 to 1.
    pub cheap_below: f32,
    /// The predicted gain from which a query begins at the next model after the cheap one, −1 to 1.
    pub strong_from: f32,
}

impl Thresholds {
    /// How far a week may move a probability.
    pub const STEP: f32 = 0.1;
    /// How far a week may move a gain.
    pub const GAIN_STEP: f32 = 0.05;

    /// The thresholds that are one step away, one threshold moved at a time and within what makes sense.
    #[must_use]
    pub fn neighbours(&self, quality_rephrase: f32) -> Vec<Self> {
        let mut all = Vec::new();
        for (step, gain) in [(-Self::STEP, -Self::GAIN_STEP), (Self::STEP, Self::GAIN_STEP)] {
            let min_answerability = rounded(self.min_answerability + step);
            all.extend([
                Self {
                    min_answerability,
                    confident_retrieval: self.confident_retrieval.max(min_answerability),
                    ..*self
                },
                Self { confident_retrieval: rounded(self.confident_retrieval + step), ..*self },
                Self { cheap_below: rounded(self.cheap_below + gain), ..*self },
                Self { strong_from: rounded(self.strong_from + gain), ..*self },
            ]);
        }
        // Below the score from which an answer is rephrased, no local answer is delivered anyway.
        all.retain(|new| {
            (quality_rephrase..=0.95).contains(&new.min_answerability)
                && (new.min_answerability..=0.99).contains(&new.confident_retrieval)
                && (-0.5..=new.strong_from).contains(&new.cheap_below)
                && new.strong_from <= 0.9
        });
        all
    }
}

/// In hundredths, so that steps there and back meet.
fn rounded(value: f32) -> f32 {
    (value * 100.0).round() / 100.0
}

/// How a score is read: the logistic function of `slope` times its logit plus `offset` (Platt, 1999).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Above 0, so that a better score stays a better score.
    pub slope: f64,
    /// In log-odds.
    pub offset: f64,
}

impl Calibration {
    /// Reads scores as they are.
    pub const NONE: Self = Self { slope: 1.0, offset: 0.0 };
    /// The least and greatest slope.
    pub const SLOPES: (f64, f64) = (0.1, 4.0);
    /// The farthest that the offset goes from 0.
    pub const MOST_OFFSET: f64 = 3.0;

    /// The probability that an answer with this score is acceptable. A score that is no number stays one.
    #[must_use]
    pub fn read(&self, score: f32) -> f32 {
        if score.is_nan() || *self == Self::NONE {
            return score;
        }
        sigmoid(self.slope * logit(f64::from(score)) + self.offset) as f32
    }

    /// The calibration that is as near to this one as [`Calibration::SLOPES`] and [`Calibration::MOST_OFFSET`] let it.
    #[must_use]
    pub fn bounded(self) -> Self {
        let (least, most) = Self::SLOPES;
        Self { slope: self.slope.clamp(least, most), offset: self.offset.clamp(-Self::MOST_OFFSET, Self::MOST_OFFSET) }
    }
}

/// The log-odds of a probability; of certainty, those of one in a thousand.
pub(crate) fn logit(probability: f64) -> f64 {
    let probability = probability.clamp(0.001, 0.999);
    (probability / (1.0 - probability)).ln()
}

pub(crate) fn sigmoid(odds: f64) -> f64 {
    1.0 / (1.0 + (-odds).exp())
}

impl Tuning {
    /// What the owner's file says.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        Self {
            stage: policy.rollout.stage,
            thresholds: Thresholds {
                min_answerability: policy.limits.min_answerability,
                confident_retrieval: policy.limits.confident_retrieval,
                cheap_below: policy.gain.cheap_below,
                strong_from: policy.gain.strong_from,
            },
            calibrations: BTreeMap::new(),
        }
    }

    /// How the model's scores are read.
    #[must_use]
    pub fn calibration(&self, model: &str) -> Calibration {
        self.calibrations.get(model).copied().unwrap_or(Calibration::NONE)
    }
}

impl Policy {
    /// The policy with what was tuned, under the version's number. `check_below` stays at or above `strong_from`, as
    /// [`Policy::validate`] asks.
    #[must_use]
    pub fn tuned(&self, tuning: &Tuning, version: u32) -> Self {
        let Thresholds { min_answerability, confident_retrieval, cheap_below, strong_from } = tuning.thresholds;
        let mut policy = self.clone();
        policy.version = version;
        policy.rollout.stage = tuning.stage;
        policy.limits.min_answerability = min_answerability;
        policy.limits.confident_retrieval = confident_retrieval;
        policy.gain.cheap_below = cheap_below;
        policy.gain.strong_from = strong_from;
        policy.gain.check_below = policy.gain.check_below.max(strong_from);
        policy
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const USUAL: Thresholds =
        Thresholds { min_answerability: 0.6, confident_retrieval: 0.8, cheap_below: 0.05, strong_from: 0.3 };

    #[test]
    fn a_neighbour_is_one_step_away_and_within_bounds() {
        let near = USUAL.neighbours(0.6);
        // A lower answerability would let nothing more be delivered.
        assert_eq!(near.len(), 7);
        for new in near {
            let moved = [
                (new.min_answerability - 0.6) / Thresholds::STEP,
                (new.confident_retrieval - 0.8) / Thresholds::STEP,
                (new.cheap_below - 0.05) / Thresholds::GAIN_STEP,
                (new.strong_from - 0.3) / Thresholds::GAIN_STEP,
            ];
            let steps: Vec<f32> = moved.into_iter().filter(|by| by.abs() > 1e-6).collect();
            assert!(matches!(steps[..], [by] if (by.abs() - 1.0).abs() < 1e-5), "{new:?}");
        }
    }

    proptest! {
        #[test]
        fn a_better_score_stays_a_better_one(slope in 0.1_f64..4.0, offset in -3.0_f64..3.0, scores in (0.0_f32..1.0, 0.0_f32..1.0)) {
            let calibration = Calibration { slope, offset };
            let (low, high) = (scores.0.min(scores.1), scores.0.max(scores.1));
            prop_assert!(calibration.read(low) <= calibration.read(high));
            prop_assert!((0.0..=1.0).contains(&calibration.read(low)));
        }
    }

    #[test]
    fn no_calibration_changes_nothing() {
        for score in [0.0, 0.123_456, 0.8, 1.0] {
            assert!((Calibration::NONE.read(score) - score).abs() < f32::EPSILON);
        }
        assert!(Calibration { slope: 2.0, offset: 1.0 }.read(f32::NAN).is_nan());
    }
}
