//! An answer with its receipt: how it came about and what it cost.

use std::time::Duration;

use farthing_domain::cache::CacheHit;
use farthing_domain::complexity::Tier;
use farthing_domain::ids::RequestId;
use farthing_domain::money::Usd;
pub use farthing_domain::outcome::Attempt;
use farthing_domain::ports::Source;
use farthing_domain::quality::{Quality, Verdict};
use farthing_domain::rollout::Arm;

/// An answer with its receipt.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The request's own name.
    pub id: RequestId,
    /// The answer.
    pub text: String,
    /// What it was taken from, when the local knowledge gave it.
    pub sources: Vec<Source>,
    /// How it came about.
    pub route: Route,
    /// How good it is; `None` for a polite refusal, which is not judged, and for an unjudged answer.
    pub quality: Option<Judgement>,
    /// Input and output tokens of the attempt that gave it.
    pub tokens: (u64, u64),
    /// What all attempts cost together.
    pub cost: Usd,
    /// What the baseline model would have cost for the same tokens.
    pub baseline: Usd,
    /// How long it took.
    pub latency_ms: u64,
}

/// How an answer came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The query's tier with its calibrated probability, 0 to 1; `None` when nothing could classify it.
    pub complexity: Option<(Tier, f32)>,
    /// Whose answer: `local`, `cache`, or a provider's id.
    pub provider: String,
    /// Which model gave it.
    pub model: String,
    /// Whether a later step than the first gave it.
    pub escalated: bool,
    /// Whether it was rephrased.
    pub rephrased: bool,
    /// Whether it is the best of a chain in which nothing passed validation.
    pub best_effort: bool,
    /// Whether nothing could judge it: the local models were not to be had, and it was checked by
    /// rules alone.
    pub unjudged: bool,
    /// How it was found in the answer cache, if it was.
    pub cache: Option<CacheHit>,
    /// The age of an answer that is past its freshness and served because the budget is gone.
    pub stale: Option<Duration>,
    /// Which way the rollout sent the request.
    pub arm: Arm,
    /// Every attempt, in order.
    pub attempts: Vec<Attempt>,
}

/// How an answer was judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The score, 0 to 1.
    pub score: f32,
    /// What followed from the first validation.
    pub action: Verdict,
    /// The parts; `None` for a cached answer, whose score alone was kept.
    pub parts: Option<Quality>,
}

/// What `attempts` cost together.
#[must_use]
pub fn total_cost(attempts: &[Attempt]) -> Usd {
    attempts.iter().map(|attempt| attempt.cost).sum()
}
