//! Words as search and the validator know them: folded, joined like the guard's, and stemmed.

use std::sync::LazyLock;

use bm25::{DefaultTokenizer, Language, Tokenizer};
use farthing_domain::guard;

static ALL: LazyLock<DefaultTokenizer> = LazyLock::new(|| tokenizer(false));
static CONTENT: LazyLock<DefaultTokenizer> = LazyLock::new(|| tokenizer(true));

fn tokenizer(drops_function_words: bool) -> DefaultTokenizer {
    DefaultTokenizer::builder()
        .language_mode(Language::English)
        .normalization(true)
        .stemming(true)
        .stopwords(drops_function_words)
        .build()
}

/// The stems of all words of `text`, in order.
pub(crate) fn stems(text: &str) -> Vec<String> {
    ALL.tokenize(&guard::words(text).join(" "))
}

/// The stems of the words of `text` that carry meaning, in order: articles, pronouns and the like
/// are left out.
pub(crate) fn content_stems(text: &str) -> Vec<String> {
    CONTENT.tokenize(&guard::words(text).join(" "))
}

/// The stem of one word of [`guard::words`].
pub(crate) fn stem(word: &str) -> String {
    ALL.tokenize(word).concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_have_one_stem() {
        assert_eq!(stems("How do I log in to the platforms?"), ["how", "do", "i", "login", "to", "the", "platform"]);
        assert_eq!(content_stems("What is your pricing?"), content_stems("the prices"));
    }
}
