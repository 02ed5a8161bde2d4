//! Small decision trees, each fitted to what those before it leave over.

use serde_json::{Value, json};

/// How trees are grown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) trees: usize,
    /// How many questions lead to a leaf.
    pub(crate) depth: usize,
    /// The share of a tree's answer that is taken.
    pub(crate) rate: f64,
    /// The least rows in a leaf.
    pub(crate) least: usize,
    /// The penalty on the squares of the leaves.
    pub(crate) penalty: f64,
}

/// Rows with their labels and weights.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    pub(crate) features: Vec<Vec<f32>>,
    pub(crate) labels: Vec<bool>,
    pub(crate) weights: Vec<f32>,
}

/// A tree as parallel lists, as the head's file has it.
#[derive(Clone, Debug, Default)]
struct Tree {
    feature: Vec<i32>,
    value: Vec<f32>,
    lower: Vec<usize>,
}

/// A fitted sum of trees.
#[derive(Clone, Debug)]
pub(crate) struct Boosted {
    bias: f32,
    trees: Vec<Tree>,
}

/// A node that may still be divided.
#[derive(Clone, Copy, Debug)]
struct Open {
    node: usize,
    slope: f64,
    bend: f64,
    rows: usize,
    /// Between which values its leaves have to stay, so that rising features rise.
    range: (f64, f64),
}

#[derive(Clone, Copy, Debug)]
struct Split {
    gain: f64,
    feature: usize,
    threshold: f32,
    lower: (f64, f64, usize),
}

impl Boosted {
    /// Trees for `rows`; where `rising` says so a higher feature never makes a yes less likely.
    pub(crate) fn fit(rows: &Rows, rising: &[bool], settings: Settings) -> Self {
        let weight_of = |label: bool| -> f64 {
            rows.labels.iter().zip(&rows.weights).filter(|(is, _)| **is == label).map(|(_, w)| f64::from(*w)).sum()
        };
        let bias = (weight_of(true) / weight_of(false).max(1e-9)).ln();
        let orders: Vec<Vec<u32>> = (0..rising.len()).map(|feature| order(rows, feature)).collect();
        let mut sums = vec![bias; rows.labels.len()];
        let mut trees = Vec::with_capacity(settings.trees);
        for _ in 0..settings.trees {
            let tree = grow(rows, &sums, &orders, rising, settings);
            sums.iter_mut().zip(&rows.features).for_each(|(sum, features)| *sum += f64::from(tree.value(features)));
            trees.push(tree);
        }
        Self { bias: bias as f32, trees }
    }

    /// The sum of all trees.
    pub(crate) fn sum(&self, features: &[f32]) -> f32 {
        self.bias + self.trees.iter().map(|tree| tree.value(features)).sum::<f32>()
    }

    /// The head's JSON without its features and calibration.
    pub(crate) fn to_json(&self) -> Value {
        let short = |value: &f32| json!(format!("{value:.4e}").parse::<f64>().unwrap_or_default());
        let tree = |tree: &Tree| {
            let values: Vec<Value> = tree.value.iter().map(short).collect();
            json!({"feature": tree.feature, "value": values, "lower": tree.lower})
        };
        json!({"bias": short(&self.bias), "trees": self.trees.iter().map(tree).collect::<Vec<_>>()})
    }
}

impl Tree {
    fn value(&self, features: &[f32]) -> f32 {
        let mut at = 0;
        while let Ok(feature) = usize::try_from(self.feature[at]) {
            at = self.lower[at] + usize::from(features[feature] > self.value[at]);
        }
        self.value[at]
    }

    fn push(&mut self) -> usize {
        self.feature.push(-1);
        self.value.push(0.0);
        self.lower.push(0);
        self.feature.len() - 1
    }
}

/// The rows in the order of a feature.
fn order(rows: &Rows, feature: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..rows.features.len() as u32).collect();
    order.sort_by(|&a, &b| rows.features[a as usize][feature].total_cmp(&rows.features[b as usize][feature]));
    order
}

