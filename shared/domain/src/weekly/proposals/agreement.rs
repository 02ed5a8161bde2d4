//! Whether two answers say the same, as far as their words tell.

use std::collections::BTreeSet;

use crate::guard::{self, Signature};

/// Answers agree from this overlap of their words up. Of 1,055 pairs of acceptable answers that different hands wrote to the
/// same question (`shared/learning/data`) a tenth agree, so that those of one model have to be put alike; words cannot tell
/// an answer that differs in one detail without a number, which is why a proposal needs most answers and an owner.
const AGREES: f64 = 0.5;

/// English words that carry no meaning of their own.
const FUNCTION_WORDS: [&str; 66] = [
    "a", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "could", "do", "does", "for", "from", "had",
    "has", "have", "how", "i", "if", "in", "into", "is", "it", "its", "me", "my", "of", "on", "or", "our", "so",
    "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "to", "too", "us", "was", "we",
    "were", "what", "when", "where", "which", "who", "will", "with", "would", "you", "your", "here", "just", "also",
    "any", "am", "yours",
];

/// What an answer says.
pub(super) struct Said {
    words: BTreeSet<String>,
    numbers: BTreeSet<String>,
    signature: Signature,
}

impl Said {
    /// What `text` says.
    pub(super) fn of(text: &str) -> Self {
        let mut words = guard::words(text);
        words.retain(|word| !FUNCTION_WORDS.contains(&word.as_str()));
        Self {
            words: words.into_iter().collect(),
            numbers: guard::numbers(text).into_iter().collect(),
            signature: Signature::of(text),
        }
    }

    /// How much of their words both have in common: twice the common ones by all of both, 0 to 1.
    pub(super) fn overlap(&self, other: &Self) -> f64 {
        let all = self.words.len() + other.words.len();
        if all == 0 { 0.0 } else { 2.0 * self.words.intersection(&other.words).count() as f64 / all as f64 }
    }

    /// Whether both say the same: enough of the same words, the same numbers, and no word such as "enable" against "disable".
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        self.numbers == other.numbers && self.overlap(other) >= AGREES && !self.signature.opposes(&other.signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_in_other_words_agrees_and_another_number_or_sense_does_not() {
        let said = "Returns are free within 30 days: print the label from your orders page.";
        for (other, agrees) in [
            (said, true),
            ("You can return it for free within 30 days. Print the label on the orders page.", true),
            ("Returns are free within 60 days: print the label from your orders page.", false),
            ("Returns are free within 30 days: print the label from your orders page. It costs 5 dollars.", false),
            ("Gift wrapping is offered at the checkout within 30 days.", false),
            ("", false),
        ] {
            assert_eq!(Said::of(said).agrees_with(&Said::of(other)), agrees, "{other}");
        }
        let (on, off) = ("Enable the switch under Security.", "Disable the switch under Security.");
        assert!(!Said::of(on).agrees_with(&Said::of(off)));
    }
}
