//! Digests drawn by hand, for tests.

use super::digest::{Digest, Rating, Seen, Try};
use crate::complexity::Tier;
use crate::ids::{RequestId, Tenant};
use crate::money::Usd;
use crate::outcome::{Attempt, Feedback, KnowledgeRecord, Origin, Outcome, QuantizedVector, QueryRecord};
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

/// Adds `count` simple requests to `digest` that followed the version and were answered so.
pub(super) fn add(
    digest: &mut Digest,
    version: u32,
    count: u32,
    (model, score, cost): (&str, f32, i64),
    said: &[Feedback],
) {
    for number in 0..count {
        let quality = Quality {
            score,
            relevance: score,
            coherence: score,
            groundedness: None,
            brand: 1.0,
            toxicity: 0.0,
            hard_fail: None,
        };
        let attempt = Attempt { cost: Usd::from_nanos(cost), ..Attempt::skipped(model, "delivered") };
        let knowledge = KnowledgeRecord { passage: "faq#x".to_owned(), answerability: 0.9 };
        let place = u32::try_from(digest.requests).unwrap();
        let outcome = Outcome {
            request: request(place),
            at: Timestamp::from_millis(1_780_000_000_000),
            tenant: Tenant::parse("shop").unwrap(),
            agent: crate::ids::AgentId::parse("rprd").unwrap(),
            policy: version,
            arm: Arm::Local,
            query: Some(QueryRecord {
                tier: Tier::Simple,
                confidence: 0.9,
                embedding: QuantizedVector::of(&[1.0, 0.0]),
                injection: 0.0,
                toxicity: 0.0,
                gain: 0.0,
                can_be_checked: false,
                tokens: 8,
                knowledge: Some(knowledge),
            }),
            plan: Vec::new(),
            attempts: vec![attempt.judged(Some(&quality))],
            cache: None,
            origin: if cost == 0 { Origin::Local } else { Origin::Paid },
            model: None,
            score: Some(score),
            escalated: false,
            shadow: None,
            cost: Usd::from_nanos(cost),
            baseline: Usd::from_nanos(1_000_000),
            latency_ms: 100,
            error: None,
            feedback: said.get(number as usize).copied(),
            words: None,
        };
        digest.add(&outcome, &usual().quality);
    }
}
