//! What weeks may teach.

use serde::Deserialize;

/// What weeks may teach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearningPolicy {
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
