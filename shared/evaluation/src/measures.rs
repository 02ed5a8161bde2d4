//! Figures by which scores are judged: pure functions of scores and labels.
//!
//! A figure that the rows do not determine, such as an area under a curve when all rows have one label,
//! is not a number (`NaN`).

mod binary;
mod classes;
mod ranking;
mod resampling;
mod routing;
#[cfg(test)]
mod tests;

pub use binary::{AtThreshold, at_threshold, auc, calibration_error, spearman};
pub use classes::{accuracy, confusion, macro_f1};
pub use ranking::{Ranked, mean_ranked, ranked};
pub use resampling::{Interval, RESAMPLES, Random, interval, interval_in_strata};
pub use routing::{Routed, routed};

/// The mean of `values`; not a number when there are none.
#[must_use]
pub fn mean(values: impl IntoIterator<Item = f32>) -> f32 {
    let (sum, count) =
        values.into_iter().fold((0.0_f64, 0_usize), |(sum, count), value| (sum + f64::from(value), count + 1));
    (sum / count as f64) as f32
}

/// The share of `parts` in `all`; not a number when `all` is none.
#[must_use]
pub fn share(parts: usize, all: usize) -> f32 {
    parts as f32 / all as f32
}
