//! Knowledge that paid answers became: proposed by a week, accepted by the owner, withdrawn when it is wrong.

use serde::{Deserialize, Serialize};

use crate::ids::{AgentId, EntryId, RequestId};
use crate::outcome::QuantizedVector;
use crate::time::Week;

/// An entry that paid answers of a week propose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LearnedEntry {
    /// Its name, which the same question of the same agent always has.
    pub id: EntryId,
    /// Whose knowledge it would be.
    pub agent: AgentId,
    /// The question, as a caller asked it.
    pub question: String,
    /// Other ways in which callers asked it.
    pub also: Vec<String>,
    /// The answer, as a paid model gave it.
    pub answer: String,
    /// The requests whose answers said the same.
    pub sources: Vec<RequestId>,
    /// How many paid questions of the week it stands for, about.
    pub questions: u64,
    /// What it would save in a month, about.
    pub saves_usd_a_month: f64,
    /// The week that proposed it.
    pub week: Week,
    /// The mean embedding of its questions: what it is about.
    pub topic: QuantizedVector,
    /// What became of it.
    pub state: EntryState,
}

/// What became of a learned entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryState {
    /// It waits for the owner.
    Proposed,
    /// It is part of the agent's knowledge from the next time that is prepared.
    Accepted,
    /// The owner did not want it.
    Rejected,
    /// It was accepted and is no longer: it was wrong.
    Withdrawn,
}

impl EntryState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Proposed, Self::Accepted, Self::Rejected, Self::Withdrawn];

    /// The state's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The state with this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether an entry in this state may come into `next`. None becomes proposed again; what was rejected or withdrawn may
    /// be accepted after all.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        match next {
            Self::Proposed => false,
            Self::Accepted => !matches!(self, Self::Accepted),
            Self::Rejected => matches!(self, Self::Proposed),
            Self::Withdrawn => matches!(self, Self::Accepted),
        }
    }
}

/// What is wrong with a learned entry that has the right shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: expected {expected}")]
pub struct InvalidEntry {
    /// The part at fault.
    pub key: &'static str,
    /// What was expected there.
    pub expected: String,
}

impl LearnedEntry {
    /// The knowledge file that accepted entries stand in, beside the owner's own.
    pub const FILE: &'static str = "learned.jsonl";
    /// The most characters of a question.
    pub const MOST_QUESTION_CHARS: usize = 200;
    /// The most characters of an answer.
    pub const MOST_ANSWER_CHARS: usize = 2_000;
    /// The most other ways of asking.
    pub const MOST_ALSO: usize = 5;

    /// Its name among the agent's passages.
    #[must_use]
    pub fn passage(&self) -> String {
        format!("learned#{}", self.id)
    }

    /// Itself, if its texts are there and within their limits.
    ///
    /// # Errors
    /// [`InvalidEntry`] with the first part at fault.
    pub fn validated(self) -> Result<Self, InvalidEntry> {
        let fits = |text: &str, most: usize| !text.trim().is_empty() && text.chars().count() <= most;
        let expected = |most: usize| format!("a text that is not blank, of at most {most} characters");
        let is_question = |text: &String| fits(text, Self::MOST_QUESTION_CHARS);
        let checks = [
            ("question", is_question(&self.question), expected(Self::MOST_QUESTION_CHARS)),
            (
                "also",
                self.also.len() <= Self::MOST_ALSO && self.also.iter().all(is_question),
                format!("at most {} texts, each of at most {} characters", Self::MOST_ALSO, Self::MOST_QUESTION_CHARS),
            ),
            ("answer", fits(&self.answer, Self::MOST_ANSWER_CHARS), expected(Self::MOST_ANSWER_CHARS)),
        ];
        match checks.into_iter().find(|(_, holds, _)| !holds) {
            Some((key, _, expected)) => Err(InvalidEntry { key, expected }),
            None => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::EntryState::{Accepted, Proposed, Rejected, Withdrawn};
    use super::*;

    #[test]
    fn what_was_put_away_comes_back_by_the_owner_alone() {
        let allowed: Vec<_> = EntryState::ALL
            .into_iter()
            .flat_map(|from| EntryState::ALL.map(|to| (from, to)))
            .filter(|(from, to)| from.may_become(*to))
            .collect();
        let expected = [
            (Proposed, Accepted),
            (Proposed, Rejected),
            (Accepted, Withdrawn),
            (Rejected, Accepted),
            (Withdrawn, Accepted),
        ];
        assert_eq!(allowed, expected);
    }

    #[test]
    fn a_state_is_known_by_its_name() {
        for state in EntryState::ALL {
            assert_eq!(EntryState::parse(state.as_str()), Some(state));
        }
        assert_eq!(EntryState::parse("Accepted"), None);
    }
}
