//! What two texts must have in common before one may stand for the other.
//!
//! Embeddings put "enable 2FA" next to "disable 2FA". The signature of a text holds what an
//! embedding blurs: its numbers, negations, polarity words, names and the kind of question.

use std::collections::BTreeSet;
use std::fmt;

use unicode_normalization::UnicodeNormalization;

/// Pairs of words with opposite meaning. A text with one of them does not stand for a text with
/// the other, or with neither.
const OPPOSITES: &[(&[&str], &[&str])] = &[
    (&["enable", "activate", "enabling", "activating"], &["disable", "deactivate", "disabling", "deactivating"]),
    (&["on"], &["off"]),
    (&["with", "including"], &["without", "excluding"]),
    (&["start", "begin", "resume"], &["stop", "end", "pause"]),
    (&["add", "adding"], &["remove", "removing"]),
    (&["create", "make"], &["delete", "erase", "deleting"]),
    (&["open", "opening"], &["close", "closing"]),
    (&["increase", "raise"], &["decrease", "lower", "reduce"]),
    (&["upgrade", "upgrading"], &["downgrade", "downgrading"]),
    (&["install"], &["uninstall"]),
    (&["subscribe"], &["unsubscribe", "cancel"]),
    (&["before"], &["after"]),
    (&["buy", "purchase"], &["sell"]),
    (&["import"], &["export"]),
    (&["upload", "uploading"], &["download", "downloading"]),
    (&["monthly", "month"], &["annual", "annually", "yearly", "year"]),
    (&["allow", "unblock"], &["block", "forbid", "ban"]),
    (&["lock"], &["unlock"]),
    (&["login", "signin"], &["logout", "signout"]),
    (&["first"], &["last"]),
    (&["send", "sending"], &["receive", "receiving"]),
    (&["accept", "approve"], &["reject", "decline", "refuse"]),
    (&["maximum", "max", "most", "longest"], &["minimum", "min", "least", "shortest"]),
    (&["public"], &["private"]),
    (&["show"], &["hide"]),
    (&["mute"], &["unmute"]),
    (&["connect"], &["disconnect"]),
    (&["free"], &["paid"]),
    (&["more"], &["less", "fewer"]),
    (&["under", "below"], &["over", "above"]),
    (&["domestic"], &["international"]),
    (&["incoming"], &["outgoing"]),
];

const NEGATIONS: &[&str] = &[
    "not", "no", "never", "none", "nothing", "cannot", "cant", "dont", "doesnt", "didnt", "wont", "isnt", "arent",
    "wasnt", "werent", "shouldnt", "couldnt", "wouldnt", "havent", "hasnt", "unable", "neither", "nor",
];

const NUMBER_WORDS: &[(&str, &str)] = &[
    ("zero", "0"),
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("ten", "10"),
    ("eleven", "11"),
    ("twelve", "12"),
    ("hundred", "100"),
    ("thousand", "1000"),
    ("twice", "2"),
    ("double", "2"),
];

/// What a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuestionType {
    /// A way of doing something.
    How,
    /// An amount or a price.
    HowMuch,
    /// A duration or a moment.
    When,
    /// A place.
    Where,
    /// A person.
    Who,
    /// A reason.
    Why,
    /// A thing or a choice.
    What,
    /// Yes or no.
    YesNo,
    /// No question word: a command or a few keywords.
    Other,
}

/// What an embedding blurs of one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    numbers: Vec<String>,
    negated: bool,
    polarity: BTreeSet<(usize, bool)>,
    names: BTreeSet<String>,
    words: BTreeSet<String>,
    question: QuestionType,
}

/// In what two texts differ too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// Other numbers.
    Numbers,
    /// One is negated.
    Negation,
    /// One has a word such as "enable" where the other has "disable", or neither.
    Polarity,
    /// A name is in one only.
    Names,
    /// They ask for different kinds of answer.
    Question,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Numbers => "numbers",
            Self::Negation => "negation",
            Self::Polarity => "polarity",
            Self::Names => "names",
            Self::Question => "question type",
        })
    }
}

