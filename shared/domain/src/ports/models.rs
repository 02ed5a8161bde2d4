//! Ports of the models that run in this process.

use async_trait::async_trait;

use crate::agent::BrandProfile;
use crate::complexity::ComplexityEstimate;
use crate::ids::{AgentId, ModelId};
use crate::quality::{HardFail, Quality};
use crate::release::{ReleasedKnowledge, ReleasedModel};

/// A local model cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("model `{model}` is unavailable")]
pub struct ModelUnavailable {
    /// Which model.
    pub model: String,
    /// Why.
    #[source]
    pub cause: Box<dyn std::error::Error + Send + Sync>,
}

/// What one encoder pass tells of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// The query's embedding, of length 1.
    pub embedding: Vec<f32>,
    /// How hard it is.
    pub complexity: ComplexityEstimate,
    /// The probability that it is a prompt injection, 0 to 1.
    pub injection: f32,
    /// The probability that it is abusive, 0 to 1.
    pub toxicity: f32,
    /// How much better a strong model's answer is expected to be than a cheap one's: the difference of
    /// the probabilities that they are right, −1 to 1.
    pub gain: f32,
    /// Whether it gives numbers by which an answer can be checked.
    pub can_be_checked: bool,
    /// How many tokens it has.
    pub tokens: u64,
}

/// Analyses queries.
#[async_trait]
pub trait Analyst: Send + Sync {
    /// What can be told of `query`.
    ///
    /// # Errors
    /// [`ModelUnavailable`] when the encoder or a head cannot run.
    async fn analyse(&self, query: &str) -> Result<Analysis, ModelUnavailable>;

    /// The gain that is expected now that a cheap model has answered `answer`, −1 to 1; `None` when
    /// the answer has nothing that can be checked. An analyst that reads no answers says `None`.
    ///
    /// # Errors
    /// [`ModelUnavailable`] when the head cannot run.
    async fn gain_after(
        &self,
        _analysis: &Analysis,
        _query: &str,
        _answer: &str,
    ) -> Result<Option<f32>, ModelUnavailable> {
        Ok(None)
    }

    /// How many tokens `text` has, by the encoder's tokenizer.
    fn count_tokens(&self, text: &str) -> u64;
}

/// Tells whether two questions ask the same.
#[async_trait]
pub trait QuestionMatcher: Send + Sync {
    /// The probability, 0 to 1, that an answer to `asked` answers `query` too.
    ///
    /// # Errors
    /// [`ModelUnavailable`] when the model cannot run.
    async fn same(&self, query: &str, asked: &str) -> Result<f32, ModelUnavailable>;
}

/// A piece of an agent's knowledge.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// Its name within the agent's knowledge, stable while its content is.
    pub id: String,
    /// Its heading or question.
    pub title: String,
    /// Its text: the stored answer.
    pub text: String,
    /// How well it matches the query, 0 to 1.
    pub score: f32,
}

/// Where an answer was taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The passage's name.
    pub id: String,
    /// Its heading or question.
    pub title: String,
}

/// What an agent's knowledge has on a query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Retrieval {
    /// The best passages, best first.
    pub passages: Vec<Passage>,
    /// The calibrated probability that the first passage answers the query, 0 to 1.
    pub answerability: f32,
}

/// An answer of the local tier.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalAnswer {
    /// The answer.
    pub text: String,
    /// Which local model gave it.
    pub model: ModelId,
    /// What it was taken from.
    pub sources: Vec<Source>,
}

/// An agent's own knowledge: retrieval, and answers taken from it.
#[async_trait]
pub trait KnowledgeBase: Send + Sync {
    /// The passages of `agent` that match `query` best, at most `limit`, and whether they answer it.
    ///
    /// # Errors
    /// [`ModelUnavailable`] when the index of the agent cannot be read.
    async fn retrieve(
        &self,
        agent: &AgentId,
        query: &str,
        analysis: &Analysis,
        limit: usize,
    ) -> Result<Retrieval, ModelUnavailable>;

    /// The answer that `retrieval` holds in the words of the knowledge, with the disclaimers that
    /// the brand puts under it; `None` when there is nothing to answer with. Never invents.
    fn answer(&self, brand: &BrandProfile, query: &str, retrieval: &Retrieval) -> Option<LocalAnswer>;

    /// A name for the agent's knowledge that changes when its content does.
    fn version(&self, agent: &AgentId) -> String;
}

/// Answers from passages in words of its own, where none of them is the answer as it stands.
#[async_trait]
pub trait GroundedAnswerer: Send + Sync {
    /// An answer to `query` from the passages of `retrieval`, with the disclaimers that the brand puts under it; `None` when
    /// there is none to be had in good time. When the returned future is dropped the work ends.
    async fn answer(&self, brand: &BrandProfile, query: &str, retrieval: &Retrieval) -> Option<LocalAnswer>;
}

/// What a validator is given.
#[derive(Clone, Copy, Debug)]
pub struct Validation<'a> {
    /// Whose rules.
    pub brand: &'a BrandProfile,
    /// The question.
    pub query: &'a str,
    /// Its embedding.
    pub query_embedding: &'a [f32],
    /// The answer to be judged.
    pub answer: &'a str,
    /// The passages it may rely on; empty when none were retrieved.
    pub passages: &'a [Passage],
    /// Whether the answer has to be taken from the passages.
    pub must_be_grounded: bool,
    /// How probable it is, before anybody reads it, that an answer from there is acceptable, above 0 and below 1: 0.5 when
    /// nothing is known of where it comes from.
    pub prior: f32,
    /// The probability that the first passage answers the question, 0 to 1, when it is the answer; `None` when nobody told.
    pub answerability: Option<f32>,
    /// The system prompt that must not leak; empty when there was none.
    pub system_prompt: &'a str,
}

/// Judges answers.
#[async_trait]
pub trait Validator: Send + Sync {
    /// How good the answer is.
    ///
    /// # Errors
    /// [`ModelUnavailable`] when a part cannot run: an answer that was not judged is not delivered.
    async fn validate(&self, validation: Validation<'_>) -> Result<Quality, ModelUnavailable>;
}

/// Rewrites a middling answer without a paid model.
#[async_trait]
pub trait Rephraser: Send + Sync {
    /// A better form of the answer: in the brand's voice, shorter, without what was flagged;
    /// `None` when there is nothing to change.
    ///
    /// # Errors
    /// [`ModelUnavailable`] when the model cannot run.
    async fn rephrase(&self, validation: Validation<'_>, quality: &Quality)
    -> Result<Option<String>, ModelUnavailable>;
}

/// Judges answers by rules alone, without any model.
pub trait RuleCheck: Send + Sync {
    /// The fault for which the answer must not be delivered, as far as rules can tell; never
    /// [`HardFail::Toxic`]. The query's embedding may be empty.
    fn fault(&self, validation: Validation<'_>) -> Option<HardFail>;
}

/// The local models and the agents' knowledge as files.
#[async_trait]
pub trait LocalModels: Send + Sync {
    /// Fetches the model's artifacts where they are missing, verifies every one by length and
    /// SHA-256 before anything parses it, loads it and runs its self-test.
    ///
    /// # Errors
    /// [`ModelUnavailable`] with the reason.
    async fn prepare(&self, model: &ModelId) -> Result<ReleasedModel, ModelUnavailable>;

    /// Fetches the index of the agent's knowledge as its files are now, and reads it.
    ///
    /// # Errors
    /// [`ModelUnavailable`] with the reason.
    async fn prepare_knowledge(&self, agent: &AgentId) -> Result<ReleasedKnowledge, ModelUnavailable>;
}
