//! What is kept of outcomes so that other decisions can be held against them: what several steps made of the same query, what
//! callers said of answers, and what came of each version of the policy.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{MOST_TENANTS, Moments, each, is_delivered};
use crate::complexity::{ComplexityEstimate, Tier};
use crate::ids::Tenant;
use crate::outcome::{Attempt, Feedback, Origin, Outcome, QueryRecord};
use crate::rollout::Arm;
use crate::router::Circumstances;
use crate::weekly::measures::Histogram;

/// How many requests are kept of which another step's answer was compared, and how many ratings.
pub const KEPT: usize = 1_024;

/// A request of which another step's answer was compared: drawn from all requests, whatever became of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Whose request it was.
    pub tenant: Tenant,
    /// Its tier.
    pub tier: Tier,
    /// How sure that was, 0 to 1.
    pub confidence: f32,
    /// The probability that the knowledge answers it, 0 to 1.
    pub answerability: f32,
    /// The gain expected of a stronger model, −1 to 1.
    pub gain: f32,
    /// Whether it gives numbers by which an answer can be checked.
    pub can_be_checked: bool,
    /// What the steps made of it.
    pub tries: Vec<Try>,
}

/// What one step made of a query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Try {
    /// The model.
    pub model: String,
    /// Its score before it was read by any calibration; none when there was no answer that could be judged.
    pub score: Option<f32>,
    /// Whether it must not be delivered whatever its score.
    pub is_barred: bool,
    /// Whether a better model was asked although it passed.
    pub is_doubted: bool,
    /// What it cost, in nano-USD.
    pub cost: i64,
}

impl Seen {
    /// What `outcome` tells; `None` unless another step's answer was compared.
    pub(super) fn of(outcome: &Outcome, query: &QueryRecord) -> Option<Self> {
        let compared = outcome.shadow.as_ref()?;
        let tries = outcome.attempts.iter().chain([compared]).map(Try::of).collect();
        Some(Self {
            tenant: outcome.tenant.clone(),
            tier: query.tier,
            confidence: query.confidence,
            answerability: query.knowledge.as_ref().map_or(0.0, |knowledge| knowledge.answerability),
            gain: query.gain,
            can_be_checked: query.can_be_checked,
            tries,
        })
    }

    /// What its plan depends on where local answers come first. The tiers that it is not have what is left of the probability.
    #[must_use]
    pub fn circumstances(&self) -> Circumstances {
        let mut probabilities = [(1.0 - self.confidence) / 3.0; 4];
        probabilities[self.tier as usize] = self.confidence.max(0.25 + f32::EPSILON);
        Circumstances {
            complexity: ComplexityEstimate::new(probabilities),
            answerability: self.answerability,
            gain: self.gain,
            can_be_checked: self.can_be_checked,
            arm: Arm::Local,
        }
    }
}

impl Try {
    fn of(attempt: &Attempt) -> Self {
        Self {
            model: attempt.model.clone(),
            score: attempt.raw_score.filter(|score| score.is_finite()),
            is_barred: attempt.quality.as_ref().is_some_and(|quality| quality.hard_fail.is_some()),
            is_doubted: attempt.outcome == "doubted",
            cost: attempt.cost.nanos(),
        }
    }
}

/// What a caller said of an answer that was made for the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rating {
    /// Who said it.
    pub tenant: Tenant,
    /// The model whose answer it was.
    pub model: String,
    /// The answer's score before it was read by any calibration.
    pub score: f32,
    /// Whether it helped.
    pub is_helpful: bool,
    /// Which way the rollout sent the request.
    pub arm: Arm,
    /// The version of the policy that the request followed.
    pub version: u32,
}

impl Rating {
    /// What was said of `outcome`'s answer, if anything was.
    pub(super) fn of(outcome: &Outcome) -> Option<Self> {
        let delivered = delivered(outcome)?;
        Some(Self {
            tenant: outcome.tenant.clone(),
            model: delivered.model.clone(),
            score: delivered.raw_score.filter(|score| score.is_finite())?,
            is_helpful: outcome.feedback? == Feedback::Helpful,
            arm: outcome.arm,
            version: outcome.policy,
        })
    }
}

/// The attempt whose answer was delivered, where one was made for this request.
fn delivered(outcome: &Outcome) -> Option<&Attempt> {
    let is_new = matches!(outcome.origin, Origin::Local | Origin::Paid);
    outcome.attempts.iter().find(|attempt| is_delivered(&attempt.outcome)).filter(|_| is_new)
}

/// What came of some requests: of one version of the policy, or of one way of the rollout.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerSum {
    /// Requests that were to be answered anew: all but cached and refused ones.
    pub requests: u64,
    /// Of these, those that ended without an answer that was judged.
    pub unanswered: u64,
    /// What each cost, in thousandths of a dollar.
    pub cost: Moments,
    /// The scores of delivered answers before any calibration, by model.
    pub scores: BTreeMap<String, Histogram>,
}

impl AnswerSum {
    /// Adds a request, if it was to be answered anew.
    pub(super) fn add(&mut self, outcome: &Outcome) {
        if !matches!(outcome.origin, Origin::Local | Origin::Paid | Origin::Failed) {
            return;
        }
        self.requests += 1;
        self.cost.add(outcome.cost.as_dollars() * 1e3);
        match delivered(outcome).and_then(|attempt| Some((&attempt.model, attempt.raw_score?))) {
            Some((model, score)) => self.scores.entry(model.clone()).or_default().add(score),
            None => self.unanswered += 1,
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.unanswered += other.unanswered;
        self.cost.merge(&other.cost);
        each(&mut self.scores, &other.scores, Histogram::merge);
    }
}

/// What came of each version, by its number.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Versions(BTreeMap<u32, AnswerSum>);

impl Versions {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        let has_place = self.0.contains_key(&outcome.policy) || self.0.len() < MOST_TENANTS;
        if has_place {
            self.0.entry(outcome.policy).or_default().add(outcome);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        each(&mut self.0, &other.0, AnswerSum::merge);
    }

    /// What came of the version with this number.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&AnswerSum> {
        self.0.get(&number)
    }
}