impl Signature {
    /// The signature of `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let words = words(text);
        Self {
            numbers: numbers(text),
            negated: words.iter().filter(|word| NEGATIONS.contains(&word.as_str())).count() % 2 == 1,
            polarity: polarity(&words),
            names: names(text),
            question: question_type(&words),
            words: words.into_iter().collect(),
        }
    }

    /// Whether a text with this signature may stand for one with `other`.
    ///
    /// # Errors
    /// The first [`Mismatch`] found.
    pub fn agrees_with(&self, other: &Self) -> Result<(), Mismatch> {
        let has_names_of = |a: &Self, b: &Self| b.names.iter().all(|name| a.words.contains(name));
        if self.numbers != other.numbers {
            Err(Mismatch::Numbers)
        } else if self.negated != other.negated {
            Err(Mismatch::Negation)
        } else if self.polarity != other.polarity {
            Err(Mismatch::Polarity)
        } else if !has_names_of(self, other) || !has_names_of(other, self) {
            Err(Mismatch::Names)
        } else if self.question != other.question {
            Err(Mismatch::Question)
        } else {
            Ok(())
        }
    }

    /// Whether one text has a polarity word whose opposite the other has.
    #[must_use]
    pub fn opposes(&self, other: &Self) -> bool {
        let flipped = |&(pair, side): &(usize, bool)| {
            other.polarity.contains(&(pair, !side)) && !other.polarity.contains(&(pair, side))
        };
        self.polarity.iter().any(flipped)
    }

    /// Whether the text has an odd number of negations.
    #[must_use]
    pub const fn is_negated(&self) -> bool {
        self.negated
    }

    /// The numbers in the text, in order of size of their spelling.
    #[must_use]
    pub fn numbers(&self) -> &[String] {
        &self.numbers
    }

    /// The names in the text, in lower case.
    #[must_use]
    pub const fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// What the text asks for.
    #[must_use]
    pub const fn question(&self) -> QuestionType {
        self.question
    }
}

/// The words of `text`: NFKC, lower case, apostrophes dropped, split at all else that is neither
/// letter nor digit. Two-word verbs that have an opposite are joined ("log in" is `login`).
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let folded: String = text.nfkc().flat_map(char::to_lowercase).filter(|c| !matches!(c, '\'' | '’')).collect();
    let mut words: Vec<String> = Vec::new();
    for word in folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let joined = match (words.last().map(String::as_str), word) {
            (Some("log" | "sign"), "in") => Some("login"),
            (Some("log" | "sign"), "out") => Some("logout"),
            (Some("turn" | "switch"), "on") => Some("enable"),
            (Some("turn" | "switch"), "off") => Some("disable"),
            _ => None,
        };
        if let (Some(joined), Some(last)) = (joined, words.last_mut()) {
            joined.clone_into(last);
        } else {
            words.push(word.to_owned());
        }
    }
    words
}

/// The numbers of `text`, without thousands separators, sorted by spelling; number words count.
#[must_use]
pub fn numbers(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.nfkc().collect();
    let mut numbers = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        if !chars[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let mut number = String::new();
        while at < chars.len() {
            let next_is_digit = chars.get(at + 1).is_some_and(char::is_ascii_digit);
            match chars[at] {
                c if c.is_ascii_digit() => number.push(c),
                '.' if next_is_digit => number.push('.'),
                ',' if next_is_digit => {}
                _ => break,
            }
            at += 1;
        }
        if number.contains('.') {
            number.truncate(number.trim_end_matches('0').trim_end_matches('.').len());
        }
        numbers.push(number);
    }
    let spelled = words(text);
    numbers.extend(
        spelled.iter().filter_map(|word| {
            NUMBER_WORDS.iter().find(|(name, _)| name == word).map(|(_, digits)| (*digits).to_owned())
        }),
    );
    numbers.sort();
    numbers
}

