//! The encoder, and the two models that are made of it.

use std::path::PathBuf;
use std::sync::Arc;

use super::{LoadError, MiniLm, PairModel, Tokens};

/// The sentence encoder and what was trained further from it. All read the same tokens.
#[derive(Debug)]
pub struct Family {
    /// Reads queries and answers for every head, and for the answer cache.
    pub encoder: MiniLm,
    /// Reads queries and entries, so that a customer's words find the owner's.
    pub knowledge: MiniLm,
    /// Reads a query together with an entry, or with another query.
    pub pair: PairModel,
}

impl Family {
    /// Loads the family from its files: model, tokenizer, the knowledge encoder's tensors and the pair model's. One after
    /// another: each leaves the memory that it was built in to the next, and a function has hardly more than one core.
    ///
    /// # Errors
    /// [`LoadError`] of the first that cannot be loaded.
    pub fn load([model, tokenizer, knowledge, pair]: &[PathBuf; 4]) -> Result<Self, LoadError> {
        let tokens = Arc::new(Tokens::load(tokenizer)?);
        Ok(Self {
            encoder: MiniLm::load_with(model, Arc::clone(&tokens))?,
            knowledge: MiniLm::load_changed(model, knowledge, Arc::clone(&tokens))?,
            pair: PairModel::load(model, pair, tokens)?,
        })
    }
}
