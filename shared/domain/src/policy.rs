//! What the owner decides: cascades, thresholds, rollout, budget and cache rules.

use std::time::Duration;

use serde::Deserialize;

use crate::complexity::Tier;
use crate::ids::ModelId;
use crate::money::Usd;
use crate::registry::Registry;
use crate::rollout::Stage;
use crate::weekly::drift::DriftRules;
use crate::weekly::promotion::PromotionRules;

mod learning;
mod tuning;

pub use learning::{Approval, LearningPolicy};
pub use tuning::{Calibration, Thresholds, Tuning};
pub(crate) use tuning::{logit, sigmoid};

/// The policy, as `infra/policy.toml` states it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The policy's version; counts up with every published change.
    pub version: u32,
    /// The paid model that costs are compared with.
    pub baseline: ModelId,
    /// What may be spent.
    pub budget: BudgetPolicy,
    /// When answers are delivered, rephrased or escalated.
    pub quality: QualityThresholds,
    /// The cascade of each tier.
    pub tiers: Tiers,
    /// What a predicted gain from a strong model changes.
    pub gain: GainPolicy,
    /// How far local answers are rolled out.
    pub rollout: RolloutPolicy,
    /// When earlier answers are given again.
    pub cache: CacheRules,
    /// What is refused before anything answers.
    pub screen: ScreenPolicy,
    /// From when on a week counts as another one than the weeks before.
    pub drift: DriftRules,
    /// How it learns from week to week.
    pub learning: LearningPolicy,
    /// Limits of time and load.
    pub limits: Limits,
}

/// What may be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetPolicy {
    /// The month's cap.
    pub monthly_usd: Usd,
    /// The percentage of the cap at which spending stops, 1 to 100.
    pub stop_percent: u8,
    /// The most that one request may cost over all its attempts.
    pub per_request_usd: Usd,
    /// The most that may be reserved in a day, within the month's, for answers that are compared and never delivered.
    pub compare_daily_usd: Usd,
}

impl BudgetPolicy {
    /// The line that reserved and settled money together never cross.
    #[must_use]
    pub fn stop_line(&self) -> Usd {
        self.monthly_usd.percent_floor(self.stop_percent)
    }
}

/// When answers are delivered, rephrased or escalated: probabilities of being acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualityThresholds {
    /// Above it an answer is delivered as it is.
    pub deliver: f32,
    /// From it up an answer is rephrased once; below it a better model tries.
    pub rephrase: f32,
    /// Below it an answer is never delivered, even at the end of the chain.
    pub floor: f32,
    /// The share of paid models' answers that are acceptable, before anybody reads them.
    pub paid_prior: f32,
}

/// The cascade of each tier.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tiers {
    /// The cascade of simple queries.
    pub simple: TierPolicy,
    /// The cascade of medium queries.
    pub medium: TierPolicy,
    /// The cascade of high queries.
    pub high: TierPolicy,
    /// The cascade of creative queries.
    pub creative: TierPolicy,
}

impl Tiers {
    /// The cascade of `tier`.
    #[must_use]
    pub const fn of(&self, tier: Tier) -> &TierPolicy {
        match tier {
            Tier::Simple => &self.simple,
            Tier::Medium => &self.medium,
            Tier::High => &self.high,
            Tier::Creative => &self.creative,
        }
    }
}

impl Tiers {
    /// The cheap model: the one that medium queries are sent to first.
    #[must_use]
    pub fn cheap(&self) -> Option<&ModelId> {
        self.medium.paid.first()
    }
}

/// What a predicted gain changes: how much more probably a strong model is right than a cheap one.
/// The cheap model is the one that medium queries are sent to first.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GainPolicy {
    /// Below it a high query, whose cascade begins at a strong model, begins at the cheap one.
    pub cheap_below: f32,
    /// From it up a query whose cascade begins at the cheap model begins at the next one.
    pub strong_from: f32,
    /// The bound in place of both for a query that gives the numbers by which an answer can be checked: reading the cheap
    /// answer tells more than reading the question.
    pub check_below: f32,
    /// From it up, once the cheap model's answer is read, a better model tries although the answer passed.
    pub doubt_from: f32,
}

/// One tier's cascade.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierPolicy {
    /// Whether the local tier may answer.
    pub local: LocalUse,
    /// The paid models, in order.
    pub paid: Vec<ModelId>,
}

/// Whether the local tier may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LocalUse {
    /// Whenever it has an answer.
    Always,
    /// Only when retrieval is confident.
    WhenConfident,
    /// Never.
    Never,
}

