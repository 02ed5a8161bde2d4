//! How a policy learns from week to week.

use serde::Deserialize;

use crate::money::Usd;

/// How a policy learns from week to week.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearningPolicy {
    /// Whether weeks change anything beside the rollout's stage.
    pub tunes: bool,
    /// What an answer that is not acceptable costs the owner: thresholds are set so that this and what models charge are least.
    pub wrong_answer_usd: Usd,
    /// The mean probability of being acceptable that no change may take answers below, 0 to 1.
    pub quality_floor: f64,
    /// The share of requests that follow a new version while it is tried out, 0 to 0.5.
    pub canary_share: f64,
    /// The fewest ratings of a model's answers of which its scores are read anew.
    pub min_ratings: usize,
    /// The greatest weight that one tenant's outcomes have, above 0 to 1.
    pub tenant_share: f64,
    /// Who accepts the knowledge that paid answers propose.
    pub approve: Approval,
    /// How many paid answers of a week have to say the same before they propose an entry.
    pub min_questions: usize,
}

impl LearningPolicy {
    /// The fewest paid answers that can say the same by more than chance.
    pub const LEAST_QUESTIONS: usize = 3;
}

/// Who accepts proposed knowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// The owner, entry by entry.
    Owner,
    /// Nobody has to: what is proposed is accepted.
    Automatic,
}
