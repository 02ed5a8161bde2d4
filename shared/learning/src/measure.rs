//! Figures by which a classifier is judged, and the one by which it is fitted.

pub use farthing_evaluation::measures::{
    AtThreshold, accuracy, at_threshold, auc, calibration_error, confusion, macro_f1,
};

/// The mean surprise, in nats, at labels for which these were the log-odds.
#[must_use]
pub fn surprise(log_odds: &[f32], labels: &[bool], weights: &[f32]) -> f32 {
    let of = |(&score, &label): (&f32, &bool)| {
        let against = if label { -score } else { score };
        against.max(0.0) + (-against.abs()).exp().ln_1p()
    };
    let sum: f32 = log_odds.iter().zip(labels).zip(weights).map(|(row, weight)| of(row) * weight).sum();
    sum / weights.iter().sum::<f32>()
}
