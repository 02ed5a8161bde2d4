//! Sentence encoders of the MiniLM family, run from an ONNX file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::plan::{BoxError, Plan, read_tensors};
use super::{Embedding, Encoder, EncoderError, Tokens};

/// How many tokens of a text are read, the two that frame it included.
pub const MAX_TOKENS: usize = 256;

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file is missing or cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The tokenizer is not one that frames a text with two tokens.
    #[error("the tokenizer cannot be used")]
    Tokenizer(#[source] BoxError),
    /// The model is not one that can be run.
    #[error("the model cannot be run")]
    Model(#[source] BoxError),
}

/// The all-MiniLM-L6-v2 sentence encoder, or another with the same inputs: the mean of its last
/// hidden states over the text's tokens, scaled to length 1.
///
/// Texts are run one by one: a batch of texts of one length was measured to save 25 % at 16 tokens
/// and 4 % at 64, which padding eats up as soon as lengths differ, and it made single texts slower.
#[derive(Debug)]
pub struct MiniLm {
    plan: Plan,
    tokens: Arc<Tokens>,
}

impl MiniLm {
    /// Loads the ONNX file `model` and the `tokenizer.json` file `tokenizer`. Takes a fifth of a
    /// second of CPU; verify the files first, as [`crate::artifacts`] does.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load(model: &Path, tokenizer: &Path) -> Result<Self, LoadError> {
        Self::load_with(model, Arc::new(Tokens::load(tokenizer)?))
    }

    /// Loads the ONNX file `model`, whose texts `tokens` reads.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load_with(model: &Path, tokens: Arc<Tokens>) -> Result<Self, LoadError> {
        Ok(Self { plan: Plan::load(model, Vec::new())?, tokens })
    }

    /// Loads the ONNX file `model` with the tensors in `changes` in place of its own of the same names: the same
    /// encoder, trained further.
    ///
    /// # Errors
    /// [`LoadError`], also when the tensors are not for this encoder.
    pub fn load_changed(model: &Path, changes: &Path, tokens: Arc<Tokens>) -> Result<Self, LoadError> {
        Ok(Self { plan: Plan::load(model, read_tensors(changes)?)?, tokens })
    }

    /// What turns its texts into tokens, for models that read the same ones.
    #[must_use]
    pub fn tokens(&self) -> Arc<Tokens> {
        Arc::clone(&self.tokens)
    }

    /// The token ids that the model is given for `text`.
    ///
    /// # Errors
    /// [`EncoderError`] when the tokenizer fails.
    pub fn token_ids(&self, text: &str) -> Result<Vec<u32>, EncoderError> {
        let kept = self.tokens.ids(text, MAX_TOKENS - 2)?;
        Ok(std::iter::once(self.tokens.first).chain(kept).chain([self.tokens.last]).collect())
    }

    /// The vector of the text that has the token ids `ids`.
    ///
    /// # Errors
    /// [`EncoderError`] when the model cannot run.
    pub fn embed_ids(&self, ids: &[u32]) -> Result<Embedding, EncoderError> {
        let mean = self.plan.mean(ids, |_| 0).map_err(EncoderError)?;
        let length = mean.iter().map(|x| x * x).sum::<f32>().sqrt();
        if !length.is_finite() || length <= f32::EPSILON {
            return Err(EncoderError("the model gave a vector without a direction".into()));
        }
        Ok(mean.into_iter().map(|x| x / length).collect())
    }
}

impl Encoder for MiniLm {
    fn embed(&self, text: &str) -> Result<Embedding, EncoderError> {
        self.embed_ids(&self.token_ids(text)?)
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.tokens.count(text)
    }
}
