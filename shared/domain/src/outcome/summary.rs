//! What outcomes come to over a window.

use crate::money::Usd;

/// The sum of outcomes over a window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// All requests, failed ones included.
    pub total: u64,
    /// By [origin](super::Origin): local, paid, cached, refused, failed.
    pub local: u64,
    /// Answered by a paid model.
    pub paid: u64,
    /// Answered from the cache.
    pub cached: u64,
    /// Refused by the screen.
    pub refused: u64,
    /// Failed.
    pub failed: u64,
    /// Called helpful by their callers.
    pub helpful: u64,
    /// Called unhelpful by their callers.
    pub unhelpful: u64,
    /// By tier, in the order of [its list](crate::complexity::Tier::ALL).
    pub by_tier: [u64; 4],
    /// What was paid.
    pub cost: Usd,
    /// What the baseline would have cost.
    pub baseline: Usd,
    /// The sum of all scores, in thousandths, and their number.
    pub score_millis: u64,
    /// How many answers had a score.
    pub scored: u64,
    /// How many scores fell in each twentieth of 0 to 1.
    pub score_histogram: [u64; 20],
}

impl Summary {
    /// The mean score, 0 to 1.
    #[must_use]
    pub fn mean_score(&self) -> Option<f64> {
        (self.scored > 0).then(|| self.score_millis as f64 / 1_000.0 / self.scored as f64)
    }

    /// The lower edge of the twentieth that holds the tenth percentile of scores.
    #[must_use]
    pub fn p10_score(&self) -> Option<f64> {
        let mut left = self.scored.div_ceil(10);
        for (bin, count) in self.score_histogram.iter().enumerate() {
            if *count >= left && left > 0 {
                return Some(bin as f64 / 20.0);
            }
            left = left.saturating_sub(*count);
        }
        None
    }
}

/// The twentieth of 0 to 1 that `score` falls in.
#[must_use]
pub fn score_bin(score: f32) -> usize {
    ((score.clamp(0.0, 1.0) * 20.0) as usize).min(19)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(scores: &[f32]) -> Summary {
        let mut summary = Summary { scored: scores.len() as u64, ..Summary::default() };
        for score in scores {
            summary.score_millis += (score * 1_000.0) as u64;
            summary.score_histogram[score_bin(*score)] += 1;
        }
        summary
    }

    #[test]
    fn one_in_ten_scores_is_at_or_below_the_tenth_percentile() {
        assert_eq!(summary(&[]).p10_score(), None);
        assert_eq!(summary(&[0.92]).p10_score(), Some(0.9));
        let mut scores = vec![0.97; 18];
        scores.extend([0.22, 0.41]);
        assert_eq!(summary(&scores).p10_score(), Some(0.4));
        assert_eq!(summary(&scores[..19]).p10_score(), Some(0.95), "one of nineteen is less than a tenth");
    }

    #[test]
    fn scores_out_of_range_fall_in_the_outer_bins() {
        assert_eq!([score_bin(-0.1), score_bin(0.0), score_bin(1.0), score_bin(f32::NAN)], [0, 0, 19, 0]);
    }
}
