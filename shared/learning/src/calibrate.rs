//! Makes scores into probabilities, on rows that the fit never saw.

use crate::fit::{Row, Settings, logistic};

/// The temperature that makes the scores of a softmax classifier least surprised by `classes`.
#[must_use]
pub fn temperature(scores: &[Vec<f32>], classes: &[usize]) -> f32 {
    let surprise = |temperature: f32| -> f64 {
        let surprise_at = |(scores, &class): (&Vec<f32>, &usize)| {
            let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f32 = scores.iter().map(|score| ((score - highest) / temperature).exp()).sum();
            f64::from(sum.ln() - (scores[class] - highest) / temperature)
        };
        scores.iter().zip(classes).map(surprise_at).sum()
    };
    // The surprise has one minimum over the logarithm of the temperature: narrow it down.
    let (mut low, mut high) = (0.1_f32.ln(), 10.0_f32.ln());
    for _ in 0..40 {
        let (left, right) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if surprise(left.exp()) < surprise(right.exp()) { high = right } else { low = left }
    }
    f32::midpoint(low, high).exp()
}

/// The slope and offset by which raw log-odds become those of a calibrated probability; a row
/// counts as often as its weight says.
#[must_use]
pub fn platt(scores: &[f32], labels: &[bool], weights: &[f32]) -> (f32, f32) {
    let rows: Vec<Row> = (scores.iter().zip(labels).zip(weights))
        .map(|((&score, &label), &weight)| Row::new(&[score], usize::from(label)).weighing(weight))
        .collect();
    // A trace of penalty keeps the slope finite when the scores separate the labels.
    let fitted = logistic(&rows, 1, &Settings { penalty: 1e-3, scales: Vec::new(), rising: true });
    (fitted.weights[0][0].max(0.01), fitted.bias[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overconfident_scores_are_cooled() {
        // Three of four are right: the right confidence is 0.75, a gap of ln 3, not of 5.
        let scores = vec![vec![5.0, 0.0]; 4];
        let found = temperature(&scores, &[0, 0, 0, 1]);
        assert!((found - 5.0 / 3.0_f32.ln()).abs() < 0.05, "{found}");
    }

    #[test]
    fn platt_maps_scores_to_frequencies() {
        let scores: Vec<f32> = (0..400).map(|i| if i % 2 == 0 { 2.0 } else { -2.0 }).collect();
        let labels: Vec<bool> = (0..400).map(|i| if i % 2 == 0 { i % 8 != 0 } else { i % 8 == 1 }).collect();
        let (slope, offset) = platt(&scores, &labels, &vec![1.0; 400]);
        let at = |score: f32| farthing_models::heads::sigmoid(slope * score + offset);
        assert!((at(2.0) - 0.75).abs() < 0.02 && (at(-2.0) - 0.25).abs() < 0.02, "{slope} {offset}");
    }
}
