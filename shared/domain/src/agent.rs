//! An agent: a brand's voice and rules. Its knowledge is reached through a port.

use serde::Deserialize;

use crate::ids::AgentId;

/// The brand profile, as `infra/agents/<id>/agent.toml` states it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrandProfile {
    /// The agent's id, which is also its folder's name.
    pub id: AgentId,
    /// The brand's name as customers know it.
    pub name: String,
    /// What the product is, in one sentence.
    pub description: String,
    /// Languages that answers may have, as ISO 639-1 codes.
    pub languages: Vec<String>,
    /// The polite answer to a hostile query.
    pub refusal: String,
    /// How the brand speaks.
    pub voice: Voice,
    /// Whether questions and answers are kept with what became of them, for 90 days. The week's report has one question for
    /// each topic then, and is kept for good, as are the entries that paid answers propose.
    #[serde(default)]
    pub keeps_words: bool,
    /// Sentences that belong under an answer when the query has one of their words.
    #[serde(default)]
    pub disclaimers: Vec<Disclaimer>,
}

/// How a brand speaks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voice {
    /// The tone, in a sentence or two, for the system prompt.
    pub tone: String,
    /// The longest answer in words; longer ones are shortened when rephrased.
    pub max_words: usize,
    /// Phrases that must never be said: an answer with one is refused.
    #[serde(default)]
    pub forbidden_claims: Vec<String>,
    /// Words to avoid, with what to say instead.
    #[serde(default)]
    pub replace: Vec<Replacement>,
    /// Questions answered in the right tone.
    #[serde(default)]
    pub examples: Vec<Example>,
}

/// A word to avoid and what to say instead.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replacement {
    /// The word or phrase to avoid.
    #[serde(rename = "avoid")]
    pub avoided: String,
    /// What to say instead; empty to drop it.
    #[serde(rename = "use")]
    pub preferred: String,
}

/// A question answered in the right tone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The question.
    pub question: String,
    /// The answer.
    pub answer: String,
}

/// A sentence that belongs under an answer to certain queries.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclaimer {
    /// Words of a query that call for it.
    pub when: Vec<String>,
    /// The sentence.
    pub text: String,
}

/// What is wrong with a profile that has the right shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {expected}")]
pub struct InvalidProfile {
    /// The key at fault.
    pub key: String,
    /// What was expected there.
    pub expected: String,
}

impl BrandProfile {
    /// Checks what a shape alone cannot say.
    ///
    /// # Errors
    /// [`InvalidProfile`] with the first key at fault.
    pub fn validate(&self) -> Result<(), InvalidProfile> {
        let fault = |key: &str, expected: &str| {
            Err(InvalidProfile { key: key.to_owned(), expected: format!("expected {expected}") })
        };
        if self.name.trim().is_empty() {
            return fault("name", "the brand's name");
        }
        if self.refusal.trim().is_empty() {
            return fault("refusal", "a polite sentence");
        }
        let is_code = |code: &String| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_lowercase());
        if self.languages.is_empty() || !self.languages.iter().all(is_code) {
            return fault("languages", "at least one ISO 639-1 code such as \"en\"");
        }
        if !(20..=2_000).contains(&self.voice.max_words) {
            return fault("voice.max_words", "a number from 20 to 2000");
        }
        if self.voice.forbidden_claims.iter().any(|claim| claim.trim().is_empty()) {
            return fault("voice.forbidden_claims", "phrases that are not blank");
        }
        if self.voice.replace.iter().any(|entry| entry.avoided.trim().is_empty()) {
            return fault("voice.replace.avoid", "a word or phrase");
        }
        if self.disclaimers.iter().any(|entry| entry.when.is_empty() || entry.text.trim().is_empty()) {
            return fault("disclaimers", "words in `when` and a sentence in `text`");
        }
        Ok(())
    }

    /// The disclaimers that `query` calls for.
    pub fn disclaimers_for<'a>(&'a self, query: &str) -> impl Iterator<Item = &'a str> {
        let words: Vec<String> = crate::guard::words(query);
        self.disclaimers
            .iter()
            .filter(move |entry| entry.when.iter().any(|cue| words.contains(&cue.to_lowercase())))
            .map(|entry| entry.text.as_str())
    }
}
