//! Text to token ids.

use std::path::Path;

use tokenizers::Tokenizer;

use super::plan::BoxError;
use super::{EncoderError, LoadError};

/// The word pieces of the MiniLM family, and the two tokens that frame a text.
pub struct Tokens {
    tokenizer: Tokenizer,
    /// Stands before a text.
    pub(crate) first: u32,
    /// Stands after a text.
    pub(crate) last: u32,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("first", &self.first).field("last", &self.last).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Reads a `tokenizer.json` file.
    ///
    /// # Errors
    /// [`LoadError::Unreadable`], [`LoadError::Tokenizer`].
    pub fn load(file: &Path) -> Result<Self, LoadError> {
        let unreadable = |cause| LoadError::Unreadable { path: file.to_owned(), cause };
        Self::from_bytes(&std::fs::read(file).map_err(unreadable)?).map_err(LoadError::Tokenizer)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, BoxError> {
        let mut tokenizer = Tokenizer::from_bytes(bytes)?;
        // The file asks for a fixed length of 128; padding would cost time and change nothing.
        tokenizer.with_padding(None).with_truncation(None)?;
        let frame = tokenizer.encode_fast("", true)?;
        match *frame.get_ids() {
            [first, last] => Ok(Self { tokenizer, first, last }),
            _ => Err("it does not frame a text with two tokens".into()),
        }
    }

    /// The ids of `text`'s own tokens, at most `most`.
    ///
    /// # Errors
    /// [`EncoderError`] when the tokenizer fails.
    pub(crate) fn ids(&self, text: &str, most: usize) -> Result<Vec<u32>, EncoderError> {
        let encoding = self.tokenizer.encode_fast(text, false).map_err(EncoderError)?;
        Ok(encoding.get_ids().iter().copied().take(most).collect())
    }

    /// How many tokens `text` has, however long it is.
    pub(crate) fn count(&self, text: &str) -> usize {
        // Should the tokenizer fail, bytes are counted: a token has at least one, so none is missed.
        self.tokenizer.encode_fast(text, false).map_or(text.len(), |encoding| encoding.len())
    }
}
