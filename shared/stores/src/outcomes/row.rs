//! An outcome as an item: 1 KB with two attempts, so that it is written for the price of one.

use aws_sdk_dynamodb::types::AttributeValue;
use farthing_domain::cache::CacheHit;
use farthing_domain::complexity::Tier;
use farthing_domain::ids::{AgentId, ModelId, RequestId, Tenant};
use farthing_domain::money::Usd;
use farthing_domain::outcome::{
    Attempt, Feedback, KnowledgeRecord, Origin, Outcome, QuantizedVector, QueryRecord, Words,
};
use farthing_domain::quality::{HardFail, Quality};
use farthing_domain::rollout::Arm;
use farthing_domain::router::Step;
use farthing_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{FEEDBACK, KEPT, TENANT};
use crate::item::{Item, Malformed, SK, TTL, bytes, fraction, get_bytes, get_number, get_text, item, number, text};

/// What stands for the local step in a plan; no paid model has this name.
const LOCAL: &str = "local";

/// One attempt, with one letter for each name.
#[derive(Serialize, Deserialize)]
struct AttemptRow {
    m: String,
    o: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s: Option<f32>,
    /// The score before it was read, where that changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    q: Option<QualityRow>,
    c: i64,
    t: u64,
}

/// Relevance, coherence, groundedness, brand, toxicity, and the hard fail.
#[derive(Serialize, Deserialize)]
struct QualityRow(f32, f32, Option<f32>, f32, f32, Option<String>);

/// The attributes of `outcome` beside its key.
pub(super) fn write(outcome: &Outcome) -> Result<Item, serde_json::Error> {
    let mut row = item([
        ("at_ms", number(outcome.at.millis())),
        (TENANT, text(outcome.tenant.as_str())),
        ("agent", text(outcome.agent.as_str())),
        ("policy", number(outcome.policy.into())),
        ("arm", text(outcome.arm.as_str())),
        ("origin", text(outcome.origin.as_str())),
        ("escalated", AttributeValue::Bool(outcome.escalated)),
        ("cost", number(outcome.cost.nanos())),
        ("baseline", number(outcome.baseline.nanos())),
        ("ms", AttributeValue::N(outcome.latency_ms.to_string())),
        (TTL, number(outcome.at.plus(KEPT).seconds())),
    ]);
    let plan: Vec<&str> = outcome.plan.iter().map(name_of).collect();
    let attempts: Vec<AttemptRow> = outcome.attempts.iter().take(Outcome::MOST_ATTEMPTS).map(AttemptRow::of).collect();
    let shadow = outcome.shadow.as_ref().map(|shadow| serde_json::to_string(&AttemptRow::of(shadow))).transpose()?;
    let query = outcome.query.as_ref();
    let knowledge = query.and_then(|query| query.knowledge.as_ref());
    let optional = [
        ("plan", (!plan.is_empty()).then(|| text(plan.join(" ")))),
        ("tries", (!attempts.is_empty()).then(|| serde_json::to_string(&attempts)).transpose()?.map(text)),
        ("shadow", shadow.map(text)),
        ("cache", outcome.cache.map(|hit| text(hit.as_str()))),
        ("model", outcome.model.as_ref().map(|model| text(model.as_str()))),
        ("score", outcome.score.and_then(fraction)),
        ("error", outcome.error.as_deref().map(text)),
        (FEEDBACK, outcome.feedback.map(|feedback| text(feedback.as_str()))),
        ("question", outcome.words.as_ref().map(|words| text(words.question.as_str()))),
        ("answer", outcome.words.as_ref().map(|words| text(words.answer.as_str()))),
        ("follow_up", outcome.words.as_ref().filter(|words| words.is_follow_up).map(|_| AttributeValue::Bool(true))),
        ("tier", query.map(|query| text(query.tier.as_str()))),
        ("sure", query.and_then(|query| fraction(query.confidence))),
        ("vector", query.map(|query| bytes(query.embedding.to_bytes()))),
        ("attack", query.and_then(|query| fraction(query.injection))),
        ("abuse", query.and_then(|query| fraction(query.toxicity))),
        ("gain", query.and_then(|query| fraction(query.gain))),
        ("sums", query.map(|query| AttributeValue::Bool(query.can_be_checked))),
        ("tokens", query.map(|query| AttributeValue::N(query.tokens.to_string()))),
        ("passage", knowledge.map(|knowledge| text(knowledge.passage.as_str()))),
        ("holds", knowledge.and_then(|knowledge| fraction(knowledge.answerability))),
    ];
    row.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Ok(row)
}

