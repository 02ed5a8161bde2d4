//! Figures by which a classifier is judged.

/// The share of rows whose predicted class is right.
#[must_use]
pub fn accuracy(predicted: &[usize], actual: &[usize]) -> f32 {
    let right = predicted.iter().zip(actual).filter(|(a, b)| a == b).count();
    right as f32 / actual.len().max(1) as f32
}

/// How often each actual class (row) was predicted as each class (column).
#[must_use]
pub fn confusion(predicted: &[usize], actual: &[usize], classes: usize) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0; classes]; classes];
    predicted.iter().zip(actual).for_each(|(&predicted, &actual)| counts[actual][predicted] += 1);
    counts
}

/// The mean over the classes of the harmonic mean of precision and recall.
#[must_use]
pub fn macro_f1(predicted: &[usize], actual: &[usize], classes: usize) -> f32 {
    let counts = confusion(predicted, actual, classes);
    let f1 = |class: usize| {
        let (of_class, as_class): (usize, usize) =
            (counts[class].iter().sum(), counts.iter().map(|row| row[class]).sum());
        if of_class + as_class == 0 { 0.0 } else { 2.0 * counts[class][class] as f32 / (of_class + as_class) as f32 }
    };
    (0..classes).map(f1).sum::<f32>() / classes as f32
}

/// The expected calibration error: the mean distance between how sure and how right, over ten
/// equal ranges of confidence, weighted.
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
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let (mut rank_sum, mut at) = (0.0_f64, 0);
    while at < order.len() {
        let end = (at..order.len()).find(|&i| scores[order[i]] > scores[order[at]]).unwrap_or(order.len());
        let rank = (at + 1 + end) as f64 / 2.0;
        rank_sum += rank * order[at..end].iter().filter(|&&i| labels[i]).count() as f64;
        at = end;
    }
    let yes = labels.iter().filter(|&&label| label).count() as f64;
    let no = labels.len() as f64 - yes;
    ((rank_sum - yes * (yes + 1.0) / 2.0) / (yes * no)) as f32
}

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

/// What `threshold` does.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_counts_ties_half() {
        check_auc(&[0.1, 0.2, 0.3, 0.4], &[false, false, true, true], 1.0);
        check_auc(&[0.4, 0.3, 0.2, 0.1], &[false, false, true, true], 0.0);
        check_auc(&[0.5, 0.5, 0.5, 0.5], &[false, true, false, true], 0.5);
        check_auc(&[0.1, 0.5, 0.5, 0.9], &[false, true, false, true], 0.875);
    }

    #[track_caller]
    fn check_auc(scores: &[f32], labels: &[bool], expected: f32) {
        assert!((auc(scores, labels) - expected).abs() < 1e-6);
    }

    #[test]
    fn macro_f1_counts_every_class_the_same() {
        // Class 1 is never found: the mean of 6/7 and 0.
        assert!((macro_f1(&[0, 0, 0, 0], &[0, 0, 0, 1], 2) - 3.0 / 7.0).abs() < 1e-6);
        assert!((accuracy(&[0, 0, 0, 0], &[0, 0, 0, 1]) - 0.75).abs() < 1e-6);
        assert_eq!(confusion(&[0, 0, 1], &[0, 1, 1], 2), [[1, 0], [1, 1]]);
    }

    #[test]
    fn calibration_error_is_the_distance_of_sure_from_right() {
        let right = [true, true, true, false];
        assert!(calibration_error(&[0.75; 4], &right, &[1.0; 4]) < 1e-6);
        assert!((calibration_error(&[0.95; 4], &right, &[1.0; 4]) - 0.2).abs() < 1e-6);
    }

    #[test]
    fn a_threshold_has_two_kinds_of_error() {
        let found = at_threshold(&[0.9, 0.6, 0.6, 0.1], &[true, true, false, false], 0.6);
        assert!((found.precision - 2.0 / 3.0).abs() < 1e-6 && (found.recall - 1.0).abs() < 1e-6);
        assert!((found.false_positives - 0.5).abs() < 1e-6 && (found.accuracy - 0.75).abs() < 1e-6);
    }
}
