//! A small encoder for tests: each word adds to one place of the vector.

use crate::encoder::{Embedding, Encoder, EncoderError};

/// The hashing trick over words; texts with the same words have the same vector.
pub(crate) struct HashingEncoder;

impl Encoder for HashingEncoder {
    fn embed(&self, text: &str) -> Result<Embedding, EncoderError> {
        let mut vector = vec![0.0_f32; 64];
        for word in farthing_domain::guard::words(text) {
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
