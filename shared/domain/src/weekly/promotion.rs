//! Whether the rollout of local answers should go a step on, stay, or go back.
//!
//! A stage is left for the next one when local answers are shown to be no worse than paid ones by more than a margin
//! (non-inferiority), and for the one before when they are shown to be worse by more than it, or bad. What is not shown changes
//! nothing. How good answers are is read from their scores as callers' ratings say that these are to be read.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF as _, Normal};

use super::canary::complaints;
use super::candidate::{acceptable, yardstick};
use super::digest::{Digest, Rating};
use super::drift::{Change, Measure};
use super::measures::Moments;
use crate::policy::{Calibration, Policy, Tuning};
use crate::rollout::{Arm, Stage};

/// When the stage of the rollout changes.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromotionRules {
    /// The fewest answers of either way, or comparisons at the shadow stage, of a week that decides anything.
    pub min_samples: u64,
    /// By how much local answers may score lower, in the mean, 0 to 1.
    pub margin: f64,
    /// By how much more of them may be called unhelpful, 0 to 1.
    pub complaints: f64,
    /// How sure a step has to be, one-sided, above 0.5 and below 1.
    pub confidence: f64,
}

/// What the week says about the rollout.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// Where it should be next week.
    pub stage: Stage,
    /// Why.
    pub reason: Reason,
    /// What it rests on.
    pub evidence: Option<Evidence>,
}

/// How local answers stand beside paid ones: by their scores at the shadow stage, by the share of acceptable answers later.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// How many answers of the rarer way, or comparisons.
    pub samples: u64,
    /// Their score less that of paid ones, in the mean.
    pub difference: f64,
    /// The bound above which it is, as sure as the rules ask.
    pub at_least: f64,
    /// The bound below which it is, as sure.
    pub at_most: f64,
}

/// Why the stage is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The owner wants it to stay.
    Frozen,
    /// There were too few answers to tell.
    TooFew,
    /// Local answers are no worse.
    NoWorse,
    /// It is not shown that they are no worse.
    NotShown,
    /// Local answers are worse.
    Worse,
    /// Callers complain more of local answers.
    Complaints,
    /// Answers are acceptable less often than the owner wants.
    BelowFloor,
    /// At the last stage the mean score fell.
    ScoreFell,
    /// It is the last stage, and nothing speaks against it.
    Last,
}

impl Reason {
    /// The reason in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Frozen => "the owner froze it",
            Self::TooFew => "there were too few answers to tell",
            Self::NoWorse => "local answers are shown to be no worse",
            Self::NotShown => "it is not shown that local answers are no worse",
            Self::Worse => "local answers are shown to be worse",
            Self::Complaints => "callers complain more of local answers",
            Self::BelowFloor => "fewer answers are acceptable than the owner wants",
            Self::ScoreFell => "the mean score fell",
            Self::Last => "it is the last stage, and nothing speaks against it",
        }
    }
}

/// What `digest` and its `changes` against the baseline say about a rollout under `policy`: one step at most.
#[must_use]
pub fn decide(digest: &Digest, changes: &[Change], tuning: &Tuning, policy: &Policy) -> Decision {
    let (stage, rules) = (policy.rollout.stage, &policy.rollout.promotion);
    let yardstick = yardstick(digest, tuning, policy, false);
    let read = |model: &str| yardstick.get(model).copied().unwrap_or(Calibration::NONE);
    let evidence = evidence(digest, stage, rules, &read);
    let to = |stage, reason| Decision { stage, reason, evidence };
    let back = stage.before().unwrap_or(stage);
    if policy.rollout.frozen {
        return to(stage, Reason::Frozen);
    }
    if stage > Stage::Shadow && is_below_floor(digest, policy, &read) {
        return to(back, Reason::BelowFloor);
    }
    if stage == Stage::Full {
        // Nobody is paid for then whom local answers could be held against.
        let fell = changes.iter().any(|change| change.is_alarm && change.measure == Measure::ScoreDrop);
        return if fell { to(back, Reason::ScoreFell) } else { to(stage, Reason::Last) };
    }
    if complains(digest, policy) {
        return to(back, Reason::Complaints);
    }
    match evidence {
        Some(found) if found.samples >= rules.min_samples => {
            if found.at_most < -rules.margin {
                to(back, Reason::Worse)
            } else if found.at_least > -rules.margin {
                to(stage.next().unwrap_or(stage), Reason::NoWorse)
            } else {
                to(stage, Reason::NotShown)
            }
        }
        _ => to(stage, Reason::TooFew),
    }
}

