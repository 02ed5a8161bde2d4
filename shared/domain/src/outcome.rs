//! What became of a request, without any text of it unless the owner wants that.

use crate::cache::CacheHit;
use crate::complexity::Tier;
use crate::ids::{AgentId, ModelId, RequestId, Tenant};
use crate::money::Usd;
use crate::quality::Quality;
use crate::rollout::Arm;
use crate::router::Step;
use crate::time::Timestamp;

mod summary;
mod vector;

pub use summary::{Summary, score_bin};
pub use vector::QuantizedVector;

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The local tier.
    Local,
    /// A paid model.
    Paid,
    /// The answer cache.
    Cached,
    /// Refused by the screen.
    Refused,
    /// None: the request failed.
    Failed,
}

impl Origin {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Local, Self::Paid, Self::Cached, Self::Refused, Self::Failed];

    /// The origin's name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Paid => "paid",
            Self::Cached => "cached",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// What became of one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Which request.
    pub request: RequestId,
    /// When it ended.
    pub at: Timestamp,
    /// Whose request it was.
    pub tenant: Tenant,
    /// Which agent answered.
    pub agent: AgentId,
    /// The version of the policy that was followed.
    pub policy: u32,
    /// Which way the rollout sent it.
    pub arm: Arm,
    /// What was found of the query, when it got as far as being read.
    pub query: Option<QueryRecord>,
    /// The steps that were planned, in order; none when it never got as far.
    pub plan: Vec<Step>,
    /// The attempts that were made, in order.
    pub attempts: Vec<Attempt>,
    /// How the answer was found in the cache, if it was.
    pub cache: Option<CacheHit>,
    /// Where the answer came from.
    pub origin: Origin,
    /// The model that gave it.
    pub model: Option<ModelId>,
    /// Its score, 0 to 1.
    pub score: Option<f32>,
    /// Whether a later step than the first answered.
    pub escalated: bool,
    /// What else was tried beside the answer that was delivered, for comparison only.
    pub shadow: Option<Attempt>,
    /// What it cost over all attempts.
    pub cost: Usd,
    /// What the baseline model would have cost.
    pub baseline: Usd,
    /// How long it took.
    pub latency_ms: u64,
    /// The error's code, when it failed.
    pub error: Option<String>,
    /// What its caller said of it.
    pub feedback: Option<Feedback>,
    /// Question and answer, where the agent's owner wants them kept.
    pub words: Option<Words>,
}

impl Outcome {
    /// The most attempts that are recorded of one request; a cascade has fewer.
    pub const MOST_ATTEMPTS: usize = 8;

    /// The query's tier, when it got as far as being classified.
    #[must_use]
    pub fn tier(&self) -> Option<Tier> {
        self.query.as_ref().map(|query| query.tier)
    }
}

/// What was found of a query before anything answered it.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryRecord {
    /// Its tier.
    pub tier: Tier,
    /// The tier's confidence, 0 to 1.
    pub confidence: f32,
    /// Its embedding.
    pub embedding: QuantizedVector,
    /// The probability that it is a prompt injection, 0 to 1.
    pub injection: f32,
    /// The probability that it is abusive, 0 to 1.
    pub toxicity: f32,
    /// The gain expected of a stronger model, −1 to 1.
    pub gain: f32,
    /// Whether it gives numbers by which an answer can be checked.
    pub can_be_checked: bool,
    /// How many tokens it has.
    pub tokens: u64,
    /// What the agent's knowledge has on it, when that was asked.
    pub knowledge: Option<KnowledgeRecord>,
}

/// What an agent's knowledge has on a query.
#[derive(Clone, Debug, PartialEq)]
pub struct KnowledgeRecord {
    /// The best passage's name.
    pub passage: String,
    /// The probability that it answers, 0 to 1.
    pub answerability: f32,
}

/// One attempt at an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Which model: `knowledge` or a registry id.
    pub model: String,
    /// What became of it: `delivered`, `rephrased`, `best_effort`, `unjudged`, `low_score`, `doubted`, the name of a hard
    /// fail, or why there was no answer.
    pub outcome: String,
    /// Its score, when it gave an answer.
    pub score: Option<f32>,
    /// The score as the validator gave it, before it was read as the policy's version says.
    pub raw_score: Option<f32>,
    /// What its score was made of, when it was judged for this request.
    pub quality: Option<Quality>,
    /// What it cost.
    pub cost: Usd,
    /// How long it took.
    pub latency_ms: u64,
}

impl Attempt {
    /// An attempt that was not made, for the reason `outcome`.
    #[must_use]
    pub fn skipped(model: &str, outcome: impl Into<String>) -> Self {
        let (model, outcome) = (model.to_owned(), outcome.into());
        Self { model, outcome, score: None, raw_score: None, quality: None, cost: Usd::ZERO, latency_ms: 0 }
    }

    /// The attempt with what its answer was found to be.
    #[must_use]
    pub fn judged(self, quality: Option<&Quality>) -> Self {
        let score = quality.map(|quality| quality.score);
        Self { score, raw_score: score, quality: quality.cloned(), ..self }
    }
}

/// What a caller said of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feedback {
    /// It helped.
    Helpful,
    /// It did not.
    Unhelpful,
}

impl Feedback {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Helpful, Self::Unhelpful];

    /// The name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Helpful => "helpful",
            Self::Unhelpful => "unhelpful",
        }
    }
}

/// A question and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The question.
    pub question: String,
    /// The answer.
    pub answer: String,
    /// Whether other messages came before the question, so that it may mean something only together with them.
    pub is_follow_up: bool,
}

impl Words {
    /// The most characters that are kept of each.
    pub const MOST_CHARS: usize = 2_000;

    /// The beginnings of both; the question begins the conversation.
    #[must_use]
    pub fn new(question: &str, answer: &str) -> Self {
        let beginning = |text: &str| text.chars().take(Self::MOST_CHARS).collect();
        Self { question: beginning(question), answer: beginning(answer), is_follow_up: false }
    }
}
