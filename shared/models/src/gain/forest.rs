//! A forest of regression trees, as a part of a head's file.
//!
//! A tree is a string of two letters for each node, every node before its left and then its right
//! branch: the feature and the place of its cut, or [`LEAF`] and a value on 91 steps from `low` to
//! `high`.

use serde::Deserialize;

use super::letters::{self, LETTERS};
use crate::heads::HeadError;

/// Stands at the place of the feature where a tree ends.
pub const LEAF: u8 = LETTERS - 1;
/// The most features that a forest can read.
pub const MOST_FEATURES: usize = LEAF as usize;
/// The most cuts that a feature can have.
pub const MOST_CUTS: usize = LETTERS as usize;

/// A forest as its file has it.
#[derive(Clone, Debug, Deserialize)]
pub struct ForestEntry {
    cuts: Vec<Vec<f32>>,
    low: f32,
    high: f32,
    trees: Vec<String>,
}

/// A forest that can be asked.
#[derive(Clone, Debug)]
pub struct Forest {
    dimension: usize,
    roots: Vec<u32>,
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Debug)]
enum Node {
    /// What is at most `cut` goes to the next node, all else to the one at `right`.
    Split {
        feature: u8,
        cut: f32,
        right: u32,
    },
    Leaf(f32),
}

impl ForestEntry {
    /// The forest on `dimension` features.
    ///
    /// # Errors
    /// [`HeadError::Malformed`].
    pub fn checked(&self, dimension: usize) -> Result<Forest, HeadError> {
        if self.cuts.len() != dimension || dimension > MOST_FEATURES {
            return Err(HeadError::Malformed("expected a list of cuts for each feature"));
        }
        let are_finite = self.cuts.iter().flatten().chain([&self.low, &self.high]).all(|number| number.is_finite());
        if !are_finite || self.trees.is_empty() {
            return Err(HeadError::Malformed("expected finite numbers and at least one tree"));
        }
        let mut forest = Forest { dimension, roots: Vec::new(), nodes: Vec::new() };
        for tree in &self.trees {
            forest.roots.push(forest.nodes.len() as u32);
            self.plant(&mut forest.nodes, tree)
                .ok_or(HeadError::Malformed("expected trees of features, cuts and leaves"))?;
        }
        Ok(forest)
    }

    fn plant(&self, nodes: &mut Vec<Node>, tree: &str) -> Option<()> {
        // The splits whose right branch has not begun.
        let mut open = Vec::new();
        let letters = letters::numbers(tree)?;
        let mut pairs = letters.chunks(2).peekable();
        while let Some(pair) = pairs.next() {
            let &[feature, at] = pair else { return None };
            if feature != LEAF {
                let cut = *self.cuts.get(usize::from(feature))?.get(usize::from(at))?;
                open.push(nodes.len());
                nodes.push(Node::Split { feature, cut, right: 0 });
                continue;
            }
            let step = (self.high - self.low) / f32::from(LETTERS - 1);
            nodes.push(Node::Leaf(self.low + step * f32::from(at)));
            let Some(above) = open.pop() else { return pairs.peek().is_none().then_some(()) };
            let next = nodes.len() as u32;
            if let Node::Split { right, .. } = &mut nodes[above] {
                *right = next;
            }
        }
        None
    }
}

impl Forest {
    /// The mean of what the trees say.
    ///
    /// # Errors
    /// [`HeadError::WrongDimension`].
    pub fn predict(&self, features: &[f32]) -> Result<f32, HeadError> {
        if features.len() != self.dimension {
            return Err(HeadError::WrongDimension { expected: self.dimension, found: features.len() });
        }
        let sum: f32 = self.roots.iter().map(|&root| self.leaf(root as usize, features)).sum();
        Ok(sum / self.roots.len() as f32)
    }

    fn leaf(&self, mut at: usize, features: &[f32]) -> f32 {
        loop {
            match self.nodes[at] {
                Node::Leaf(value) => return value,
                Node::Split { feature, cut, .. } if features[usize::from(feature)] <= cut => at += 1,
                Node::Split { right, .. } => at = right as usize,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feature 0 up to 1: feature 1 up to 5: 0, else 90. Else: 45.
    fn entry(tree: &str) -> ForestEntry {
        ForestEntry { cuts: vec![vec![1.0], vec![3.0, 5.0]], low: 0.0, high: 90.0, trees: vec![tree.to_owned()] }
    }

    fn tree(numbers: &[u8]) -> String {
        numbers.iter().map(|&number| letters::letter(number)).collect()
    }

    #[test]
    fn a_tree_is_walked_to_its_leaf() {
        let forest = entry(&tree(&[0, 0, 1, 1, LEAF, 0, LEAF, 90, LEAF, 45])).checked(2).unwrap();
        for (features, expected) in [([1.0, 5.0], 0.0), ([0.0, 6.0], 90.0), ([2.0, 0.0], 45.0), ([f32::NAN, 0.0], 45.0)]
        {
            assert_eq!(forest.predict(&features).unwrap(), expected, "{features:?}");
        }
        assert!(matches!(forest.predict(&[1.0]), Err(HeadError::WrongDimension { expected: 2, found: 1 })));
    }

    #[test]
    fn a_broken_tree_is_refused() {
        for numbers in [
            &[][..],
            &[0, 0],
            &[0, 0, LEAF, 1],
            &[LEAF, 1, LEAF, 1],
            &[LEAF],
            &[2, 0, LEAF, 0, LEAF, 0],
            &[0, 1, LEAF, 0, LEAF, 0],
        ] {
            assert!(entry(&tree(numbers)).checked(2).is_err(), "{numbers:?}");
        }
        assert!(entry("\u{e9}").checked(2).is_err());
        assert!(entry(&tree(&[LEAF, 1])).checked(3).is_err());
    }
}