/// How far local answers are rolled out.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutPolicy {
    /// The stage.
    pub stage: Stage,
    /// At the shadow stage, the share of requests whose local answer is computed, 0 to 1.
    pub shadow_sample: f64,
    /// Of all other requests, and at later stages, the share of which the answer of another step is compared, 0 to 1.
    pub compare_sample: f64,
    /// Whether the stage stays whatever weeks say.
    pub frozen: bool,
    /// When a week says that it should change.
    pub promotion: PromotionRules,
}

/// When earlier answers are given again.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheRules {
    /// Whether answers are kept at all.
    pub enabled: bool,
    /// The least cosine similarity of a question with the same meaning.
    pub min_similarity: f32,
    /// The least probability, by reading both questions together, that they ask the same.
    pub min_same: f32,
    /// How long an answer is fresh, in hours. Older ones are served only when the budget is gone.
    pub fresh_hours: u32,
    /// How long an answer is kept, in hours.
    pub keep_hours: u32,
}

impl CacheRules {
    /// How long an answer is fresh.
    #[must_use]
    pub const fn fresh(&self) -> Duration {
        Duration::from_secs(self.fresh_hours as u64 * 3_600)
    }

    /// How long an answer is kept.
    #[must_use]
    pub const fn keep(&self) -> Duration {
        Duration::from_secs(self.keep_hours as u64 * 3_600)
    }
}

impl Default for CacheRules {
    fn default() -> Self {
        Self { enabled: true, min_similarity: 0.92, min_same: 0.8, fresh_hours: 24, keep_hours: 24 * 30 }
    }
}

/// What is refused before anything answers.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreenPolicy {
    /// From this probability of a prompt injection up the query is refused.
    pub injection: f32,
    /// From this probability of abuse up the query is refused.
    pub toxicity: f32,
}

/// Limits of time and load.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Time for a whole request, from the start of its invocation.
    pub request_ms: u64,
    /// Time for one paid attempt.
    pub step_ms: u64,
    /// Time that must remain after a paid attempt, to write its outcome and answer.
    pub margin_ms: u64,
    /// Requests in work at once in one process; more are refused with 503.
    pub in_flight: usize,
    /// Requests of one batch in work at once.
    pub batch_in_flight: usize,
    /// The confidence below which a query is treated as one tier harder, 0 to 1.
    pub min_tier_confidence: f32,
    /// The answerability from which retrieval counts as confident, 0 to 1.
    pub confident_retrieval: f32,
    /// The answerability below which the knowledge does not answer at all, 0 to 1.
    pub min_answerability: f32,
    /// The answerability from which the language model, where there is one, answers from the passages when no stored
    /// answer is delivered, 0 to 1; at 1 it never does.
    pub write_from: f32,
    /// Failures in a row that open a provider's circuit breaker.
    pub breaker_failures: u32,
    /// How long an open circuit breaker stays open.
    pub breaker_cool_down_ms: u64,
    /// Attempts after the first at the same step, when the provider says that it did not take it.
    pub retries: u32,
}

/// What is wrong with a policy that has the right shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: expected {expected}")]
pub struct InvalidPolicy {
    /// The key at fault.
    pub key: &'static str,
    /// What was expected there.
    pub expected: String,
}

