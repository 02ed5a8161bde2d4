//! A text as its words, each with what its spelling tells.

use farthing_domain::guard::words;

use super::rarity::rarity;
use super::relevance::kin;
use super::stems::{is_stop_word, stem};

/// A word where it stands.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// In lower case.
    pub(super) word: String,
    pub(super) stem: String,
    /// How rare words with this stem are.
    pub(super) rarity: f32,
    /// In which lists of kin words it is.
    pub(super) kin: u64,
    /// Written with a capital where English has none but for names.
    pub(super) is_name: bool,
    /// Opens a sentence, where every word has a capital.
    pub(super) opens: bool,
    /// Follows a sign for money, or is followed by one.
    pub(super) is_money: bool,
    pub(super) is_percentage: bool,
}

impl Token {
    pub(super) fn has_meaning(&self) -> bool {
        !is_stop_word(&self.word)
    }

    pub(super) fn is_number(&self) -> bool {
        self.word.starts_with(|c: char| c.is_ascii_digit())
    }
}

/// From this rarity up a word with a capital at the start of a sentence is taken for a name.
const RARE: f32 = 7.5;

/// The words of `text`, in order.
pub(super) fn read(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    text.lines().for_each(|line| read_line(line, &mut tokens));
    tokens
}

fn read_line(line: &str, tokens: &mut Vec<Token>) {
    let raw: Vec<&str> = line.split_whitespace().filter(|raw| raw.contains(char::is_alphanumeric)).collect();
    let mut opens_sentence = true;
    for (at, piece) in raw.iter().enumerate() {
        let bare = piece.trim_matches(|c: char| !c.is_alphanumeric());
        let before_next = raw.get(at + 1).is_some_and(|next| next.starts_with(char::is_uppercase));
        for word in words(bare) {
            let stem = stem(&word);
            let rarity = rarity(&stem);
            let stands_out = !opens_sentence || rarity >= RARE || (before_next && !is_stop_word(&word));
            let is_name = bare.starts_with(char::is_uppercase) && stands_out && !is_pronoun(bare);
            let (is_money, is_percentage) = (piece.contains(['$', '£', '€']), piece.contains('%'));
            let kin = kin::lists(&word, &stem);
            let opens = opens_sentence && !before_next;
            tokens.push(Token { word, stem, rarity, kin, is_name, opens, is_money, is_percentage });
        }
        opens_sentence = piece.trim_end_matches(['"', '”', '’', ')']).ends_with(['.', '!', '?', ':']);
    }
}

fn is_pronoun(word: &str) -> bool {
    word == "I" || word.starts_with("I'") || word.starts_with("I’")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_is_written_with_a_capital_without_need() {
        check("Yes, I think Ada Lovelace did.", "ada lovelace");
        check("The town of Ely is small. People like it.", "ely");
        check("Ada Lovelace wrote it. Zemgale is far.", "ada lovelace zemgale");
        check("`` It is mine , '' said Tom .", "tom");
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let names: Vec<String> = read(text).into_iter().filter(|token| token.is_name).map(|token| token.word).collect();
        assert_eq!(names.join(" "), expected, "{text:?}");
    }
}
