//! Small models for tests: an encoder in which each word adds to one place of the vector, and a
//! reader of pairs that counts the words in both.

use std::collections::HashSet;

use farthing_domain::guard::words;

use crate::encoder::{Embedding, Encoder, EncoderError, PairLogits, PairReader};

/// The hashing trick over words; texts with the same words have the same vector.
pub(crate) struct HashingEncoder;

impl Encoder for HashingEncoder {
    fn embed(&self, text: &str) -> Result<Embedding, EncoderError> {
        let mut vector = vec![0.0_f32; 64];
        for word in words(text) {
            let hash =
                word.bytes().fold(0xcbf2_9ce4_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
            vector[(hash % 64) as usize] += 1.0;
        }
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::EPSILON);
        Ok(vector.iter().map(|value| value / length).collect())
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.split_whitespace().count()
    }
}

/// Reads a pair by how many of the query's words the other text has.
pub(crate) struct SharedWords;

impl PairReader for SharedWords {
    fn read(&self, query: &str, other: &str) -> Result<PairLogits, EncoderError> {
        let (query, other): (Vec<String>, HashSet<String>) = (words(query), words(other).into_iter().collect());
        let shared = query.iter().filter(|word| other.contains(*word)).count() as f32;
        let logit = 6.0 * shared / query.len().max(1) as f32 - 3.0;
        Ok(PairLogits { answers: logit, same: logit })
    }
}
