//! Text to vector.

mod family;
mod findings;
mod mask;
mod minilm;
mod pair;
mod plan;
mod self_test;
mod tokens;
mod weights;

pub use family::Family;
pub use findings::Findings;
pub use minilm::{LoadError, MAX_TOKENS, MiniLm};
pub use pair::{MAX_ENTRY_TOKENS, MAX_QUERY_TOKENS, PairLogits, PairModel, PairReader};
pub(crate) use plan::{guarded, parse};
pub use self_test::self_test;
pub use tokens::Tokens;
pub(crate) use weights::has_external_data;

/// A text's vector, of length 1.
pub type Embedding = Vec<f32>;

/// Why a text has no vector.
#[derive(Debug, thiserror::Error)]
#[error("the encoder failed")]
pub struct EncoderError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Turns texts into vectors. Synchronous CPU work: call it through [`crate::cpu`] from async code.
pub trait Encoder: Send + Sync {
    /// The vector of `text`; its end is left out when it is longer than the encoder reads.
    ///
    /// # Errors
    /// [`EncoderError`] when the model cannot run.
    fn embed(&self, text: &str) -> Result<Embedding, EncoderError>;

    /// The vectors of `texts`, in order.
    ///
    /// # Errors
    /// [`EncoderError`] when the model cannot run.
    fn embed_all(&self, texts: &[&str]) -> Result<Vec<Embedding>, EncoderError> {
        texts.iter().map(|text| self.embed(text)).collect()
    }

    /// How many tokens `text` has, special tokens left out, however long it is.
    fn count_tokens(&self, text: &str) -> usize;
}

/// The dot product, which is the cosine of vectors of length 1.
#[must_use]
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
