//! What requests of a day, a model, a tier, a pair of steps and a way of the rollout come to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AnswerSum, each, passes};
use crate::outcome::Attempt;
use crate::policy::QualityThresholds;
use crate::weekly::measures::{Latencies, Moments};

/// What a day came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Day {
    /// All requests.
    pub requests: u64,
    /// By the name of their [`Origin`](crate::outcome::Origin).
    pub origins: BTreeMap<String, u64>,
    /// What was paid, in nano-USD.
    pub cost: i64,
    /// What answers cost that were compared only, in nano-USD.
    pub compared_cost: i64,
    /// What the baseline would have cost, in nano-USD.
    pub baseline: i64,
    /// The scores of delivered answers.
    pub score: Moments,
    /// How long requests took.
    pub latency: Latencies,
}

/// What one model did for one tier.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// Attempts, those that were not made for want of a key or money not counted.
    pub attempts: u64,
    /// Of these, answers that were judged.
    pub judged: u64,
    /// Of these, answers above the threshold.
    pub passed: u64,
    /// Attempts that were delivered, rephrased ones included.
    pub delivered: u64,
    /// What they cost, in nano-USD.
    pub cost: i64,
    /// The scores.
    pub score: Moments,
    /// How long they took.
    pub latency: Latencies,
}

/// What one tier's requests came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TierSum {
    /// All of them.
    pub requests: u64,
    /// Answered locally.
    pub local: u64,
    /// Answered by a later step than the first.
    pub escalated: u64,
    /// What was paid, in nano-USD.
    pub cost: i64,
    /// Of this, what was paid for answers that were not delivered, in nano-USD.
    pub wasted: i64,
    /// Where a dearer step answered and a cheaper one's answer was compared.
    pub compared: u64,
    /// Of these, where the cheaper one's answer passed.
    pub cheaper_would_do: u64,
    /// What the baseline would have cost, in nano-USD.
    pub baseline: i64,
    /// The scores of delivered answers.
    pub score: Moments,
    /// How sure the tier was.
    pub confidence: Moments,
}

/// What a cheaper and a dearer step made of the same queries, counted where both were judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// Where both passed: the cheaper one would have done.
    pub both: u64,
    /// Where only the cheaper one passed.
    pub cheaper: u64,
    /// Where only the dearer one passed.
    pub dearer: u64,
    /// Where neither passed.
    pub neither: u64,
    /// The cheaper one's score less the dearer one's, where the cheaper one's answer would be delivered, rephrased or not.
    pub difference: Moments,
    /// What the dearer ones cost, in nano-USD.
    pub cost: i64,
    /// For how many of the queries the dearer one's answer was the later one, and the one to be delivered.
    #[serde(default)]
    pub dearer_delivered: u64,
}

/// What one way of the rollout came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmSum {
    /// All requests.
    pub requests: u64,
    /// Answers that were delivered.
    pub answered: u64,
    /// Called helpful, and unhelpful.
    pub rated: [u64; 2],
    /// The scores of delivered answers.
    pub score: Moments,
    /// What was paid, in nano-USD.
    pub cost: i64,
    /// What became of those that were to be answered anew.
    #[serde(default)]
    pub answers: AnswerSum,
}

impl Day {
    pub(super) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        each(&mut self.origins, &other.origins, |sum, other| *sum += other);
        self.cost += other.cost;
        self.compared_cost += other.compared_cost;
        self.baseline += other.baseline;
        self.score.merge(&other.score);
        self.latency.merge(&other.latency);
    }
}

impl Work {
    pub(super) fn add(&mut self, attempt: &Attempt, thresholds: &QualityThresholds) {
        self.attempts += 1;
        self.delivered += u64::from(is_delivered(&attempt.outcome));
        self.cost += attempt.cost.nanos();
        self.latency.add(attempt.latency_ms);
        if let Some(quality) = &attempt.quality {
            self.judged += 1;
            self.passed += u64::from(passes(quality, thresholds));
            self.score.add(quality.score.into());
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.attempts += other.attempts;
        self.judged += other.judged;
        self.passed += other.passed;
        self.delivered += other.delivered;
        self.cost += other.cost;
        self.score.merge(&other.score);
        self.latency.merge(&other.latency);
    }
}

impl TierSum {
    pub(super) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.local += other.local;
        self.escalated += other.escalated;
        self.cost += other.cost;
        self.wasted += other.wasted;
        self.compared += other.compared;
        self.cheaper_would_do += other.cheaper_would_do;
        self.baseline += other.baseline;
        self.score.merge(&other.score);
        self.confidence.merge(&other.confidence);
    }
}

impl Pair {
    /// How many queries both were asked.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.both + self.cheaper + self.dearer + self.neither
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.both += other.both;
        self.cheaper += other.cheaper;
        self.dearer += other.dearer;
        self.neither += other.neither;
        self.difference.merge(&other.difference);
        self.cost += other.cost;
        self.dearer_delivered += other.dearer_delivered;
    }
}

impl ArmSum {
    pub(super) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.answered += other.answered;
        add_both(&mut self.rated, &other.rated);
        self.score.merge(&other.score);
        self.cost += other.cost;
        self.answers.merge(&other.answers);
    }
}

/// Whether an attempt that ended so was delivered.
pub(super) fn is_delivered(outcome: &str) -> bool {
    matches!(outcome, "delivered" | "rephrased" | "best_effort" | "unjudged")
}

/// Adds both counts.
pub(super) fn add_both(sum: &mut [u64; 2], other: &[u64; 2]) {
    sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
}
