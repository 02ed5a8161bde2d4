//! The versions of a policy: what weeks and the owner made of it, which one holds, and which one is tried out.

use serde::{Deserialize, Serialize};

use crate::policy::{Policy, Tuning};
use crate::rollout::position_of;
use crate::time::{Timestamp, Week};

/// A version of what may be tuned. It never changes once it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyVersion {
    /// Its number, one more than the last one's.
    pub number: u32,
    /// The version that it was made from; the number of the owner's file at first.
    pub parent: u32,
    /// What it says.
    pub tuning: Tuning,
    /// What the owner's file said when it was made: once that says something else, the file holds again.
    pub base: Tuning,
    /// When it was made.
    pub at: Timestamp,
    /// Who made it.
    pub by: Author,
    /// Why, in a sentence.
    pub why: String,
}

/// Who made a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The owner, by a command.
    Owner,
    /// The run of a week.
    Week(Week),
}

/// Which version holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// Counts up with every change.
    pub revision: u64,
    /// The number of the last version that was made.
    pub newest: u32,
    /// The version that holds; none while it is the owner's file.
    pub active: Option<PolicyVersion>,
    /// The version that is tried out.
    pub canary: Option<Canary>,
    /// Whether the owner wants everything to stay as it is.
    pub frozen: bool,
    /// The last week whose run was carried out.
    pub week: Option<Week>,
}

/// A version that is tried out on a share of the requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// The version.
    pub version: PolicyVersion,
    /// The share of requests that follow it, 0 to 1.
    pub share: f64,
    /// How many weeks have been looked at without a decision.
    pub weeks: u32,
}

/// What holds for one request.
#[derive(Clone, Debug, PartialEq)]
pub struct InForce {
    /// The owner's policy with what was tuned.
    pub policy: Policy,
    /// What was tuned.
    pub tuning: Tuning,
}

impl InForce {
    /// The owner's file.
    #[must_use]
    pub fn file(policy: &Policy) -> Self {
        Self { policy: policy.clone(), tuning: Tuning::of(policy) }
    }

    fn version(policy: &Policy, version: &PolicyVersion) -> Self {
        Self { policy: policy.tuned(&version.tuning, version.number), tuning: version.tuning.clone() }
    }
}

impl Standing {
    /// Nothing was ever changed; the owner's file has the number `file`.
    #[must_use]
    pub const fn untouched(file: u32) -> Self {
        Self { revision: 0, newest: file, active: None, canary: None, frozen: false, week: None }
    }

    /// The version that holds where the owner's file says `base`.
    #[must_use]
    pub fn active_over(&self, base: &Tuning) -> Option<&PolicyVersion> {
        self.active.as_ref().filter(|active| &active.base == base)
    }

    /// The version that is tried out where the owner's file says `base`.
    #[must_use]
    pub fn canary_over(&self, base: &Tuning) -> Option<&Canary> {
        self.canary.as_ref().filter(|canary| &canary.version.base == base)
    }

    /// What holds for most requests, and what for those that try the canary.
    #[must_use]
    pub fn in_force(&self, policy: &Policy) -> (InForce, Option<(f64, InForce)>) {
        let base = Tuning::of(policy);
        let active =
            self.active_over(&base).map_or_else(|| InForce::file(policy), |active| InForce::version(policy, active));
        let tried = self.canary_over(&base).map(|canary| {
            // Whatever is tried, the rollout's stage is that of all.
            let tuning = Tuning { stage: active.tuning.stage, ..canary.version.tuning.clone() };
            let policy = policy.tuned(&tuning, canary.version.number);
            (canary.share, InForce { policy, tuning })
        });
        (active, tried)
    }

    /// A version after all others that says `tuning`.
    #[must_use]
    pub fn next_version(
        &self,
        policy: &Policy,
        tuning: Tuning,
        at: Timestamp,
        by: Author,
        why: impl Into<String>,
    ) -> PolicyVersion {
        let base = Tuning::of(policy);
        let parent = self.active_over(&base).map_or(policy.version, |active| active.number);
        PolicyVersion { number: self.newest.max(policy.version) + 1, parent, tuning, base, at, by, why: why.into() }
    }

    /// With `version` holding at once, and nothing tried out.
    #[must_use]
    pub fn activating(&self, version: PolicyVersion) -> Self {
        let newest = self.newest.max(version.number);
        Self { revision: self.revision + 1, newest, active: Some(version), canary: None, ..self.clone() }
    }

    /// Frozen, with nothing tried out any more, or let go.
    #[must_use]
    pub fn with_frozen(&self, frozen: bool) -> Self {
        let canary = self.canary.clone().filter(|_| !frozen);
        Self { revision: self.revision + 1, frozen, canary, ..self.clone() }
    }
}

/// Whether the request that `key` names tries a version that a share of requests follow. Whoever the rollout sends where makes
/// no difference.
#[must_use]
pub fn tries_canary(key: &str, share: f64) -> bool {
    position_of("canary", key) < share
}

#[cfg(test)]
mod tests;
