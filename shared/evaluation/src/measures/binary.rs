//! Scores of rows that are a yes or a no.

/// The expected calibration error: the mean distance between how sure and how right, over ten ranges
/// of confidence of equal width, weighted.
#[must_use]
pub fn calibration_error(confidence: &[f32], right: &[bool], weights: &[f32]) -> f32 {
    let mut ranges = [(0.0_f32, 0.0_f32, 0.0_f32); 10];
    for ((&confidence, &right), &weight) in confidence.iter().zip(right).zip(weights) {
        let range = &mut ranges[((confidence * 10.0) as usize).min(9)];
        range.0 += confidence * weight;
        range.1 += if right { weight } else { 0.0 };
        range.2 += weight;
    }
    let all: f32 = ranges.iter().map(|range| range.2).sum();
    ranges.iter().map(|(sure, right, _)| (sure - right).abs()).sum::<f32>() / all.max(f32::MIN_POSITIVE)
}

/// The probability that a yes scores above a no: 0.5 is chance. Ties count half.
#[must_use]
pub fn auc(scores: &[f32], labels: &[bool]) -> f32 {
    let rank_sum: f64 = ranks(scores).iter().zip(labels).filter(|(_, label)| **label).map(|(rank, _)| rank).sum();
    let yes = labels.iter().filter(|&&label| label).count() as f64;
    let no = labels.len() as f64 - yes;
    ((rank_sum - yes * (yes + 1.0) / 2.0) / (yes * no)) as f32
}

/// Spearman's correlation: that of the ranks, where ties share the mean of theirs.
#[must_use]
pub fn spearman(a: &[f32], b: &[f32]) -> f32 {
    let (a, b) = (ranks(a), ranks(b));
    let middle = (a.len() as f64 + 1.0) / 2.0;
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - middle) * (y - middle)).sum::<f64>();
    (product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()) as f32
}

/// The rank of each value, from 1; ties have the mean of theirs.
fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut at = 0;
    while at < order.len() {
        let end = (at..order.len()).find(|&i| values[order[i]] > values[order[at]]).unwrap_or(order.len());
        let rank = (at + 1 + end) as f64 / 2.0;
        order[at..end].iter().for_each(|&i| ranks[i] = rank);
        at = end;
    }
    ranks
}

/// What a threshold does.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct AtThreshold {
    /// The threshold: from this score up it is a yes.
    pub threshold: f32,
    /// The share of yeses among what it calls yes.
    pub precision: f32,
    /// The share of the yeses that it finds.
    pub recall: f32,
    /// The share of the noes that it calls yes.
    pub false_positives: f32,
    /// The share that it calls right.
    pub accuracy: f32,
}

impl AtThreshold {
    /// The harmonic mean of precision and recall; 0 when nothing that is a yes is found.
    #[must_use]
    pub fn f1(&self) -> f32 {
        2.0 * self.precision * self.recall / (self.precision + self.recall).max(f32::MIN_POSITIVE)
    }
}

/// What `threshold` does. A share of nothing is 0.
#[must_use]
pub fn at_threshold(scores: &[f32], labels: &[bool], threshold: f32) -> AtThreshold {
    let count = |said: bool, is: bool| {
        scores.iter().zip(labels).filter(|&(&score, &label)| (score >= threshold) == said && label == is).count() as f32
    };
    let (hits, alarms, misses, passes) =
        (count(true, true), count(true, false), count(false, true), count(false, false));
    AtThreshold {
        threshold,
        precision: hits / (hits + alarms).max(1.0),
        recall: hits / (hits + misses).max(1.0),
        false_positives: alarms / (alarms + passes).max(1.0),
        accuracy: (hits + passes) / (scores.len() as f32).max(1.0),
    }
}
