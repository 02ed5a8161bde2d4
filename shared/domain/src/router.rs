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
    let tier = policy.tiers.of(effective_tier(&circumstances.complexity, policy));
    let local = match tier.local {
        LocalUse::Always => true,
        LocalUse::WhenConfident => circumstances.answerability >= policy.limits.confident_retrieval,
        LocalUse::Never => false,
    };
    let mut steps: Vec<Step> = tier.paid.iter().cloned().map(Step::Paid).collect();
    match (local, circumstances.arm) {
        (true, Arm::Local) => steps.insert(0, Step::Local),
        (true, Arm::Paid | Arm::Shadow) => steps.push(Step::Local),
        (false, _) => {}
    }
    steps
}

/// The paid models in order for a query of which nothing is known: those of the medium tier.
#[must_use]
pub fn plan_unclassified(policy: &Policy) -> &[ModelId] {
    &policy.tiers.of(Tier::Medium).paid
}

#[cfg(test)]
mod tests;
