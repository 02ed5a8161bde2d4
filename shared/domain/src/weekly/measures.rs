//! Sums that can be merged: whatever way outcomes are split, the same comes out.

use serde::{Deserialize, Serialize};

use crate::outcome::score_bin;

/// How many bins a histogram has.
pub const BINS: usize = 20;

/// How many numbers from 0 to 1 fell in each twentieth; the last one holds 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram([u64; BINS]);

impl Histogram {
    /// Counts `value`; one that is not a number from 0 to 1 counts as the nearer end, and no number not at all.
    pub fn add(&mut self, value: f32) {
        if !value.is_nan() {
            self.0[score_bin(value)] += 1;
        }
    }

    /// Counts what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, count)| *sum += count);
    }

    /// The counts.
    #[must_use]
    pub const fn counts(&self) -> &[u64; BINS] {
        &self.0
    }

    /// How many were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// The number, the sum and the sum of squares of numbers, each in millionths, so that the order in which they come makes no
/// difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moments {
    count: u64,
    sum: i64,
    squares: i64,
}

const MILLION: f64 = 1e6;

impl Moments {
    /// Adds `value`, between −1,000 and 1,000; no number is not added.
    pub fn add(&mut self, value: f64) {
        if value.is_finite() {
            let value = value.clamp(-1e3, 1e3);
            self.count += 1;
            self.sum += (value * MILLION).round() as i64;
            self.squares += (value * value * MILLION).round() as i64;
        }
    }

    /// Adds what `other` added.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.squares += other.squares;
    }

    /// How many were added.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Their mean.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / MILLION / self.count as f64)
    }

    /// Their variance, as of a sample; of fewer than two there is none.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        let mean = self.mean().filter(|_| self.count > 1)?;
        let count = self.count as f64;
        Some(((self.squares as f64 / MILLION - count * mean * mean) / (count - 1.0)).max(0.0))
    }

    /// The standard error of the mean.
    #[must_use]
    pub fn standard_error(&self) -> Option<f64> {
        Some((self.variance()? / self.count as f64).sqrt())
    }
}

/// How long things took: counts by length, each bin a quarter longer than the one before, from a millisecond to minutes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latencies(Vec<u64>);

/// How much longer each bin is.
const GROWTH: f64 = 1.25;
/// The last bin holds all that is longer, from 2.9 minutes.
const LONGEST: usize = 54;

impl Latencies {
    /// Counts one of `ms` milliseconds.
    pub fn add(&mut self, ms: u64) {
        let bin = if ms <= 1 { 0 } else { ((ms as f64).ln() / GROWTH.ln()).ceil() as usize };
        let bin = bin.min(LONGEST);
        if self.0.len() <= bin {
            self.0.resize(bin + 1, 0);
        }
        self.0[bin] += 1;
    }

    /// Counts what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        self.0.iter_mut().zip(&other.0).for_each(|(sum, count)| *sum += count);
    }

    /// The milliseconds within which the share `share` of them ended, up to a quarter more.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let total: u64 = self.0.iter().sum();
        let mut left = (total as f64 * share).ceil().max(1.0) as u64;
        for (bin, count) in self.0.iter().enumerate() {
            if *count >= left {
                return Some(GROWTH.powi(i32::try_from(bin).unwrap_or(i32::MAX)).ceil() as u64);
            }
            left -= count;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn merged_is_as_added_in_any_order(
            mut values in proptest::collection::vec((-2.0_f64..2.0, 0_u64..500_000), 1..60),
            at in any::<prop::sample::Index>(),
        ) {
            let all = sums(&values);
            let at = at.index(values.len());
            values.rotate_left(at);
            let (mut first, second) = (sums(&values[..at]), sums(&values[at..]));
            first.0.merge(&second.0);
            first.1.merge(&second.1);
            first.2.merge(&second.2);
            prop_assert_eq!(first, all);
        }

        #[test]
        fn mean_and_variance_are_those_of_the_numbers(values in proptest::collection::vec(-1.0_f64..1.0, 2..200)) {
            let found = sums(&values.iter().map(|value| (*value, 0)).collect::<Vec<_>>()).0;
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64;
            prop_assert!((found.mean().unwrap() - mean).abs() < 1e-5);
            prop_assert!((found.variance().unwrap() - variance).abs() < 1e-4);
        }

        #[test]
        fn a_quantile_is_within_a_quarter(mut ms in proptest::collection::vec(1_u64..150_000, 1..200), share in 0.01_f64..1.0) {
            let mut latencies = Latencies::default();
            ms.iter().for_each(|ms| latencies.add(*ms));
            ms.sort_unstable();
            let exact = ms[(ms.len() as f64 * share).ceil() as usize - 1];
            let found = latencies.quantile(share).unwrap();
            prop_assert!(found >= exact && found as f64 <= exact as f64 * GROWTH + 1.0, "{found} for {exact}");
        }
    }

    fn sums(values: &[(f64, u64)]) -> (Moments, Latencies, Histogram) {
        let mut sums = (Moments::default(), Latencies::default(), Histogram::default());
        for (value, ms) in values {
            sums.0.add(*value);
            sums.1.add(*ms);
            sums.2.add(*value as f32);
        }
        sums
    }

    #[test]
    fn nothing_has_no_mean() {
        assert_eq!((Moments::default().mean(), Latencies::default().quantile(0.5)), (None, None));
        let mut one = Moments::default();
        one.add(f64::NAN);
        one.add(0.5);
        assert_eq!((one.count(), one.mean(), one.variance()), (1, Some(0.5), None));
        let mut longest = Latencies::default();
        longest.add(u64::MAX);
        assert!(longest.quantile(0.5) > Some(150_000));
        let mut none = Histogram::default();
        none.add(f32::NAN);
        assert_eq!(none.total(), 0);
    }
}