impl Policy {
    /// Checks what a shape alone cannot say.
    ///
    /// # Errors
    /// [`InvalidPolicy`] with the first key at fault.
    pub fn validate(&self, registry: &Registry) -> Result<(), InvalidPolicy> {
        let quality = &self.quality;
        let limits = &self.limits;
        let is_share = |value: f32| (0.0..=1.0).contains(&value);
        let gain = &self.gain;
        let is_gain = |value: f32| (-1.0..=1.0).contains(&value);
        let (drift, promotion) = (&self.drift, &self.rollout.promotion);
        let learning = &self.learning;
        let checks: [(&'static str, bool, &str); 35] = [
            ("budget.monthly_usd", self.budget.monthly_usd > Usd::ZERO, "more than 0"),
            (
                "budget.monthly_usd",
                self.budget.monthly_usd <= Usd::from_nanos(1_000_000_000_000_000),
                "at most 1000000",
            ),
            ("budget.stop_percent", (1..=100).contains(&self.budget.stop_percent), "1 to 100"),
            ("budget.per_request_usd", self.budget.per_request_usd > Usd::ZERO, "more than 0"),
            (
                "budget.per_request_usd",
                self.budget.per_request_usd <= self.budget.stop_line(),
                "no more than the month's stop line",
            ),
            ("quality.deliver", is_share(quality.deliver), "0 to 1"),
            ("quality.rephrase", (0.0..=quality.deliver).contains(&quality.rephrase), "0 to quality.deliver"),
            ("quality.floor", (0.0..=quality.rephrase).contains(&quality.floor), "0 to quality.rephrase"),
            ("quality.paid_prior", quality.paid_prior > 0.0 && quality.paid_prior < 1.0, "above 0 and below 1"),
            ("gain.cheap_below", is_gain(gain.cheap_below), "-1 to 1"),
            ("gain.strong_from", (gain.cheap_below..=1.0).contains(&gain.strong_from), "gain.cheap_below to 1"),
            ("gain.check_below", (gain.strong_from..=1.0).contains(&gain.check_below), "gain.strong_from to 1"),
            ("gain.doubt_from", is_gain(gain.doubt_from), "-1 to 1"),
            ("rollout.shadow_sample", (0.0..=1.0).contains(&self.rollout.shadow_sample), "0 to 1"),
            ("rollout.compare_sample", (0.0..=1.0).contains(&self.rollout.compare_sample), "0 to 1"),
            (
                "budget.compare_daily_usd",
                (Usd::ZERO..=Usd::from_nanos(1_000_000_000_000)).contains(&self.budget.compare_daily_usd),
                "0 to 1000",
            ),
            (
                "learning.wrong_answer_usd",
                (Usd::ZERO..=Usd::from_nanos(1_000_000_000_000)).contains(&learning.wrong_answer_usd),
                "0 to 1000",
            ),
            ("learning.quality_floor", (0.0..=1.0).contains(&learning.quality_floor), "0 to 1"),
            ("learning.canary_share", (0.0..=0.5).contains(&learning.canary_share), "0 to 0.5"),
            (
                "learning.tenant_share",
                learning.tenant_share > 0.0 && learning.tenant_share <= 1.0,
                "above 0 and at most 1",
            ),
            ("rollout.promotion.min_samples", promotion.min_samples >= 30, "at least 30"),
            (
                "rollout.promotion",
                [promotion.margin, promotion.complaints].iter().all(|most| (0.0..=1.0).contains(most)),
                "a margin and complaints from 0 to 1",
            ),
            (
                "rollout.promotion.confidence",
                promotion.confidence > 0.5 && promotion.confidence < 1.0,
                "above 0.5 and below 1",
            ),
            ("cache.min_similarity", (0.5..=1.0).contains(&self.cache.min_similarity), "0.5 to 1"),
            ("cache.min_same", (0.0..=1.0).contains(&self.cache.min_same), "0 to 1"),
            ("cache.keep_hours", self.cache.keep_hours >= self.cache.fresh_hours, "at least cache.fresh_hours"),
            ("screen", is_share(self.screen.injection) && is_share(self.screen.toxicity), "0 to 1"),
            ("drift.false_alarms", drift.false_alarms > 0.0 && drift.false_alarms < 1.0, "above 0 and below 1"),
            (
                "drift",
                [drift.stability_index, drift.centroid, drift.new_topics, drift.score_drop]
                    .iter()
                    .all(|least| *least > 0.0),
                "numbers above 0",
            ),
            (
                "learning.min_questions",
                (LearningPolicy::LEAST_QUESTIONS..=256).contains(&self.learning.min_questions),
                "3 to 256",
            ),
            ("limits.request_ms", (1_000..=26_000).contains(&limits.request_ms), "1000 to 26000"),
            ("limits.step_ms", (100..=20_000).contains(&limits.step_ms), "100 to 20000"),
            ("limits.in_flight", limits.in_flight > 0 && limits.batch_in_flight > 0, "more than 0"),
            (
                "limits",
                [limits.min_tier_confidence, limits.confident_retrieval, limits.min_answerability, limits.write_from]
                    .into_iter()
                    .all(is_share),
                "probabilities from 0 to 1",
            ),
            ("limits.breaker_failures", limits.breaker_failures > 0, "more than 0"),
        ];
        if let Some((key, _, expected)) = checks.iter().find(|(_, holds, _)| !holds) {
            return Err(InvalidPolicy { key, expected: (*expected).to_owned() });
        }
        let is_paid = |id: &ModelId| registry.get(id).is_some_and(|model| model.api.is_some());
        for tier in Tier::ALL {
            if let Some(unknown) = self.tiers.of(tier).paid.iter().find(|id| !is_paid(id)) {
                let expected = format!("models of kind \"api\" in models.toml; `{unknown}` (tier {tier}) is none");
                return Err(InvalidPolicy { key: "tiers.*.paid", expected });
            }
        }
        if !is_paid(&self.baseline) {
            let expected = format!("a model of kind \"api\" in models.toml; `{}` is none", self.baseline);
            return Err(InvalidPolicy { key: "baseline", expected });
        }
        Ok(())
    }
}

/// The policy that the repository ships.
#[cfg(test)]
pub(crate) fn usual() -> Policy {
    toml::from_str(include_str!("../../../infra/policy.toml")).unwrap_or_else(|error| panic!("{error}"))
}
