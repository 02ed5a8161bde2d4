//! How models' scores are read, fitted to what callers said of their answers.

use std::collections::{BTreeMap, BTreeSet};

use super::digest::Rating;
use super::weights::{Weighted, weights};
use crate::policy::{Calibration, Tuning, logit, sigmoid};

/// How many ratings what was known before weighs as much as.
const PRIOR: f64 = 10.0;
/// How far a week may move a calibration.
const SLOPE_STEP: f64 = 0.25;
const OFFSET_STEP: f64 = 0.5;
/// Newton's method on two numbers is done long before.
const ROUNDS: usize = 50;

/// A rating with its weight.
type Weighed<'a> = (f64, &'a Rating);

/// The ratings, each with its weight.
pub(super) fn weigh<'a>(ratings: impl Iterator<Item = &'a Rating> + Clone, tenant_share: f64) -> Vec<Weighed<'a>> {
    let weights = weights(ratings.clone().map(|rating| &rating.tenant), tenant_share);
    weights.into_iter().zip(ratings).collect()
}

/// How the scores of every model that was rated at least `least` times should be read, by all `ratings`; other models are read as
/// `known` says.
///
/// Logistic regression of being helpful on the score's log-odds (Platt, 1999), held to what is known by a quadratic penalty.
#[must_use]
pub(super) fn fitted(ratings: &[Weighed<'_>], known: &Tuning, least: usize) -> BTreeMap<String, Calibration> {
    let mut all = known.calibrations.clone();
    let models: BTreeSet<&str> = ratings.iter().map(|(_, rating)| rating.model.as_str()).collect();
    for model in models {
        let rows: Vec<Weighed<'_>> = ratings.iter().filter(|(_, rating)| rating.model == model).copied().collect();
        if rows.len() >= least {
            all.insert(model.to_owned(), fit(&rows, known.calibration(model)));
        }
    }
    all
}

fn fit(rows: &[Weighed<'_>], from: Calibration) -> Calibration {
    let (mut slope, mut offset) = (from.slope, from.offset);
    for _ in 0..ROUNDS {
        let (mut gradient, mut hessian) = ([0.0; 2], [[0.0; 2]; 2]);
        for (weight, rating) in rows {
            let x = logit(f64::from(rating.score));
            let p = sigmoid(slope * x + offset);
            let (error, curve) = (p - target(rating), p * (1.0 - p));
            for (i, left) in [x, 1.0].into_iter().enumerate() {
                gradient[i] += weight * error * left;
                for (j, right) in [x, 1.0].into_iter().enumerate() {
                    hessian[i][j] += weight * curve * left * right;
                }
            }
        }
        // The penalty is as a prior with variance 1 / (PRIOR / 4): a rating's own curvature is a quarter at most.
        let penalty = PRIOR / 4.0;
        gradient[0] += penalty * (slope - from.slope);
        gradient[1] += penalty * (offset - from.offset);
        hessian[0][0] += penalty;
        hessian[1][1] += penalty;
        let determinant = hessian[0][0] * hessian[1][1] - hessian[0][1] * hessian[1][0];
        let steps = [
            (hessian[1][1] * gradient[0] - hessian[0][1] * gradient[1]) / determinant,
            (hessian[0][0] * gradient[1] - hessian[1][0] * gradient[0]) / determinant,
        ];
        slope -= steps[0].clamp(-1.0, 1.0);
        offset -= steps[1].clamp(-1.0, 1.0);
    }
    let short = |value: f64| (value * 1e4).round() / 1e4;
    Calibration { slope: short(slope), offset: short(offset) }.bounded()
}

/// 1 for an answer that helped, 0 for one that did not.
fn target(rating: &Rating) -> f64 {
    f64::from(u8::from(rating.is_helpful))
}

/// `wanted`, but no farther from `from` than a week may go.
#[must_use]
pub(super) fn step(from: Calibration, wanted: Calibration) -> Calibration {
    Calibration {
        slope: wanted.slope.clamp(from.slope - SLOPE_STEP, from.slope + SLOPE_STEP),
        offset: wanted.offset.clamp(from.offset - OFFSET_STEP, from.offset + OFFSET_STEP),
    }
    .bounded()
}

/// By how much `new` predicts the ratings better than `old` does: the mean logarithmic loss of `new` less that of `old`, so that
/// less than 0 is better.
#[must_use]
pub(super) fn loss_difference(rows: &[Weighed<'_>], old: Calibration, new: Calibration) -> Option<Weighted> {
    let loss = |calibration: Calibration, rating: &Rating| {
        let p = f64::from(calibration.read(rating.score)).clamp(0.001, 0.999);
        if rating.is_helpful { -p.ln() } else { -(1.0 - p).ln() }
    };
    let differences: Vec<(f64, f64)> =
        rows.iter().map(|(weight, rating)| (*weight, loss(new, rating) - loss(old, rating))).collect();
    Weighted::of(&differences)
}

#[cfg(test)]
mod tests;
