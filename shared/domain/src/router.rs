//! From what is known of a query to the steps that may answer it.

use crate::complexity::{ComplexityEstimate, Tier};
use crate::ids::ModelId;
use crate::policy::{LocalUse, Policy};
use crate::rollout::Arm;

/// One step of a cascade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The local tier, at no cost.
    Local,
    /// A paid model.
    Paid(ModelId),
}

/// What the plan depends on.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// How hard the query is.
    pub complexity: ComplexityEstimate,
    /// The probability that the retrieved knowledge answers it, 0 to 1.
    pub answerability: f32,
    /// How much more probably a strong model is right than a cheap one, −1 to 1.
    pub gain: f32,
    /// Whether an answer can be checked by the query's numbers.
    pub can_be_checked: bool,
    /// Which way the rollout sends it.
    pub arm: Arm,
}

/// The tier whose cascade is used: the most probable one, or the next harder when the estimate
/// is less certain than the policy asks.
#[must_use]
pub fn effective_tier(complexity: &ComplexityEstimate, policy: &Policy) -> Tier {
    let tier = complexity.tier();
    if complexity.confidence() >= policy.limits.min_tier_confidence {
        return tier;
    }
    match tier {
        Tier::Simple => Tier::Medium,
        Tier::Medium => Tier::High,
        Tier::High | Tier::Creative => tier,
    }
}

/// The steps in order. A local step is never dropped for the rollout's sake, only put last: a
/// free answer is better than none.
#[must_use]
pub fn plan(circumstances: &Circumstances, policy: &Policy) -> Vec<Step> {
    let effective = effective_tier(&circumstances.complexity, policy);
    let tier = policy.tiers.of(effective);
    let local = match tier.local {
        LocalUse::Always => true,
        LocalUse::WhenConfident => circumstances.answerability >= policy.limits.confident_retrieval,
        LocalUse::Never => false,
    };
    let paid = paid_by_gain(effective, circumstances, policy);
    let mut steps: Vec<Step> = paid.into_iter().map(Step::Paid).collect();
    match (local, circumstances.arm) {
        (true, Arm::Local) => steps.insert(0, Step::Local),
        (true, Arm::Paid | Arm::Shadow) => steps.push(Step::Local),
        (false, _) => {}
    }
    steps
}

/// The tier's paid models, in an order that the predicted gain may change: no model is lost by it.
///
/// A creative query has no right answer that a gain could be told of: its order stays.
fn paid_by_gain(tier: Tier, circumstances: &Circumstances, policy: &Policy) -> Vec<ModelId> {
    let Circumstances { gain, can_be_checked, .. } = *circumstances;
    let bound = |otherwise: f32| if can_be_checked { policy.gain.check_below } else { otherwise };
    let mut paid = policy.tiers.of(tier).paid.clone();
    let Some(cheap) = policy.tiers.cheap() else { return paid };
    let begins_cheaply = paid.first() == Some(cheap);
    match tier {
        Tier::Simple | Tier::Medium if begins_cheaply && gain >= bound(policy.gain.strong_from) => paid.rotate_left(1),
        Tier::High if !begins_cheaply && !paid.is_empty() && gain < bound(policy.gain.cheap_below) => {
            paid.retain(|model| model != cheap);
            paid.insert(0, cheap.clone());
        }
        Tier::Simple | Tier::Medium | Tier::High | Tier::Creative => {}
    }
    paid
}

/// Whether the answer of the step at `at` may be doubted although it passed: the cheap model gave it,
/// and a paid step follows.
#[must_use]
pub fn can_be_doubted(steps: &[Step], at: usize, policy: &Policy) -> bool {
    let is_cheap = matches!(steps.get(at), Some(Step::Paid(model)) if Some(model) == policy.tiers.cheap());
    is_cheap && matches!(steps.get(at + 1), Some(Step::Paid(_)))
}

/// The paid models in order for a query of which nothing is known: those of the medium tier.
#[must_use]
pub fn plan_unclassified(policy: &Policy) -> &[ModelId] {
    &policy.tiers.of(Tier::Medium).paid
}

#[cfg(test)]
mod tests;
