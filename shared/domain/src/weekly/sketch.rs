//! Digests drawn by hand, for tests.

use super::digest::{Digest, Rating, Seen, Try};
use crate::complexity::Tier;
use crate::ids::{AgentId, ModelId, RequestId, Tenant};
use crate::money::Usd;
use crate::outcome::{Attempt, Feedback, Origin, Outcome, QuantizedVector, QueryRecord};
use crate::policy::usual;
use crate::quality::Quality;
use crate::rollout::Arm;
use crate::time::Timestamp;

/// The name of request `number`, which is one of many.
pub(super) fn request(number: u32) -> RequestId {
    RequestId::parse(&format!("{number:026}")).unwrap()
}

/// What was said of the answer of `model` with this score.
pub(super) fn rating(model: &str, score: f32, is_helpful: bool) -> Rating {
    let tenant = Tenant::parse("shop").unwrap();
    Rating { tenant, model: model.to_owned(), score, is_helpful, arm: Arm::Local, version: 1 }
}

/// A try of `model`, for so many nano-USD.
pub(super) fn tried(model: &str, score: f32, cost: i64) -> Try {
    Try { model: model.to_owned(), score: Some(score), is_barred: false, is_doubted: false, cost }
}

/// A simple query with this answerability of which these steps' answers are known.
pub(super) fn seen(answerability: f32, tries: Vec<Try>) -> Seen {
    Seen {
        tenant: Tenant::parse("shop").unwrap(),
        tier: Tier::Simple,
        confidence: 0.9,
        answerability,
        gain: 0.0,
        can_be_checked: false,
        tries,
    }
}

/// A digest of these.
pub(super) fn digest(seen: impl IntoIterator<Item = Seen>, ratings: impl IntoIterator<Item = Rating>) -> Digest {
    let mut digest = Digest::default();
    for (number, seen) in (0..).zip(seen) {
        digest.seen.add(&request(number), || seen);
    }
    for (number, rating) in (0..).zip(ratings) {
        digest.ratings.add(&request(number), || rating);
    }
    digest
}

/// An attempt that was judged, all parts of its score alike, for so many nano-USD.
pub(super) fn judged(model: &str, outcome: &str, score: f32, cost: i64) -> Attempt {
    let (relevance, coherence, brand) = (score, score, 1.0);
    let quality = Quality { score, relevance, coherence, groundedness: None, brand, toxicity: 0.0, hard_fail: None };
    Attempt { cost: Usd::from_nanos(cost), latency_ms: 100, ..Attempt::skipped(model, outcome) }.judged(Some(&quality))
}

/// A simple question with this number and embedding that `DeepSeek` answers, on 2026-11-30 at 23:15.
pub(super) fn paid(number: u32, embedding: &[f32]) -> Outcome {
    Outcome {
        request: request(number),
        at: Timestamp::from_millis(1_796_080_500_000),
        tenant: Tenant::parse("shop").unwrap(),
        agent: AgentId::parse("rprd").unwrap(),
        policy: 1,
        arm: Arm::Local,
        query: Some(QueryRecord {
            tier: Tier::Simple,
            confidence: 0.9,
            embedding: QuantizedVector::of(embedding),
            injection: 0.0,
            toxicity: 0.0,
            gain: 0.0,
            can_be_checked: false,
            tokens: 9,
            knowledge: None,
        }),
        plan: Vec::new(),
        attempts: vec![judged("deepseek-chat", "delivered", 0.9, 1_000)],
        cache: None,
        origin: Origin::Paid,
        model: ModelId::parse("deepseek-chat").ok(),
        score: Some(0.9),
        escalated: false,
        shadow: None,
        cost: Usd::from_nanos(1_000),
        baseline: Usd::from_nanos(9_000),
        latency_ms: 110,
        error: None,
        feedback: None,
        words: None,
    }
}

/// Adds `count` requests to `digest` that followed the version and were answered so.
pub(super) fn add(
    digest: &mut Digest,
    version: u32,
    count: u32,
    (model, score, cost): (&str, f32, i64),
    said: &[Feedback],
) {
    for number in 0..count {
        let simple = paid(u32::try_from(digest.requests).unwrap(), &[1.0, 0.0]);
        let outcome = Outcome {
            policy: version,
            attempts: vec![judged(model, "delivered", score, cost)],
            origin: if cost == 0 { Origin::Local } else { Origin::Paid },
            score: Some(score),
            cost: Usd::from_nanos(cost),
            feedback: said.get(number as usize).copied(),
            ..simple
        };
        digest.add(&outcome, &usual().quality);
    }
}
