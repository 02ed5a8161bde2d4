//! Words by which two texts are compared.

use farthing_domain::guard::words;

pub(super) use crate::knowledge::tokens::stem;

const STOP_WORDS: &[&str] = &[
    "a", "an", "the", "and", "or", "but", "if", "then", "than", "so", "as", "of", "at", "by", "for", "with", "about",
    "into", "to", "from", "in", "on", "up", "out", "off", "over", "under", "is", "are", "was", "were", "be", "been",
    "being", "am", "do", "does", "did", "doing", "have", "has", "had", "having", "i", "im", "ive", "id", "me", "my",
    "mine", "we", "were", "weve", "our", "ours", "us", "you", "youre", "youve", "your", "yours", "he", "she", "it",
    "its", "they", "theyre", "them", "their", "this", "that", "these", "those", "there", "theres", "here", "what",
    "whats", "which", "who", "whom", "whose", "when", "where", "why", "how", "can", "could", "will", "would", "shall",
    "should", "may", "might", "must", "not", "no", "yes", "cant", "dont", "doesnt", "didnt", "wont", "isnt", "arent",
    "just", "also", "too", "very", "any", "some", "all", "each", "both", "either", "more", "most", "other", "such",
    "only", "own", "same", "s", "t", "please", "get", "got", "let", "go", "need", "want", "well", "one", "once",
    "because", "while", "during", "until", "again", "ll", "youll", "well", "hi", "hello", "ok", "okay", "thanks",
    "tell", "much", "many", "long", "still", "now", "even", "after", "before", "like", "make", "use", "way", "sure",
];

/// The stems of the words of `text` that carry meaning, in order.
pub(super) fn stems(text: &str) -> Vec<String> {
    words(text).iter().filter(|word| !is_stop_word(word)).map(|word| stem(word)).collect()
}

/// Whether an English word is one of the small ones that carry no meaning of their own.
pub(super) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_have_one_stem() {
        for forms in [
            &["cancel", "cancelled", "cancelling", "cancels"][..],
            &["payment", "payments"],
            &["pay", "paying", "pays"],
            &["delivery", "deliveries"],
            &["deliver", "delivers", "delivered"],
            &["price", "prices", "priced", "pricing"],
            &["box", "boxes"],
        ] {
            let stems: std::collections::BTreeSet<String> = forms.iter().map(|form| stem(form)).collect();
            assert_eq!(stems.len(), 1, "{forms:?} {stems:?}");
        }
    }

    #[test]
    fn words_without_meaning_are_left_out() {
        assert_eq!(stems("How do I cancel the plan?"), ["cancel", "plan"]);
    }
}
