//! Which requests the local tier answers first, while it is being rolled out.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A step of the rollout of local answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Local answers are computed for comparison and never delivered before a paid one.
    Shadow,
    /// One request in ten.
    Tenth,
    /// One in two.
    Half,
    /// Four in five.
    Most,
    /// Every request.
    Full,
}

/// Which way one request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// The local tier answers first.
    Local,
    /// Paid models answer first.
    Paid,
    /// Paid models answer; a local answer is computed beside them for comparison.
    Shadow,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [Self::Shadow, Self::Tenth, Self::Half, Self::Most, Self::Full];

    /// The stage after this one; none after the last.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| *stage > self)
    }

    /// The stage before this one; none before the first.
    #[must_use]
    pub fn before(self) -> Option<Self> {
        Self::ALL.into_iter().rfind(|stage| *stage < self)
    }

    /// The share of requests that the local tier answers first, 0 to 1.
    #[must_use]
    pub const fn local_share(self) -> f64 {
        match self {
            Self::Shadow => 0.0,
            Self::Tenth => 0.1,
            Self::Half => 0.5,
            Self::Most => 0.8,
            Self::Full => 1.0,
        }
    }

    /// The stage's name in files and responses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Tenth => "tenth",
            Self::Half => "half",
            Self::Most => "most",
            Self::Full => "full",
        }
    }

    /// The arm of the request that `key` names. The same key always gets the same arm, and a
    /// request that is local at one stage stays local at every later one.
    ///
    /// `shadow_sample` is the share of requests, 0 to 1, that are compared at [`Stage::Shadow`].
    #[must_use]
    pub fn arm(self, key: &str, shadow_sample: f64) -> Arm {
        let position = position_of("rollout", key);
        match self {
            Self::Shadow if position < shadow_sample => Arm::Shadow,
            Self::Shadow => Arm::Paid,
            Self::Tenth | Self::Half | Self::Most | Self::Full if position < self.local_share() => Arm::Local,
            Self::Tenth | Self::Half | Self::Most | Self::Full => Arm::Paid,
        }
    }
}

/// Whether another step's answer is compared for the request that `key` names, as a share `sample` of requests is.
#[must_use]
pub fn is_compared(key: &str, sample: f64) -> bool {
    position_of("compare", key) < sample
}

impl Arm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Local, Self::Paid, Self::Shadow];

    /// The arm's name in responses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Paid => "paid",
            Self::Shadow => "shadow",
        }
    }
}

/// Where `key` stands in [0, 1) for this purpose, evenly spread and unlike for any other.
pub(crate) fn position_of(purpose: &str, key: &str) -> f64 {
    let hash = Sha256::digest(format!("{purpose}:{key}"));
    let first = hash.iter().take(6).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    first as f64 / (1_u64 << 48) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_local_requests_is_the_stage_s() {
        for stage in [Stage::Shadow, Stage::Tenth, Stage::Half, Stage::Most, Stage::Full] {
            let local = (0..20_000).filter(|n| stage.arm(&n.to_string(), 0.1) == Arm::Local).count();
            let share = local as f64 / 20_000.0;
            assert!((share - stage.local_share()).abs() < 0.015, "{stage:?} sent {share} to local");
        }
    }

    #[test]
    fn a_request_that_is_local_stays_local_at_later_stages() {
        for n in 0..2_000 {
            let key = n.to_string();
            if Stage::Tenth.arm(&key, 0.0) == Arm::Local {
                assert_eq!(Stage::Half.arm(&key, 0.0), Arm::Local);
                assert_eq!(Stage::Most.arm(&key, 0.0), Arm::Local);
            }
        }
    }
}
