//! Outcomes of requests that were never made.

use farthing_domain::complexity::Tier;
use farthing_domain::ids::{AgentId, ModelId, RequestId, Tenant};
use farthing_domain::money::Usd;
use farthing_domain::outcome::{Attempt, Origin, Outcome, QuantizedVector, QueryRecord};
use farthing_domain::quality::Quality;
use farthing_domain::rollout::Arm;
use farthing_domain::time::Timestamp;

/// An attempt that was judged, all parts of its score alike.
#[must_use]
pub fn judged(model: &str, outcome: &str, score: f32) -> Attempt {
    let (relevance, coherence, brand) = (score, score, 1.0);
    let quality = Quality { score, relevance, coherence, groundedness: None, brand, toxicity: 0.0, hard_fail: None };
    Attempt { latency_ms: 20, ..Attempt::skipped(model, outcome) }.judged(Some(&quality))
}

/// A simple question with this number that `DeepSeek` answered well at `at`, for $0.00008.
///
/// # Panics
/// Never: its names are valid.
#[must_use]
pub fn paid(number: u32, at: Timestamp) -> Outcome {
    let vector: Vec<f32> = (0..384_u32).map(|place| ((place * 7 + number * 13) % 29) as f32 / 29.0 - 0.5).collect();
    let cost = Usd::from_nanos(80_000);
    Outcome {
        request: RequestId::parse(&format!("{number:026}")).unwrap_or_else(|error| panic!("{error}")),
        at,
        tenant: Tenant::parse("shop").unwrap_or_else(|error| panic!("{error}")),
        agent: AgentId::parse("rprd").unwrap_or_else(|error| panic!("{error}")),
        policy: 1,
        arm: Arm::Local,
        query: Some(QueryRecord {
            tier: Tier::Simple,
            confidence: 0.95,
            embedding: QuantizedVector::of(&vector),
            injection: 0.0,
            toxicity: 0.0,
            gain: 0.0,
            can_be_checked: false,
            tokens: 9,
            knowledge: None,
        }),
        plan: Vec::new(),
        attempts: vec![Attempt { cost, ..judged("deepseek-chat", "delivered", 0.9) }],
        cache: None,
        origin: Origin::Paid,
        model: ModelId::parse("deepseek-chat").ok(),
        score: Some(0.9),
        escalated: false,
        shadow: None,
        cost,
        baseline: Usd::from_nanos(1_000_000),
        latency_ms: 900,
        error: None,
        feedback: None,
        words: None,
    }
}
