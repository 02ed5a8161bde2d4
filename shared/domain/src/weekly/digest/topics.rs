//! What was asked about, as embeddings tell.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::hex::hex;
use crate::ids::RequestId;
use crate::outcome::QuantizedVector;

/// How many embeddings a sample has: enough for shares within 3 %, and 100 KB.
const SAMPLED: usize = 256;
const MILLION: f32 = 1e6;

/// The sum of embeddings, in millionths, so that the order in which they come makes no difference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Centroid {
    count: u64,
    sum: Vec<i64>,
}

impl Centroid {
    /// Adds an embedding. One with more or fewer numbers than the first is of another encoder, and not added.
    pub fn add(&mut self, embedding: &QuantizedVector) {
        let vector = embedding.to_vec();
        if self.count == 0 {
            self.sum = vec![0; vector.len()];
        }
        if vector.len() == self.sum.len() {
            self.count += 1;
            let millionths = vector.into_iter().map(|value| (value * MILLION).round() as i64);
            self.sum.iter_mut().zip(millionths).for_each(|(sum, value)| *sum += value);
        }
    }

    /// Adds what `other` added.
    pub fn merge(&mut self, other: &Self) {
        if self.count == 0 {
            *self = other.clone();
        } else if self.sum.len() == other.sum.len() {
            self.count += other.count;
            self.sum.iter_mut().zip(&other.sum).for_each(|(sum, other)| *sum += other);
        }
    }

    /// How many were added.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; nothing when there are none.
    #[must_use]
    pub fn mean(&self) -> Vec<f64> {
        let count = self.count as f64;
        self.sum.iter().map(|sum| *sum as f64 / f64::from(MILLION) / count).collect()
    }
}

/// Embeddings of some requests: those whose names hash lowest, so that it is the same sample however outcomes are split, and
/// nobody can choose to be in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample(Vec<Drawn>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Drawn {
    /// The beginning of the hash.
    hash: String,
    embedding: QuantizedVector,
}

impl Sample {
    /// Adds the request's embedding, if its name hashes low enough.
    pub fn add(&mut self, request: &RequestId, embedding: &QuantizedVector) {
        let hash = hex(&Sha256::digest(format!("sample:{request}"))[..8]);
        self.insert(Drawn { hash, embedding: embedding.clone() });
    }

    /// Adds those of `other` that hash low enough.
    pub fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|drawn| self.insert(drawn.clone()));
    }

    /// The embeddings.
    pub fn embeddings(&self) -> impl Iterator<Item = &QuantizedVector> {
        self.0.iter().map(|drawn| &drawn.embedding)
    }

    fn insert(&mut self, drawn: Drawn) {
        if let Err(place) = self.0.binary_search_by(|other| other.hash.cmp(&drawn.hash))
            && place < SAMPLED
        {
            self.0.insert(place, drawn);
            self.0.truncate(SAMPLED);
        }
    }
}