/// The outcome of an item.
pub(super) fn read(row: &Item) -> Result<Outcome, Malformed> {
    Ok(Outcome {
        request: parsed(row, SK, |text| RequestId::parse(text).ok())?,
        at: Timestamp::from_millis(get_number(row, "at_ms")?),
        tenant: parsed(row, TENANT, |text| Tenant::parse(text).ok())?,
        agent: parsed(row, "agent", |text| AgentId::parse(text).ok())?,
        policy: get_number(row, "policy")?,
        arm: parsed(row, "arm", |text| [Arm::Local, Arm::Paid, Arm::Shadow].into_iter().find(|a| a.as_str() == text))?,
        query: query(row)?,
        plan: optional(row, "plan", |text| text.split(' ').map(step).collect())?.unwrap_or_default(),
        attempts: attempts(row)?,
        cache: optional(row, "cache", |text| {
            [CacheHit::Exact, CacheHit::Semantic].into_iter().find(|hit| hit.as_str() == text)
        })?,
        origin: parsed(row, "origin", |text| Origin::ALL.into_iter().find(|origin| origin.as_str() == text))?,
        model: optional(row, "model", |text| ModelId::parse(text).ok())?,
        score: optional_number(row, "score")?,
        escalated: flag(row, "escalated")?,
        shadow: optional(row, "shadow", |text| {
            serde_json::from_str::<AttemptRow>(text).ok().and_then(AttemptRow::into_attempt)
        })?,
        cost: Usd::from_nanos(get_number(row, "cost")?),
        baseline: Usd::from_nanos(get_number(row, "baseline")?),
        latency_ms: get_number(row, "ms")?,
        error: optional(row, "error", |text| Some(text.to_owned()))?,
        feedback: optional(row, FEEDBACK, feedback)?,
        words: words(row)?,
    })
}

/// What was said of the outcome, if anything.
pub(super) fn feedback(text: &str) -> Option<Feedback> {
    Feedback::ALL.into_iter().find(|feedback| feedback.as_str() == text)
}

fn query(row: &Item) -> Result<Option<QueryRecord>, Malformed> {
    let tier = |text: &str| Tier::ALL.into_iter().find(|tier| tier.as_str() == text);
    let Some(tier) = optional(row, "tier", tier)? else { return Ok(None) };
    let passage = optional(row, "passage", |text| Some(text.to_owned()))?;
    let knowledge = passage.map(|passage| {
        let answerability = optional_number(row, "holds")?.unwrap_or(f32::NAN);
        Ok(KnowledgeRecord { passage, answerability })
    });
    let share = |name| Ok(optional_number(row, name)?.unwrap_or(f32::NAN));
    Ok(Some(QueryRecord {
        tier,
        confidence: share("sure")?,
        embedding: QuantizedVector::from_bytes(get_bytes(row, "vector")?).ok_or(Malformed("vector"))?,
        injection: share("attack")?,
        toxicity: share("abuse")?,
        gain: share("gain")?,
        can_be_checked: flag(row, "sums")?,
        tokens: get_number(row, "tokens")?,
        knowledge: knowledge.transpose()?,
    }))
}

fn words(row: &Item) -> Result<Option<Words>, Malformed> {
    if !row.contains_key("question") {
        return Ok(None);
    }
    let [question, answer] = [get_text(row, "question")?, get_text(row, "answer")?].map(str::to_owned);
    Ok(Some(Words { question, answer, is_follow_up: row.contains_key("follow_up") }))
}

fn attempts(row: &Item) -> Result<Vec<Attempt>, Malformed> {
    let read = |text: &str| {
        let rows: Vec<AttemptRow> = serde_json::from_str(text).ok()?;
        rows.into_iter().map(AttemptRow::into_attempt).collect()
    };
    Ok(optional(row, "tries", read)?.unwrap_or_default())
}

fn name_of(step: &Step) -> &str {
    match step {
        Step::Local => LOCAL,
        Step::Paid(model) => model.as_str(),
    }
}

fn step(name: &str) -> Option<Step> {
    if name == LOCAL { Some(Step::Local) } else { ModelId::parse(name).ok().map(Step::Paid) }
}

