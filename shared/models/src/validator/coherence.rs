//! Whether an answer is whole, fluent and free of repetition.

use std::collections::HashMap;

use farthing_domain::guard::words;

use super::reading::Reading;
use crate::encoder::cosine;

/// How many numbers [`measure`] gives.
pub(super) const MEASURES: usize = 9;

/// Words after which a sentence goes on.
const NEVER_LAST: &[&str] = &[
    "a", "an", "the", "and", "or", "but", "of", "for", "with", "to", "from", "by", "at", "in", "as", "if", "because",
    "than", "that", "which", "who", "your", "my", "our", "their", "his", "its", "we", "i", "is", "are", "was", "were",
    "will", "would", "can", "could", "should", "when", "while", "where", "into", "about", "between", "per", "very",
    "youll", "youre", "so", "not", "whose", "every", "each", "any", "some", "two", "three", "under", "over", "until",
    "has", "have", "be", "cant", "dont", "doesnt", "and/or", "then", "also", "only", "within", "up", "on", "you",
];

/// Numbers about coherence; the higher each is the better, from 0 to 1.
pub(super) fn measure(reading: &Reading<'_>) -> [f32; MEASURES] {
    let answer = reading.validation.answer.trim_end();
    let yes = |holds: bool| f32::from(u8::from(holds));
    let pieces = &reading.pieces.vectors;
    let cohesion = pieces.windows(2).map(|pair| cosine(&pair[0], &pair[1])).fold(1.0, f32::min).max(0.0);
    [
        yes(ends_whole(answer)),
        yes(!ends_dangling(answer)),
        yes(is_balanced(answer)),
        1.0 - repeated_share(&reading.words, 4),
        1.0 - repeated_share(&reading.words, 2),
        1.0 - repeated_sentences(&reading.sentences),
        1.0 - gibberish_share(answer),
        cohesion,
        yes(starts_whole(answer)),
    ]
}

/// Whether the last sentence of `answer` is cut off: it ends with a comma or with a word after
/// which a sentence goes on, or has no mark at its end while the ones before it have.
pub(crate) fn is_cut_off(answer: &str) -> bool {
    let ended = crate::sentences::sentences(answer);
    let others_end = ended.len() > 1 && ended[..ended.len() - 1].iter().all(|sentence| ends_whole(sentence));
    ends_dangling(answer.trim_end()) || (others_end && !ends_whole(answer.trim_end()))
}

fn ends_whole(text: &str) -> bool {
    text.trim_end_matches(['"', '\'', '”', '’', ')', ']', '*', '`']).ends_with(['.', '!', '?', '…', '。'])
}

fn ends_dangling(text: &str) -> bool {
    if text.ends_with([',', ';', ':', '-', '–', '—', '(', '/', '&', '+', '=']) {
        return true;
    }
    if text.ends_with(|c: char| !c.is_alphanumeric()) {
        return false;
    }
    words(text).last().is_some_and(|word| NEVER_LAST.contains(&word.as_str()))
}

fn starts_whole(text: &str) -> bool {
    !text.trim_start().starts_with([',', ';', ')', '.', '?', '!'])
}

fn is_balanced(text: &str) -> bool {
    let count = |mark: char| text.matches(mark).count();
    let pairs = [('(', ')'), ('[', ']'), ('{', '}'), ('“', '”')];
    count('"').is_multiple_of(2)
        && text.matches("```").count().is_multiple_of(2)
        && count('`').is_multiple_of(2)
        && pairs
            .iter()
            .all(|&(open, close)| count(open) <= count(close) + usize::from(open == '(' && text.contains(":(")))
}

/// Whether `words` go round in circles, as a language model's may: five of them in a row come again.
pub(crate) fn is_looping(words: &[String]) -> bool {
    repeated_share(words, 5) > 0.0
}

/// The share of the runs of `length` words that came before.
fn repeated_share(words: &[String], length: usize) -> f32 {
    let runs = words.len().saturating_sub(length - 1);
    if runs < 2 {
        return 0.0;
    }
    let mut seen: HashMap<&[String], usize> = HashMap::new();
    words.windows(length).for_each(|run| *seen.entry(run).or_default() += 1);
    let repeated: usize = seen.values().map(|count| count - 1).sum();
    repeated as f32 / runs as f32
}

fn repeated_sentences(sentences: &[&str]) -> f32 {
    let mut seen = std::collections::HashSet::new();
    let repeated = sentences.iter().filter(|sentence| !seen.insert(words(sentence))).count();
    repeated as f32 / sentences.len().max(1) as f32
}

/// The share of words that look like no word of a language: long, without vowels or with many
/// changes between letters, digits and marks.
fn gibberish_share(text: &str) -> f32 {
    let tokens: Vec<&str> = text.split_whitespace().collect();
    let is_odd = |token: &&&str| {
        let letters: Vec<char> = token.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
        let vowels = letters.iter().filter(|c| !c.is_ascii() || "aeiouy".contains(**c)).count();
        let run = letters.split(|c| !c.is_ascii() || "aeiouy".contains(*c)).map(<[char]>::len).max().unwrap_or(0);
        let is_address = token.contains(['@', '/', '_', '`', '\\', '^', '(', '=']);
        !is_address && ((letters.len() > 4 && vowels == 0) || run > 5 || letters.len() > 24)
    };
    tokens.iter().filter(is_odd).count() as f32 / tokens.len().max(1) as f32
}
