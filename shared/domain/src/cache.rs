//! When an earlier answer may be given again.

use std::time::Duration;

use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

use crate::guard::{Mismatch, Signature, words};
use crate::hex::hex;
use crate::ids::AgentId;
use crate::policy::CacheRules;
use crate::prompt::{Conversation, Role};
use crate::time::Timestamp;

/// How a cached answer was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheHit {
    /// The same words.
    Exact,
    /// The same meaning, as far as embeddings and guards can tell.
    Semantic,
}

impl CacheHit {
    /// The name in responses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Semantic => "semantic",
        }
    }
}

/// An answer kept for later.
#[derive(Clone, Debug, PartialEq)]
pub struct CachedAnswer {
    /// The exact key: [`exact_key`] of the conversation.
    pub key: String,
    /// The question in its normal form, for the guards; `None` for longer conversations, which
    /// are only ever found by their exact key.
    pub query: Option<String>,
    /// The question's embedding, normalised to length 1; empty when there is no `query`.
    pub embedding: Vec<f32>,
    /// The answer.
    pub answer: String,
    /// The model that gave it.
    pub model: String,
    /// Its validated score.
    pub score: f32,
    /// What it used: input and output tokens.
    pub tokens: (u64, u64),
    /// When it was given.
    pub created: Timestamp,
}

impl CachedAnswer {
    /// How old the answer is at `now`.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> Duration {
        now.since(self.created)
    }
}

/// The normal form of a text: NFKC, lower case, single spaces, no closing punctuation.
#[must_use]
pub fn normal_form(text: &str) -> String {
    let folded: String = text.nfkc().flat_map(char::to_lowercase).collect();
    let joined = folded.split_whitespace().collect::<Vec<_>>().join(" ");
    joined.trim_end_matches(['?', '!', '.', ' ']).to_owned()
}

/// The exact key of `conversation`: SHA-256, in hex, over agent, policy class and every message's
/// normal form. `class` names what an answer depends on besides the question, such as the version
/// of the knowledge.
#[must_use]
pub fn exact_key(agent: &AgentId, class: &str, conversation: &Conversation) -> String {
    let mut hash = Sha256::new();
    for part in [agent.as_str(), class] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    for message in conversation.messages() {
        hash.update(match message.role {
            Role::User => b"u",
            Role::Assistant => b"a",
        });
        hash.update(normal_form(message.text.as_str()).as_bytes());
        hash.update([0]);
    }
    hex(&hash.finalize())
}

/// Why a similar question's answer is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Not similar enough.
    TooFar,
    /// Similar, but different in what counts.
    Guarded(Mismatch),
}

/// Whether an answer to `cached` may be given to `query` at cosine `similarity`.
///
/// # Errors
/// [`Unfit`] with the reason why not.
pub fn may_stand_for(query: &str, cached: &str, similarity: f32, rules: &CacheRules) -> Result<(), Unfit> {
    if similarity.is_nan() || similarity < rules.min_similarity {
        return Err(Unfit::TooFar);
    }
    Signature::of(query).agrees_with(&Signature::of(cached)).map_err(Unfit::Guarded)
}

/// Words that a question may have or lack and ask the same: of courtesy, articles, and who may do what.
const EMPTY_WORDS: &[&str] = &[
    "a", "an", "can", "could", "do", "does", "hello", "hey", "hi", "i", "kindly", "may", "me", "please", "sorry",
    "thank", "thanks", "the", "we", "would", "you",
];

/// Whether both questions have the same words in the same order, but for empty ones. Where [`may_stand_for`] lets them
/// pass too, they ask the same.
#[must_use]
pub fn is_rewording(query: &str, cached: &str) -> bool {
    let telling = |text: &str| {
        let mut words = words(text);
        words.retain(|word| !EMPTY_WORDS.contains(&word.as_str()));
        words
    };
    let words = telling(query);
    !words.is_empty() && words == telling(cached)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::Prompt;

    #[test]
    fn empty_words_make_no_difference() {
        assert!(is_rewording("how do i reset my password", "Please, how can I reset my password? Thanks"));
        assert!(!is_rewording("how do i reset my password", "how do i reset your password"));
        assert!(!is_rewording("pay with a receipt", "pay without a receipt"));
        assert!(!is_rewording("can you", "could you"), "nothing is said");
    }

    #[test]
    fn spelling_does_not_matter_but_words_do() {
        let agent = AgentId::parse("a").unwrap();
        let key = |text: &str, class: &str| exact_key(&agent, class, &Conversation::of(Prompt::parse(text).unwrap()));
        assert_eq!(key("What is  your pricing?", "1"), key("what is your PRICING", "1"));
        assert_ne!(key("What is your pricing?", "1"), key("What is your pricing?", "2"));
        assert_ne!(key("enable 2FA", "1"), key("disable 2FA", "1"));
    }

    #[test]
    fn similarity_alone_is_not_enough() {
        let rules = CacheRules { min_similarity: 0.9, ..CacheRules::default() };
        assert_eq!(may_stand_for("how do i enable 2fa", "how do i turn on 2fa", 0.95, &rules), Ok(()));
        assert_eq!(
            may_stand_for("how do i enable 2fa", "how do i disable 2fa", 0.99, &rules),
            Err(Unfit::Guarded(Mismatch::Polarity))
        );
        assert_eq!(may_stand_for("a", "a", 0.89, &rules), Err(Unfit::TooFar));
        assert_eq!(may_stand_for("a", "a", f32::NAN, &rules), Err(Unfit::TooFar));
    }
}
