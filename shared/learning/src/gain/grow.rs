//! Grows forests of extremely randomised trees: each split is the best of a few features, each cut
//! at random.

use farthing_evaluation::measures::Random;
use farthing_models::gain::{LEAF, LETTERS, MOST_CUTS, letter};
use serde_json::{Value, json};

use crate::head_file;

/// How a forest is grown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Growth {
    pub(super) trees: usize,
    /// The fewest rows at the end of a branch.
    pub(super) leaf: usize,
    /// The share of the features that are tried at each split.
    pub(super) tried: f32,
}

/// Rows with what is to be predicted.
pub(super) struct Sample<'a> {
    pub(super) rows: Vec<&'a [f32]>,
    pub(super) targets: Vec<f32>,
}

/// The forest as a head's file has it.
pub(super) fn forest(sample: &Sample<'_>, growth: Growth, seed: u64) -> Value {
    let dimension = sample.rows.first().map_or(0, |row| row.len());
    let cuts: Vec<Vec<f32>> = (0..dimension).map(|feature| cuts(sample, feature)).collect();
    let place = |feature: usize, value: f32| cuts[feature].partition_point(|cut| *cut < value) as u8;
    let places = (0..dimension).map(|feature| sample.rows.iter().map(|row| place(feature, row[feature])).collect());
    let mut ground = Ground {
        places: places.collect(),
        targets: &sample.targets,
        growth,
        tried: ((dimension as f32 * growth.tried).ceil() as usize).max(1),
        random: Random::new(seed),
    };
    let trees: Vec<Vec<Node>> = (0..growth.trees)
        .map(|_| {
            let mut tree = Vec::new();
            ground.grow(&mut tree, &mut (0..sample.rows.len() as u32).collect::<Vec<u32>>());
            tree
        })
        .collect();
    let ends =
        || trees.iter().flatten().filter_map(|node| if let Node::Leaf(mean) = node { Some(*mean) } else { None });
    let (low, high) = (ends().fold(f32::INFINITY, f32::min), ends().fold(f32::NEG_INFINITY, f32::max));
    let step = ((high - low) / f32::from(LETTERS - 1)).max(f32::MIN_POSITIVE);
    let spell = |node: &Node| match *node {
        Node::Split { feature, at } => [letter(feature), letter(at)],
        Node::Leaf(mean) => [letter(LEAF), letter(((mean - low) / step).round() as u8)],
    };
    json!({
        "cuts": cuts.iter().map(|cuts| head_file::numbers(cuts)).collect::<Vec<_>>(),
        "low": low,
        "high": high,
        "trees": trees.iter().map(|tree| tree.iter().flat_map(spell).collect::<String>()).collect::<Vec<_>>(),
    })
}

/// Where a feature can be cut: between all values that it has, or at quantiles when they are many.
fn cuts(sample: &Sample<'_>, feature: usize) -> Vec<f32> {
    let mut values: Vec<f32> = sample.rows.iter().map(|row| row[feature]).collect();
    values.sort_by(f32::total_cmp);
    let mut different = values.clone();
    different.dedup();
    if different.len() > MOST_CUTS {
        different = (0..=MOST_CUTS).map(|at| values[at * (values.len() - 1) / MOST_CUTS]).collect();
        different.dedup();
    }
    let between = different.windows(2).map(|pair| rounded(f32::midpoint(pair[0], pair[1])));
    let mut cuts: Vec<f32> = between.collect();
    cuts.dedup();
    cuts
}

/// The number as its file will have it, so that rows are grown and asked by the same cuts.
fn rounded(number: f32) -> f32 {
    head_file::number(number).as_f64().unwrap_or_default() as f32
}

enum Node {
    Split { feature: u8, at: u8 },
    Leaf(f32),
}

struct Ground<'a> {
    /// For each feature, where each row lies among the cuts.
    places: Vec<Vec<u8>>,
    targets: &'a [f32],
    growth: Growth,
    tried: usize,
    random: Random,
}

