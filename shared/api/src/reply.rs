//! Answers as callers see them.

use farthing_domain::ids::RequestId;
use farthing_domain::ledger::StoredReply;
use farthing_domain::outcome::Feedback;
use farthing_domain::ports::Rated;
use farthing_domain::quality::Quality;
use farthing_gateway::AnswerError;
use farthing_gateway::receipt::{Answer, Attempt, Judgement};
use serde_json::{Value, json};

use crate::error::{ApiError, status_of};

/// A reply: status, JSON body and the one header that some have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Seconds for the `Retry-After` header.
    pub retry_after: Option<u64>,
    /// The JSON body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A reply with status 200.
    #[must_use]
    pub fn ok(body: &Value) -> Self {
        Self { status: 200, retry_after: None, body: body.to_string().into_bytes() }
    }
}

impl From<StoredReply> for Reply {
    fn from(stored: StoredReply) -> Self {
        Self { status: stored.status, retry_after: None, body: stored.body }
    }
}

impl From<Reply> for StoredReply {
    fn from(reply: Reply) -> Self {
        Self { status: reply.status, body: reply.body }
    }
}

/// The reply to one request, answered or not.
#[must_use]
pub fn of(result: &Result<Answer, AnswerError>, request_id: &str) -> Reply {
    match result {
        Ok(answer) => Reply::ok(&answer_json(answer)),
        Err(AnswerError::AlreadyAnswered(stored)) => stored.clone().into(),
        Err(error) => status_of(error).reply(request_id),
    }
}

/// The reply to feedback; `None` when the store cannot be reached.
///
/// # Errors
/// [`ApiError`] when it is not noted.
pub fn rated(rated: Option<Rated>, request: &RequestId, feedback: Feedback) -> Result<Reply, ApiError> {
    match rated {
        Some(Rated::Noted) => Ok(Reply::ok(&json!({"id": request.as_str(), "feedback": feedback.as_str()}))),
        Some(Rated::Otherwise) => Err(ApiError::rated_otherwise()),
        Some(Rated::Unknown) => Err(ApiError::unknown_request()),
        None => Err(ApiError::unavailable("the outcome store")),
    }
}

/// The JSON of an answer with its receipt.
#[must_use]
pub fn answer_json(answer: &Answer) -> Value {
    let route = &answer.route;
    let mut json = json!({
        "id": answer.id.as_str(),
        "answer": answer.text,
        "sources": answer.sources.iter().map(|source| json!({"id": source.id, "title": source.title})).collect::<Vec<_>>(),
        "route": {
            "complexity": route.complexity.map(|(tier, _)| tier.as_str()),
            "confidence": route.complexity.map(|(_, confidence)| rounded(confidence)),
            "provider": route.provider,
            "model": route.model,
            "escalated": route.escalated,
            "rephrased": route.rephrased,
            "best_effort": route.best_effort,
            "unjudged": route.unjudged,
            "cache": route.cache.map(|hit| hit.as_str()),
            "rollout": route.arm.as_str(),
            "attempts": route.attempts.iter().map(attempt_json).collect::<Vec<_>>(),
        },
        "quality": answer.quality.as_ref().map(judgement_json),
        "usage": {"input_tokens": answer.tokens.0, "output_tokens": answer.tokens.1},
        "cost": {
            "usd": answer.cost.to_string(),
            "baseline_usd": answer.baseline.to_string(),
            "saved_usd": saved(answer),
        },
        "latency_ms": answer.latency_ms,
    });
    if let Some(age) = route.stale {
        json["stale"] = json!(true);
        json["age_s"] = json!(age.as_secs());
    }
    json
}

/// What was saved against the baseline; negative when the route cost more.
fn saved(answer: &Answer) -> String {
    let saved = answer.baseline.nanos().saturating_sub(answer.cost.nanos());
    farthing_domain::money::Usd::from_nanos(saved).to_string()
}

/// The JSON of one attempt.
#[must_use]
pub fn attempt_json(attempt: &Attempt) -> Value {
    json!({
        "model": attempt.model,
        "outcome": attempt.outcome,
        "score": attempt.score.map(rounded),
        "cost_usd": attempt.cost.to_string(),
        "latency_ms": attempt.latency_ms,
    })
}

fn judgement_json(judgement: &Judgement) -> Value {
    let part = |of: fn(&Quality) -> f32| judgement.parts.as_ref().map(of).map(rounded);
    json!({
        "score": rounded(judgement.score),
        "action": judgement.action.as_str(),
        "relevance": part(|quality| quality.relevance),
        "coherence": part(|quality| quality.coherence),
        "groundedness": judgement.parts.as_ref().and_then(|quality| quality.groundedness).map(rounded),
        "toxicity": part(|quality| quality.toxicity),
        "brand": part(|quality| quality.brand),
    })
}

/// A probability with four decimals: more would claim a precision that it has not.
fn rounded(value: f32) -> f64 {
    (f64::from(value) * 10_000.0).round() / 10_000.0
}
