//! Whether a version that was tried out becomes the policy.

use serde::{Deserialize, Serialize};

use super::candidate::{acceptable, yardstick};
use super::digest::{AnswerSum, Digest, Rating};
use super::promotion::{more_complaints, sureness};
use super::weights::weights;
use crate::policy::{Calibration, Policy, Tuning};
use crate::versions::Canary;

/// The most weeks that a version is tried out.
pub const MOST_WEEKS: u32 = 4;

/// What a week says of the version that is tried out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CanaryVerdict {
    /// The version's number.
    pub version: u32,
    /// What becomes of it.
    pub fate: Fate,
    /// Why.
    pub reason: CanaryReason,
    /// What it rests on.
    pub evidence: Option<CanaryEvidence>,
}

/// What becomes of a version that is tried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It holds from now on.
    Promoted,
    /// It is tried out for another week.
    Held,
    /// It is given up.
    RolledBack,
}

/// Why a version is promoted, held or given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CanaryReason {
    /// It costs no more than the margin of quality is worth, and its answers are no worse.
    NoWorse,
    /// Its answers are worse.
    WorseAnswers,
    /// It costs more, the price of wrong answers included.
    Dearer,
    /// Callers complain more.
    Complaints,
    /// There were too few requests to tell.
    TooFew,
    /// It is not shown that it is no worse.
    NotShown,
    /// It was tried for as long as anything is.
    TooLong,
}

impl CanaryReason {
    /// The reason in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoWorse => "it costs no more, and its answers are no worse",
            Self::WorseAnswers => "its answers are worse",
            Self::Dearer => "it costs more, the price of wrong answers included",
            Self::Complaints => "callers complain more",
            Self::TooFew => "there were too few requests to tell",
            Self::NotShown => "it is not shown that it is no worse",
            Self::TooLong => "it was tried for weeks without being shown to be better",
        }
    }
}

impl Fate {
    /// The fate in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::Held => "held",
            Self::RolledBack => "given up",
        }
    }
}

/// How a version that is tried out stands beside the one that holds, a request.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CanaryEvidence {
    /// Its requests.
    pub requests: u64,
    /// Its cost less that of the other, in dollars, the price of wrong answers included.
    pub cost: f64,
    /// The standard error of that.
    pub cost_error: f64,
    /// Its share of acceptable answers less that of the other.
    pub acceptable: f64,
    /// The standard error of that.
    pub acceptable_error: f64,
}

/// What `digest` says of `canary`, which was tried beside the version `number` that says `active`.
#[must_use]
pub fn judge(digest: &Digest, canary: &Canary, (number, active): (u32, &Tuning), policy: &Policy) -> CanaryVerdict {
    let rules = &policy.rollout.promotion;
    let version = canary.version.number;
    let evidence = compare(digest, version, number, active, policy);
    let is_last = canary.weeks + 1 >= MOST_WEEKS;
    let hold = |reason| if is_last { (Fate::RolledBack, CanaryReason::TooLong) } else { (Fate::Held, reason) };
    // What the margin of quality is worth.
    let worth = rules.margin * policy.learning.wrong_answer_usd.as_dollars();
    let sure = sureness(rules.confidence).unwrap_or(f64::INFINITY);
    let (fate, reason) = match evidence {
        _ if complains(digest, version, number, policy) => (Fate::RolledBack, CanaryReason::Complaints),
        Some(found) if found.acceptable + sure * found.acceptable_error < -rules.margin => {
            (Fate::RolledBack, CanaryReason::WorseAnswers)
        }
        Some(found) if found.cost - sure * found.cost_error > 0.0 => (Fate::RolledBack, CanaryReason::Dearer),
        Some(found) if found.requests < rules.min_samples => hold(CanaryReason::TooFew),
        Some(found) if found.cost <= worth && found.acceptable - sure * found.acceptable_error > -rules.margin => {
            (Fate::Promoted, CanaryReason::NoWorse)
        }
        Some(_) => hold(CanaryReason::NotShown),
        None => hold(CanaryReason::TooFew),
    };
    CanaryVerdict { version, fate, reason, evidence }
}

fn compare(digest: &Digest, canary: u32, other: u32, active: &Tuning, policy: &Policy) -> Option<CanaryEvidence> {
    let yardstick = yardstick(digest, active, policy, false);
    let read = |model: &str| yardstick.get(model).copied().unwrap_or(Calibration::NONE);
    let (canary, other) = (digest.versions.get(canary)?, digest.versions.get(other)?);
    let wrong = policy.learning.wrong_answer_usd.as_dollars();
    let (one, two) = (means(canary, &read, wrong)?, means(other, &read, wrong)?);
    Some(CanaryEvidence {
        requests: canary.requests.min(other.requests),
        cost: one.objective.0 - two.objective.0,
        cost_error: one.objective.1.hypot(two.objective.1),
        acceptable: one.acceptable.0 - two.acceptable.0,
        acceptable_error: one.acceptable.1.hypot(two.acceptable.1),
    })
}

/// Means with their standard errors.
struct Means {
    objective: (f64, f64),
    acceptable: (f64, f64),
}

fn means(sum: &AnswerSum, read: &dyn Fn(&str) -> Calibration, wrong: f64) -> Option<Means> {
    let acceptable = acceptable(sum, read)?;
    let (cost, cost_error) = (sum.cost.mean()? / 1e3, sum.cost.standard_error()? / 1e3);
    // Cost and quality of a request may go together: their errors are added, not squared and added.
    let objective = (cost + wrong * (1.0 - acceptable.0), cost_error + wrong * acceptable.1);
    Some(Means { objective, acceptable })
}

fn complains(digest: &Digest, canary: u32, other: u32, policy: &Policy) -> bool {
    let of =
        |version: u32| -> Vec<&Rating> { digest.ratings.iter().filter(|rating| rating.version == version).collect() };
    more_complaints(&of(canary), &of(other), policy)
}

/// How many of the ratings are complaints, by weight: how many ratings the weights are worth, and the share of complaints.
pub(super) fn complaints(ratings: &[&Rating], tenant_share: f64) -> Option<(f64, f64)> {
    let weights = weights(ratings.iter().map(|rating| &rating.tenant), tenant_share);
    let (total, squares) = (weights.iter().sum::<f64>(), weights.iter().map(|weight| weight * weight).sum::<f64>());
    let unhelpful: f64 =
        weights.iter().zip(ratings).filter(|(_, rating)| !rating.is_helpful).map(|(weight, _)| weight).sum();
    (total > 0.0).then(|| (total * total / squares, unhelpful / total))
}

#[cfg(test)]
mod tests;
