//! Linear classifiers fitted to labelled rows.
//!
//! The loss is convex and the minimiser deterministic, so that the same rows always give the same
//! head.

use std::ops::Range;

/// One labelled row; features that are 0 are left out.
#[derive(Clone, Debug)]
pub struct Row {
    features: Vec<(u32, f32)>,
    class: usize,
    weight: f32,
}

impl Row {
    /// A row of `class` that counts once.
    #[must_use]
    pub fn new(features: &[f32], class: usize) -> Self {
        let features = features.iter().enumerate().filter(|(_, value)| **value != 0.0);
        Self { features: features.map(|(at, value)| (at as u32, *value)).collect(), class, weight: 1.0 }
    }

    /// The same row, counting `weight` times.
    #[must_use]
    pub const fn weighing(mut self, weight: f32) -> Self {
        self.weight = weight;
        self
    }
}

/// Gives every class the same weight in sum.
pub fn balance(rows: &mut [Row], classes: usize) {
    let mut counts = vec![0.0_f32; classes];
    rows.iter().for_each(|row| counts[row.class] += 1.0);
    let all = rows.len() as f32;
    rows.iter_mut().for_each(|row| row.weight = all / (classes as f32 * counts[row.class]));
}

/// How a classifier is fitted.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The strength of the penalty on the squares of the weights.
    pub penalty: f32,
    /// Blocks of features, each with how strongly it speaks: a higher scale lightens its penalty.
    pub scales: Vec<(Range<usize>, f32)>,
    /// Whether weights below 0 are forbidden.
    pub rising: bool,
}

/// A fitted classifier: for each class the weights and the bias.
#[derive(Clone, Debug)]
pub struct Linear {
    /// One row for each class.
    pub weights: Vec<Vec<f32>>,
    /// One for each class.
    pub bias: Vec<f32>,
}

impl Linear {
    /// The raw score of each class.
    #[must_use]
    pub fn scores(&self, features: &[f32]) -> Vec<f32> {
        let dot = |row: &Vec<f32>| row.iter().zip(features).map(|(a, b)| a * b).sum::<f32>();
        self.weights.iter().zip(&self.bias).map(|(row, bias)| dot(row) + bias).collect()
    }
}

/// Fits a softmax classifier of `classes` classes on `dimension` features.
#[must_use]
pub fn softmax(rows: &[Row], dimension: usize, classes: usize, settings: &Settings) -> Linear {
    fit(rows, dimension, classes, settings)
}

/// Fits a logistic classifier whose class 1 is yes; it has one row of weights.
#[must_use]
pub fn logistic(rows: &[Row], dimension: usize, settings: &Settings) -> Linear {
    fit(rows, dimension, 1, settings)
}

/// With one output the loss is that of logistic regression, with more that of softmax.
fn fit(rows: &[Row], dimension: usize, outputs: usize, settings: &Settings) -> Linear {
    let mut scale = vec![1.0_f32; dimension];
    for (block, factor) in &settings.scales {
        scale[block.clone()].fill(*factor);
    }
    let rows: Vec<Row> = rows
        .iter()
        .map(|row| Row {
            features: row.features.iter().map(|&(at, value)| (at, value * scale[at as usize])).collect(),
            ..row.clone()
        })
        .collect();
    let stride = dimension + 1;
    let loss = |point: &[f32]| loss_and_slope(&rows, point, stride, outputs, settings.penalty);
    let project = |point: &mut [f32]| {
        if settings.rising {
            for row in point.chunks_mut(stride) {
                row[..dimension].iter_mut().for_each(|weight| *weight = weight.max(0.0));
            }
        }
    };
    let point = minimise(vec![0.0; stride * outputs], loss, project);
    let unscaled = |row: &[f32]| row[..dimension].iter().zip(&scale).map(|(weight, scale)| weight * scale).collect();
    Linear {
        weights: point.chunks(stride).map(unscaled).collect(),
        bias: point.chunks(stride).map(|row| row[dimension]).collect(),
    }
}

fn loss_and_slope(rows: &[Row], point: &[f32], stride: usize, outputs: usize, penalty: f32) -> (f64, Vec<f32>) {
    let total: f32 = rows.iter().map(|row| row.weight).sum();
    let mut slope = vec![0.0_f32; point.len()];
    let mut loss = 0.0_f64;
    let mut scores = vec![0.0_f32; outputs];
    for row in rows {
        for (score, weights) in scores.iter_mut().zip(point.chunks(stride)) {
            *score = weights[stride - 1];
            *score += row.features.iter().map(|&(at, value)| weights[at as usize] * value).sum::<f32>();
        }
        if outputs == 1 {
            let sign = if row.class == 1 { 1.0 } else { -1.0 };
            loss += f64::from(row.weight * softplus(-sign * scores[0]));
            scores[0] = -sign * farthing_models::heads::sigmoid(-sign * scores[0]);
        } else {
            let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f32 = scores.iter().map(|score| (score - highest).exp()).sum();
            loss += f64::from(row.weight * (highest + sum.ln() - scores[row.class]));
            scores.iter_mut().for_each(|score| *score = (*score - highest).exp() / sum);
            scores[row.class] -= 1.0;
        }
        for (error, slope) in scores.iter().zip(slope.chunks_mut(stride)) {
            let step = error * row.weight / total;
            row.features.iter().for_each(|&(at, value)| slope[at as usize] += step * value);
            slope[stride - 1] += step;
        }
    }
    loss /= f64::from(total);
    for (weights, slope) in point.chunks(stride).zip(slope.chunks_mut(stride)) {
        for (weight, slope) in weights[..stride - 1].iter().zip(slope) {
            loss += f64::from(penalty * weight * weight / 2.0);
            *slope += penalty * weight;
        }
    }
    (loss, slope)
}

fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// Accelerated projected gradient descent, with a step that is found by trial and momentum that
/// restarts when the loss rises.
fn minimise(start: Vec<f32>, loss: impl Fn(&[f32]) -> (f64, Vec<f32>), project: impl Fn(&mut [f32])) -> Vec<f32> {
    const MOST_STEPS: usize = 1_500;
    let (mut point, mut ahead) = (start.clone(), start);
    let (mut steepness, mut momentum, mut last) = (1.0_f64, 1.0_f64, f64::INFINITY);
    let mut still = 0;
    for _ in 0..MOST_STEPS {
        let (value, slope) = loss(&ahead);
        let (next, next_value) = loop {
            let mut next: Vec<f32> = ahead.iter().zip(&slope).map(|(x, s)| x - s / steepness as f32).collect();
            project(&mut next);
            let next_value = loss(&next).0;
            let moved = next.iter().zip(&ahead).map(|(a, b)| f64::from(a - b));
            let (along, squared) = moved.zip(&slope).fold((0.0, 0.0), |(along, squared), (step, slope)| {
                (along + step * f64::from(*slope), squared + step * step)
            });
            if next_value <= value + along + steepness / 2.0 * squared + 1e-9 || steepness > 1e9 {
                break (next, next_value);
            }
            steepness *= 2.0;
        };
        if next_value > last {
            momentum = 1.0;
            ahead.clone_from(&point);
            still += 1;
        } else {
            let next_momentum = (1.0 + (1.0 + 4.0 * momentum * momentum).sqrt()) / 2.0;
            let push = ((momentum - 1.0) / next_momentum) as f32;
            ahead = next.iter().zip(&point).map(|(new, old)| new + push * (new - old)).collect();
            still = if last - next_value < 1e-7 { still + 1 } else { 0 };
            (momentum, last, point) = (next_momentum, next_value, next);
        }
        if still >= 5 {
            break;
        }
        steepness *= 0.95;
    }
    point
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Settings = Settings { penalty: 1e-3, scales: Vec::new(), rising: false };

    #[test]
    fn a_logistic_fit_finds_the_known_minimum() {
        // Of four rows with feature 1, three are yes; of four with feature -1, one is: the weight
        // without penalty is ln 3 and the bias 0.
        let rows: Vec<Row> = (0..8)
            .map(|i| if i < 4 { Row::new(&[1.0], usize::from(i < 3)) } else { Row::new(&[-1.0], usize::from(i < 5)) })
            .collect();
        let fitted = logistic(&rows, 1, &Settings { penalty: 0.0, ..PLAIN });
        assert!((fitted.weights[0][0] - 3.0_f32.ln()).abs() < 0.01, "{fitted:?}");
        assert!(fitted.bias[0].abs() < 0.01, "{fitted:?}");
    }

    #[test]
    fn a_softmax_fit_separates_what_can_be_separated() {
        let rows: Vec<Row> = (0..30)
            .map(|i| {
                let mut features = [0.1; 3];
                features[i % 3] = 1.0;
                Row::new(&features, i % 3)
            })
            .collect();
        let fitted = softmax(&rows, 3, 3, &PLAIN);
        for class in 0..3 {
            let mut features = [0.1; 3];
            features[class] = 1.0;
            let scores = fitted.scores(&features);
            assert!((0..3).all(|other| other == class || scores[other] < scores[class] - 1.0), "{scores:?}");
        }
    }

    #[test]
    fn a_rising_fit_has_no_weight_below_zero() {
        let rows: Vec<Row> = (0..20).map(|i| Row::new(&[(i % 2) as f32, 1.0], usize::from(i % 2 == 0))).collect();
        assert!(logistic(&rows, 2, &PLAIN).weights[0][0] < -0.5);
        let rising = logistic(&rows, 2, &Settings { rising: true, ..PLAIN });
        assert!(rising.weights[0].iter().all(|&weight| weight >= 0.0), "{rising:?}");
    }

    #[test]
    fn balanced_classes_weigh_the_same() {
        let mut rows: Vec<Row> = (0..10).map(|i| Row::new(&[1.0], usize::from(i == 0))).collect();
        balance(&mut rows, 2);
        let fitted = logistic(&rows, 1, &PLAIN);
        assert!(fitted.scores(&[1.0])[0].abs() < 0.05, "{fitted:?}");
    }
}