/// At the shadow stage answers to the same questions are compared; later the requests that were sent either way by chance.
fn evidence(
    digest: &Digest,
    stage: Stage,
    rules: &PromotionRules,
    read: &dyn Fn(&str) -> Calibration,
) -> Option<Evidence> {
    let (samples, difference, error) = if stage == Stage::Shadow {
        let mut passed = Moments::default();
        let tiers = digest.compared.values().flat_map(|by_dearer| by_dearer.values());
        tiers.flat_map(|by_tier| by_tier.values()).for_each(|pair| passed.merge(&pair.difference));
        (passed.count(), passed.mean()?, passed.standard_error()?)
    } else {
        let [local, paid] = [Arm::Local, Arm::Paid].map(|arm| digest.arms.get(&arm).map(|sums| &sums.answers));
        let (local, paid) = (local?, paid?);
        let (one, other) = (acceptable(local, read)?, acceptable(paid, read)?);
        (local.requests.min(paid.requests), one.0 - other.0, one.1.hypot(other.1))
    };
    let reach = sureness(rules.confidence)? * error;
    Some(Evidence { samples, difference, at_least: difference - reach, at_most: difference + reach })
}

/// Whether what was answered with local answers first is surely acceptable less often than the owner wants of the mean.
fn is_below_floor(digest: &Digest, policy: &Policy, read: &dyn Fn(&str) -> Calibration) -> bool {
    let Some(sums) = digest.arms.get(&Arm::Local).map(|sums| &sums.answers) else { return false };
    let (Some((mean, error)), Some(sure)) = (acceptable(sums, read), sureness(policy.rollout.promotion.confidence))
    else {
        return false;
    };
    sums.requests >= policy.rollout.promotion.min_samples && mean + sure * error < policy.learning.quality_floor
}

/// Whether local answers are called unhelpful more often, by more than the rules allow and as surely as they ask.
fn complains(digest: &Digest, policy: &Policy) -> bool {
    let of = |arm: Arm| -> Vec<&Rating> { digest.ratings.iter().filter(|rating| rating.arm == arm).collect() };
    more_complaints(&of(Arm::Local), &of(Arm::Paid), policy)
}

/// Whether more of these ratings are complaints than of the others, by more than the rules allow and as surely as they ask.
pub(super) fn more_complaints(these: &[&Rating], others: &[&Rating], policy: &Policy) -> bool {
    let rules = &policy.rollout.promotion;
    let share = policy.learning.tenant_share;
    let (Some((count, unhelpful)), Some((other_count, other_unhelpful)), Some(sure)) =
        (complaints(these, share), complaints(others, share), sureness(rules.confidence))
    else {
        return false;
    };
    if count.min(other_count) < LEAST_RATED {
        return false;
    }
    let variance = unhelpful * (1.0 - unhelpful) / count + other_unhelpful * (1.0 - other_unhelpful) / other_count;
    unhelpful - other_unhelpful - sure * variance.sqrt() > rules.complaints
}

/// The fewest ratings of either way that say anything.
const LEAST_RATED: f64 = 30.0;

/// How many standard errors away a bound is that holds as surely.
pub(super) fn sureness(confidence: f64) -> Option<f64> {
    Normal::new(0.0, 1.0).ok().map(|normal| normal.inverse_cdf(confidence))
}

#[cfg(test)]
mod tests;