fn parsed<T>(row: &Item, name: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Malformed> {
    parse(get_text(row, name)?).ok_or(Malformed(name))
}

fn optional<T>(row: &Item, name: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Malformed> {
    row.contains_key(name).then(|| parsed(row, name, parse)).transpose()
}

fn optional_number(row: &Item, name: &'static str) -> Result<Option<f32>, Malformed> {
    row.contains_key(name).then(|| get_number(row, name)).transpose()
}

fn flag(row: &Item, name: &'static str) -> Result<bool, Malformed> {
    row.get(name).and_then(|value| value.as_bool().ok()).copied().ok_or(Malformed(name))
}

impl AttemptRow {
    fn of(attempt: &Attempt) -> Self {
        let finite = |value: &f32| value.is_finite();
        Self {
            m: attempt.model.clone(),
            o: attempt.outcome.clone(),
            s: attempt.score.filter(finite),
            r: attempt.raw_score.filter(|raw| finite(raw) && attempt.score != Some(*raw)),
            q: attempt.quality.as_ref().and_then(QualityRow::of),
            c: attempt.cost.nanos(),
            t: attempt.latency_ms,
        }
    }

    fn into_attempt(self) -> Option<Attempt> {
        let quality = match (self.q, self.s) {
            (Some(parts), Some(score)) => Some(parts.into_quality(score)?),
            _ => None,
        };
        let (cost, latency_ms) = (Usd::from_nanos(self.c), self.t);
        let (score, raw_score) = (self.s, self.r.or(self.s));
        Some(Attempt { model: self.m, outcome: self.o, score, raw_score, quality, cost, latency_ms })
    }
}

impl QualityRow {
    /// `None` when a part is no number, which JSON cannot hold.
    fn of(quality: &Quality) -> Option<Self> {
        let Quality { relevance, coherence, groundedness, brand, toxicity, hard_fail, .. } = *quality;
        let parts = [relevance, coherence, groundedness.unwrap_or_default(), brand, toxicity];
        let hard_fail = hard_fail.map(|fault| fault.as_str().to_owned());
        let row = Self(relevance, coherence, groundedness, brand, toxicity, hard_fail);
        parts.iter().all(|part| part.is_finite()).then_some(row)
    }

    fn into_quality(self, score: f32) -> Option<Quality> {
        let Self(relevance, coherence, groundedness, brand, toxicity, hard_fail) = self;
        let hard_fail = match hard_fail {
            None => None,
            Some(name) => Some(HardFail::ALL.into_iter().find(|fault| fault.as_str() == name)?),
        };
        Some(Quality { score, relevance, coherence, groundedness, brand, toxicity, hard_fail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(model: &str, outcome: &str) -> Attempt {
        let quality = Quality {
            score: 0.912_345_6,
            relevance: 0.723_456_7,
            coherence: 0.748_576_2,
            groundedness: Some(0.901_234_5),
            brand: 1.0,
            toxicity: 0.001_234_5,
            hard_fail: None,
        };
        Attempt { cost: Usd::from_nanos(59_123), latency_ms: 2_310, ..Attempt::skipped(model, outcome) }
            .judged(Some(&quality))
    }

    /// An answer of the second of two steps, with everything but words.
    fn usual() -> Outcome {
        let vector: Vec<f32> = (0_u16..384).map(|at| f32::from(at % 17) / 100.0).collect();
        let passage = "pricing#what-is-your-pricing".to_owned();
        Outcome {
            request: RequestId::parse("01KB7Q3W8D0000000000000000").unwrap(),
            at: Timestamp::from_millis(1_796_080_500_000),
            tenant: Tenant::parse("web-shop").unwrap(),
            agent: AgentId::parse("rprd").unwrap(),
            policy: 17,
            arm: Arm::Local,
            query: Some(QueryRecord {
                tier: Tier::Simple,
                confidence: 0.912_345_6,
                embedding: QuantizedVector::of(&vector),
                injection: 0.001_234_5,
                toxicity: 0.001_234_5,
                gain: -0.041_234_5,
                can_be_checked: false,
                tokens: 12,
                knowledge: Some(KnowledgeRecord { passage, answerability: 0.412_345_6 }),
            }),
            plan: vec!["deepseek-chat", "claude-sonnet"].into_iter().filter_map(step).collect(),
            attempts: vec![attempt("deepseek-chat", "low_score"), attempt("claude-sonnet", "delivered")],
            cache: None,
            origin: Origin::Paid,
            model: ModelId::parse("claude-sonnet").ok(),
            score: Some(0.912_345_6),
            escalated: true,
            shadow: None,
            cost: Usd::from_nanos(118_246),
            baseline: Usd::from_nanos(1_800_000),
            latency_ms: 4_711,
            error: None,
            feedback: None,
            words: None,
        }
    }

    /// As DynamoDB counts, at most.
    fn size(row: &Item) -> usize {
        let of = |value: &AttributeValue| match value {
            AttributeValue::S(text) => text.len(),
            AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
            AttributeValue::B(bytes) => bytes.as_ref().len(),
            _ => 1,
        };
        row.iter().map(|(name, value)| name.len() + of(value)).sum()
    }

    #[test]
    fn an_outcome_is_written_for_the_price_of_a_kilobyte_and_is_never_long() {
        let mut usual = usual();
        let key = "PKSK".len() + "OUTCOME#2026-11-29#00".len() + 26;
        let bytes = size(&write(&usual).unwrap()) + key;
        assert!(bytes <= 1_024, "{bytes}");

        let long = "m".repeat(64);
        usual.attempts = vec![attempt(&long, "wrong_language"); 40];
        usual.plan = vec![Step::Paid(ModelId::parse(&long).unwrap()); 8];
        usual.words = Some(Words::new(&"é".repeat(30_000), &"語".repeat(30_000)));
        let bytes = size(&write(&usual).unwrap()) + key;
        assert!(bytes <= 14_000, "{bytes}");
    }

    #[test]
    fn an_item_of_another_shape_is_refused_by_name() {
        let mut row = write(&usual()).unwrap();
        row.insert(SK.to_owned(), text("01KB7Q3W8D0000000000000000"));
        assert_eq!(read(&row).unwrap(), usual());
        for name in ["at_ms", TENANT, "arm", "origin", "vector", "tries", "plan", "sure", "escalated"] {
            let broken = Item::from_iter(row.clone().into_iter().map(|(key, value)| {
                let value = if key == name { text("no such value!") } else { value };
                (key, value)
            }));
            assert_eq!(read(&broken).unwrap_err().0, name);
        }
    }
}
