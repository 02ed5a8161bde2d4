//! How much is played, and what of the owner's policy is set aside for it.

use std::collections::BTreeMap;

use farthing_domain::ids::ModelId;
use farthing_domain::policy::{Approval, Policy};
use farthing_domain::rollout::Stage;
use farthing_domain::time::Week;

/// How much is played. The same plan gives the same figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// How many weeks.
    pub weeks: usize,
    /// How many requests each has.
    pub requests: usize,
    /// What chance is drawn from.
    pub seed: u64,
}

/// A number of a plan that is out of its limits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}`: expected {least} to {most}")]
pub struct InvalidPlan {
    name: &'static str,
    least: usize,
    most: usize,
}

impl Plan {
    /// How many topics the agent knows at the start: the commonest ones.
    pub const KNOWN: usize = 35;
    /// How many other ways of asking each of them it knows, none of which is asked.
    pub const ALSO: usize = 12;
    /// In how many ways each topic is asked about.
    pub const WAYS: usize = 8;
    /// The least share of right answers that an owner could live with, 0 to 1.
    pub const FLOOR: f64 = 0.75;
    /// What an answer that is not right costs its owner, in dollars, beside what was paid for it.
    pub const WRONG_USD: f64 = 0.02;
    /// The share of answers that callers rate, 0 to 1.
    pub const RATED: f64 = 0.05;
    /// The share of ratings that say the contrary of what is so, 0 to 1.
    pub const NOISE: f64 = 0.1;

    /// Checks that the numbers are within their limits.
    ///
    /// # Errors
    /// [`InvalidPlan`] with the first that is not.
    pub fn validate(&self) -> Result<(), InvalidPlan> {
        let limits = [("weeks", self.weeks, 1, 104), ("requests", self.requests, 20, 20_000)];
        match limits.into_iter().find(|(_, value, least, most)| !(*least..=*most).contains(value)) {
            Some((name, _, least, most)) => Err(InvalidPlan { name, least, most }),
            None => Ok(()),
        }
    }

    /// The first week; its year is of no interest.
    pub(super) fn first() -> Week {
        Week::parse("2026-W02").unwrap_or_else(|| farthing_domain::time::Timestamp::default().week())
    }

    /// The owner's policy as it is played, and what was set aside of it, in words by key.
    #[must_use]
    pub fn policy(&self, owner: &Policy) -> (Policy, BTreeMap<&'static str, String>) {
        let mut policy = owner.clone();
        policy.rollout.stage = Stage::Shadow;
        policy.rollout.frozen = false;
        policy.cache.enabled = false;
        policy.learning.approve = Approval::Automatic;
        policy.rollout.promotion.min_samples = (self.requests as u64 / 25).clamp(8, 200);
        policy.rollout.shadow_sample = (300.0 / self.requests as f64).clamp(owner.rollout.shadow_sample.min(1.0), 1.0);
        policy.drift.min_outcomes = policy.drift.min_outcomes.min(self.requests as u64 / 2);
        let said = BTreeMap::from([
            ("rollout.stage", "shadow at the start".to_owned()),
            ("rollout.shadow_sample", format!("{:.2}", policy.rollout.shadow_sample)),
            ("rollout.promotion.min_samples", policy.rollout.promotion.min_samples.to_string()),
            ("drift.min_outcomes", policy.drift.min_outcomes.to_string()),
            ("learning.approve", "automatic".to_owned()),
            ("cache.enabled", "false, so that what learning does is seen alone".to_owned()),
            ("agent", format!("bank, which knows {} of its topics at the start", Self::KNOWN)),
        ]);
        (policy, said)
    }
}

/// A model's name in the registry that the default events are about.
pub(super) fn cheap_model() -> Option<ModelId> {
    ModelId::parse("deepseek-chat").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_out_of_its_limits_is_named() {
        let plan = Plan { weeks: 16, requests: 1_500, seed: 1 };
        assert_eq!(plan.validate(), Ok(()));
        let said = |plan: Plan| plan.validate().unwrap_err().to_string();
        assert_eq!(said(Plan { weeks: 0, ..plan }), "`weeks`: expected 1 to 104");
        assert_eq!(said(Plan { requests: 20_001, ..plan }), "`requests`: expected 20 to 20000");
    }
}