fn grow(rows: &Rows, sums: &[f64], orders: &[Vec<u32>], rising: &[bool], settings: Settings) -> Tree {
    let steps: Vec<(f64, f64)> = (sums.iter().zip(&rows.labels).zip(&rows.weights))
        .map(|((sum, label), weight)| {
            let probability = 1.0 / (1.0 + (-sum).exp());
            let weight = f64::from(*weight);
            (weight * (probability - f64::from(u8::from(*label))), weight * probability * (1.0 - probability))
        })
        .collect();
    let mut tree = Tree::default();
    let mut place = vec![tree.push(); sums.len()];
    let (slope, bend) = steps.iter().fold((0.0, 0.0), |(slope, bend), step| (slope + step.0, bend + step.1));
    let mut open = vec![Open { node: 0, slope, bend, rows: sums.len(), range: (f64::NEG_INFINITY, f64::INFINITY) }];
    for _ in 0..settings.depth {
        let splits = best_splits(rows, &steps, orders, rising, settings, &place, &open);
        let mut next = Vec::new();
        for (node, split) in open.iter().zip(splits) {
            let Some(split) = split else {
                tree.value[node.node] = (settings.rate * node.leaf(settings.penalty)) as f32;
                continue;
            };
            let lower = tree.push();
            tree.push();
            (tree.feature[node.node], tree.value[node.node]) = (split.feature as i32, split.threshold);
            tree.lower[node.node] = lower;
            let (slope, bend, count) = split.lower;
            let mut one = Open { node: lower, slope, bend, rows: count, range: node.range };
            let mut other = Open {
                node: lower + 1,
                slope: node.slope - slope,
                bend: node.bend - bend,
                rows: node.rows - count,
                range: node.range,
            };
            if rising[split.feature] {
                let middle = f64::midpoint(one.leaf(settings.penalty), other.leaf(settings.penalty));
                (one.range.1, other.range.0) = (middle, middle);
            }
            next.extend([one, other]);
        }
        for (place, features) in place.iter_mut().zip(&rows.features) {
            if let Ok(feature) = usize::try_from(tree.feature[*place]) {
                *place = tree.lower[*place] + usize::from(features[feature] > tree.value[*place]);
            }
        }
        open = next;
    }
    for node in open {
        tree.value[node.node] = (settings.rate * node.leaf(settings.penalty)) as f32;
    }
    tree
}

impl Open {
    fn leaf(&self, penalty: f64) -> f64 {
        (-self.slope / (self.bend + penalty)).clamp(self.range.0, self.range.1)
    }

    /// By how much a leaf here lowers the surprise.
    fn worth(&self, penalty: f64) -> f64 {
        let leaf = self.leaf(penalty);
        -(self.slope * leaf + (self.bend + penalty) * leaf * leaf / 2.0)
    }
}

/// The best split of each open node; `None` where none is worth it.
fn best_splits(
    rows: &Rows,
    steps: &[(f64, f64)],
    orders: &[Vec<u32>],
    rising: &[bool],
    settings: Settings,
    place: &[usize],
    open: &[Open],
) -> Vec<Option<Split>> {
    let at_node: std::collections::HashMap<usize, usize> =
        open.iter().enumerate().map(|(at, open)| (open.node, at)).collect();
    let at_row: Vec<Option<usize>> = place.iter().map(|node| at_node.get(node).copied()).collect();
    let mut best: Vec<Option<Split>> = vec![None; open.len()];
    for (feature, order) in orders.iter().enumerate() {
        let mut seen: Vec<(f64, f64, usize, f32)> = vec![(0.0, 0.0, 0, f32::NEG_INFINITY); open.len()];
        for &row in order {
            let Some(at) = at_row[row as usize] else { continue };
            let value = rows.features[row as usize][feature];
            let (slope, bend, count, last) = seen[at];
            if value > last && count >= settings.least && open[at].rows - count >= settings.least {
                let node = open[at];
                let lower = Open { slope, bend, rows: count, ..node };
                let upper = Open { slope: node.slope - slope, bend: node.bend - bend, rows: node.rows - count, ..node };
                let is_allowed = !rising[feature] || lower.leaf(settings.penalty) <= upper.leaf(settings.penalty);
                let gain = lower.worth(settings.penalty) + upper.worth(settings.penalty) - node.worth(settings.penalty);
                if is_allowed && gain > best[at].map_or(1e-6, |best| best.gain) {
                    // Between neighbouring numbers there is none: the middle may be rounded to the higher one.
                    let middle = f32::midpoint(last, value);
                    let threshold = if middle < value { middle } else { last };
                    best[at] = Some(Split { gain, feature, threshold, lower: (slope, bend, count) });
                }
            }
            let step = steps[row as usize];
            seen[at] = (slope + step.0, bend + step.1, count + 1, value);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings { trees: 60, depth: 2, rate: 0.2, least: 2, penalty: 1.0 };

    /// Yes when exactly one of two features is high: no line divides them.
    fn crossed() -> Rows {
        let mut rows = Rows::default();
        for at in 0..80 {
            let (one, two) = (at % 2, at / 2 % 2);
            rows.features.push(vec![one as f32 + at as f32 / 1e3, two as f32]);
            rows.labels.push(one != two);
            rows.weights.push(1.0);
        }
        rows
    }

    #[test]
    fn trees_find_what_no_line_divides() {
        let boosted = Boosted::fit(&crossed(), &[false, false], SETTINGS);
        for (one, two) in [(0.0, 0.0), (0.0, 1.0), (1.01, 0.0), (1.01, 1.0)] {
            let sum = boosted.sum(&[one, two]);
            assert_eq!(sum > 0.0, (one > 0.5) != (two > 0.5), "{one} {two} {sum}");
        }
    }

    #[test]
    fn a_rising_feature_never_lowers_the_sum() {
        let boosted = Boosted::fit(&crossed(), &[true, true], SETTINGS);
        for two in [0.0, 1.0] {
            let sums: Vec<f32> = (0..12).map(|at| boosted.sum(&[at as f32 / 10.0, two])).collect();
            assert!(sums.windows(2).all(|pair| pair[0] <= pair[1] + 1e-6), "{sums:?}");
        }
    }
}
