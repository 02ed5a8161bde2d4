//! Trivial ways of doing what the models do, to hold their figures against.

use farthing_domain::complexity::Tier;
use farthing_domain::guard::words;

/// Phrases of texts that try to take the instructions over.
pub const INJECTION_PHRASES: &[&str] = &[
    "ignore previous",
    "ignore all",
    "ignore the above",
    "ignore your",
    "disregard",
    "system prompt",
    "your instructions",
    "your rules",
    "jailbreak",
    "developer mode",
    "pretend",
    "act as",
    "roleplay",
    "bypass",
    "override",
    "reveal",
];

/// Words of abuse.
pub const ABUSIVE_WORDS: &[&str] = &[
    "fuck",
    "fucking",
    "shit",
    "bitch",
    "bitches",
    "cunt",
    "asshole",
    "idiot",
    "moron",
    "stupid",
    "scum",
    "trash",
    "faggot",
    "fag",
    "nigga",
    "nigger",
    "retard",
    "retarded",
    "whore",
    "slut",
    "pussy",
    "hoe",
    "hoes",
    "kill yourself",
];

/// How many of `phrases` are in `text`.
#[must_use]
pub fn hits(phrases: &[&str], text: &str) -> usize {
    let text = format!(" {} ", words(text).join(" "));
    phrases.iter().filter(|phrase| text.contains(&format!(" {phrase} "))).count()
}

/// The length of `text` in words.
#[must_use]
pub fn length(text: &str) -> f32 {
    text.split_whitespace().count() as f32
}

/// The tier by the length of the prompt alone, with bounds that nobody fitted.
#[must_use]
pub fn tier_by_length(text: &str) -> Tier {
    match text.split_whitespace().count() {
        0..=12 => Tier::Simple,
        13..=30 => Tier::Medium,
        _ => Tier::High,
    }
}

/// The tier by rules on words.
#[must_use]
pub fn tier_by_keywords(text: &str) -> Tier {
    let words = words(text);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    if has(&["poem", "story", "song", "slogan", "haiku", "lyrics", "limerick", "tagline", "compose", "invent"]) {
        Tier::Creative
    } else if has(&[
        "prove",
        "derive",
        "calculate",
        "solve",
        "implement",
        "algorithm",
        "integral",
        "optimise",
        "optimize",
    ]) || words.len() > 60
    {
        Tier::High
    } else if has(&["explain", "compare", "difference", "why", "summarise", "summarize", "pros", "cons", "better"])
        || words.len() > 25
    {
        Tier::Medium
    } else {
        Tier::Simple
    }
}

/// The share of the words of `one` that `other` has too, 0 to 1.
#[must_use]
pub fn shared_words(one: &str, other: &str) -> f32 {
    let (one, other) = (words(one), words(other));
    let shared = one.iter().filter(|word| other.contains(word)).count();
    shared as f32 / one.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_whole_words() {
        assert_eq!(hits(INJECTION_PHRASES, "Ignore ALL rules; disregard them."), 2);
        assert_eq!(hits(&["act as"], "the pact as signed"), 0);
    }

    #[test]
    fn rules_know_the_obvious() {
        assert_eq!(tier_by_keywords("Write a poem"), Tier::Creative);
        assert_eq!(tier_by_keywords("Solve x + 1 = 2"), Tier::High);
        assert_eq!(tier_by_keywords("Explain it"), Tier::Medium);
        assert_eq!(tier_by_keywords("Opening hours?"), Tier::Simple);
        assert_eq!(tier_by_length(&"word ".repeat(40)), Tier::High);
        assert!((shared_words("How do I pay?", "I pay by card") - 0.5).abs() < 1e-6);
    }
}