impl Ground<'_> {
    fn grow(&mut self, tree: &mut Vec<Node>, rows: &mut [u32]) {
        let Some((feature, at)) = self.split(rows) else {
            tree.push(Node::Leaf(self.sum(rows) / rows.len() as f32));
            return;
        };
        tree.push(Node::Split { feature: feature as u8, at });
        let places = &self.places[feature];
        rows.sort_by_key(|&row| places[row as usize] > at);
        let middle = rows.partition_point(|&row| places[row as usize] <= at);
        let (left, right) = rows.split_at_mut(middle);
        self.grow(tree, left);
        self.grow(tree, right);
    }

    fn sum(&self, rows: &[u32]) -> f32 {
        rows.iter().map(|&row| self.targets[row as usize]).sum()
    }

    /// The split of `rows` that tells most, among those that are tried.
    fn split(&mut self, rows: &[u32]) -> Option<(usize, u8)> {
        if rows.len() < 2 * self.growth.leaf {
            return None;
        }
        let (all, sum) = (rows.len() as f32, self.sum(rows));
        let mut features: Vec<usize> = (0..self.places.len()).collect();
        let (mut best, mut tried): (Option<(f32, usize, u8)>, usize) = (None, 0);
        while tried < self.tried && !features.is_empty() {
            let feature = features.swap_remove(self.random.below(features.len()));
            let places = &self.places[feature];
            let of = |row: &u32| places[*row as usize];
            let (low, high) = rows.iter().map(of).fold((u8::MAX, 0), |(low, high), at| (low.min(at), high.max(at)));
            if low >= high {
                continue;
            }
            tried += 1;
            let at = low + self.random.below(usize::from(high - low)) as u8;
            let (mut count, mut left) = (0_usize, 0.0_f32);
            for &row in rows {
                if places[row as usize] <= at {
                    count += 1;
                    left += self.targets[row as usize];
                }
            }
            if count < self.growth.leaf || rows.len() - count < self.growth.leaf {
                continue;
            }
            let right = sum - left;
            let told = left * left / count as f32 + right * right / (all - count as f32);
            if best.is_none_or(|(most, ..)| told > most) {
                best = Some((told, feature, at));
            }
        }
        best.map(|(_, feature, at)| (feature, at))
    }
}

#[cfg(test)]
mod tests {
    use farthing_models::gain::ForestEntry;

    use super::*;

    const GROWTH: Growth = Growth { trees: 20, leaf: 2, tried: 1.0 };

    #[test]
    fn a_forest_learns_what_its_rows_show() {
        let rows: Vec<[f32; 3]> = (0..200).map(|at| [(at % 20) as f32, (at % 7) as f32, 1.0]).collect();
        let targets: Vec<f32> = rows.iter().map(|row| f32::from(u8::from(row[0] > 9.0))).collect();
        let grow = |seed| {
            forest(&Sample { rows: rows.iter().map(|row| &row[..]).collect(), targets: targets.clone() }, GROWTH, seed)
        };
        let asked = serde_json::from_value::<ForestEntry>(grow(1)).unwrap().checked(3).unwrap();
        for (value, expected) in [(0.0, 0.0), (7.0, 0.0), (12.0, 1.0), (19.0, 1.0)] {
            let predicted = asked.predict(&[value, 3.0, 1.0]).unwrap();
            assert!((predicted - expected).abs() < 0.2, "{value}: {predicted}");
        }
        assert_eq!(grow(1), grow(1), "the same seed grows the same forest");
        assert_ne!(grow(1), grow(2));
    }

    #[test]
    fn a_feature_of_many_values_has_no_more_cuts_than_letters() {
        let rows: Vec<[f32; 1]> = (0..1_000).map(|at| [at as f32]).collect();
        let sample = Sample { rows: rows.iter().map(|row| &row[..]).collect(), targets: vec![0.0; 1_000] };
        let cuts = cuts(&sample, 0);
        assert!(cuts.len() <= MOST_CUTS && cuts.len() > 80, "{}", cuts.len());
        assert!(cuts.is_sorted());
    }
}