/// Names: words with a capital that does not open a sentence, and words that mix letters with
/// digits or capitals inside ("iPhone", "2FA"); in lower case.
#[must_use]
pub fn names(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut opens_sentence = true;
    for token in text.split_whitespace() {
        let word = token.trim_matches(|c: char| !c.is_alphanumeric());
        let word = word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word);
        let starts_upper = word.starts_with(char::is_uppercase);
        let upper_inside = word.chars().skip(1).any(char::is_uppercase);
        let mixed = word.chars().any(char::is_alphabetic) && word.chars().any(|c| c.is_ascii_digit());
        let is_pronoun = matches!(word, "I" | "I'm" | "I'd" | "I've" | "I'll" | "I’m" | "I’d" | "I’ve" | "I’ll");
        if !is_pronoun && (upper_inside || mixed || (starts_upper && !opens_sentence)) {
            names.extend(words(word));
        }
        opens_sentence = token.ends_with(['.', '!', '?', ':']);
    }
    names
}

fn polarity(words: &[String]) -> BTreeSet<(usize, bool)> {
    let mut found = BTreeSet::new();
    for (pair, (one, other)) in OPPOSITES.iter().enumerate() {
        for word in words {
            if one.contains(&word.as_str()) {
                found.insert((pair, true));
            } else if other.contains(&word.as_str()) {
                found.insert((pair, false));
            }
        }
    }
    found
}

fn question_type(words: &[String]) -> QuestionType {
    for (at, word) in words.iter().enumerate() {
        let next = words.get(at + 1).map_or("", String::as_str);
        let found = match (word.as_str(), next) {
            ("how", "much" | "many") => QuestionType::HowMuch,
            ("how", "long" | "soon" | "often" | "quickly" | "fast") | ("when", _) => QuestionType::When,
            ("how", _) => QuestionType::How,
            ("where", _) => QuestionType::Where,
            ("who" | "whom" | "whose", _) => QuestionType::Who,
            ("why", _) => QuestionType::Why,
            ("what" | "which" | "whats", _) => QuestionType::What,
            (
                "is" | "are" | "was" | "do" | "does" | "did" | "can" | "could" | "will" | "would" | "should" | "may"
                | "has" | "have" | "am",
                "i" | "you" | "we" | "it" | "they" | "there" | "the" | "this" | "my" | "your" | "a" | "an",
            ) if at == 0 => QuestionType::YesNo,
            _ => continue,
        };
        return found;
    }
    QuestionType::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_ask_the_same_agree() {
        check("How do I enable 2FA?", "how can i turn on 2fa", Ok(()));
        check("What is your pricing?", "what are your prices", Ok(()));
        check("What's the price for ten seats?", "What is the price for 10 seats?", Ok(()));
    }

    #[test]
    fn texts_that_ask_otherwise_do_not() {
        check("How do I enable 2FA?", "How do I disable 2FA?", Err(Mismatch::Polarity));
        check("How do I enable 2FA?", "How do I set up 2FA?", Err(Mismatch::Polarity));
        check("Can I return it with a receipt?", "Can I return it without a receipt?", Err(Mismatch::Polarity));
        check("Price for 10 seats?", "Price for 100 seats?", Err(Mismatch::Numbers));
        check("Why does it work?", "Why doesn't it work?", Err(Mismatch::Negation));
        check("Do you ship to Japan?", "Do you ship to Norway?", Err(Mismatch::Names));
        check("How do I pay?", "When do I pay?", Err(Mismatch::Question));
        check("How long is the trial?", "How much is the trial?", Err(Mismatch::Question));
    }

    #[track_caller]
    fn check(one: &str, other: &str, expected: Result<(), Mismatch>) {
        let (a, b) = (Signature::of(one), Signature::of(other));
        assert_eq!(a.agrees_with(&b), expected, "{one:?} / {other:?}");
        assert_eq!(b.agrees_with(&a), expected, "{other:?} / {one:?}");
    }

    #[test]
    fn numbers_have_one_spelling() {
        assert_eq!(numbers("1,000 or 1000.00 or 2.50 and three"), ["1000", "1000", "2.5", "3"]);
    }

    #[test]
    fn opposition_needs_both_sides() {
        let of = Signature::of;
        assert!(of("enable it").opposes(&of("disable it")));
        assert!(!of("enable it").opposes(&of("enable or disable it")));
        assert!(!of("enable it").opposes(&of("set it up")));
    }
}
