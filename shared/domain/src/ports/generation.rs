//! The port of a language model that runs in this process.

use std::time::Duration;

use async_trait::async_trait;

/// How the next token is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Sampling {
    /// The most probable one, always.
    #[default]
    Greedy,
    /// At random, by the probabilities.
    Random {
        /// By what the logits are divided, above 0: below 1 the probable become more so.
        temperature: f32,
        /// Only the most probable tokens that together have this probability are drawn from, above 0 and at most 1.
        top_p: f32,
        /// The same seed draws the same tokens.
        seed: u64,
    },
}

/// What a language model is asked to write.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerationRequest {
    /// How it is to behave; empty for the model's own rule.
    pub system: String,
    /// What it answers to.
    pub user: String,
    /// How many tokens it writes at most, at least 1.
    pub most_tokens: usize,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Texts at which it stops, none empty; they are not part of what it wrote.
    pub stops: Vec<String>,
    /// How long it may take, waiting for a core included; an hour at most.
    pub time_limit: Duration,
}

/// Why a text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model said so.
    End,
    /// One of the texts to stop at came.
    Stop,
    /// It is as long as it may be.
    MostTokens,
    /// The model can read no more.
    ContextFull,
    /// Time was up.
    TimeUp,
}

/// What a language model wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// The text; never with a token of the chat's format.
    pub text: String,
    /// Why it ends.
    pub finish: Finish,
    /// How many tokens the model was given.
    pub prompt_tokens: usize,
    /// How many of them it had read before, for another request.
    pub remembered_tokens: usize,
    /// How many tokens it wrote.
    pub tokens: usize,
    /// How long it read.
    pub reading: Duration,
    /// How long it wrote.
    pub writing: Duration,
}

/// Why a language model wrote nothing.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// The request cannot be fulfilled by any model.
    #[error("`{field}` {reason}")]
    Invalid {
        /// Which part of the request.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The prompt is longer than the model reads.
    #[error("the prompt has {tokens} tokens; with what is to be written {limit} can be read")]
    TooLong {
        /// How many it has.
        tokens: usize,
        /// How many it may have.
        limit: usize,
    },
    /// As much work is waiting as may wait, or the time was up before a token was written.
    #[error("no processor was free in time")]
    Overloaded,
    /// The model cannot run.
    #[error("the language model cannot run")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Writes text. When the returned future is dropped the work ends before the next token.
#[async_trait]
pub trait Generator: Send + Sync {
    /// What the model writes to `request`. `heard` is given each piece as soon as it is certain: whole characters, never
    /// part of a text to stop at; joined they are the text.
    ///
    /// # Errors
    /// [`GenerationError`].
    async fn generate(&self, request: GenerationRequest, heard: Option<Heard>) -> Result<Generated, GenerationError>;
}

/// Is given the pieces of a text while it is written.
pub type Heard = Box<dyn FnMut(&str) + Send>;
