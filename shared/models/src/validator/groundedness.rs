//! Whether the passages say what an answer says.

use std::collections::HashSet;

use farthing_domain::guard::{Signature, names, numbers, words};
use farthing_domain::ports::Validation;

use super::memo::Memo;
use super::reading::{MOST_PASSAGES, Pieces, Reading};
use super::stems::{stem, stems};
use crate::encoder::EncoderError;
use crate::sentences::sentences;

/// How many numbers [`measure`] gives.
pub(super) const MEASURES: usize = 13;

/// Words that widen a statement: "any plan" says more than "the Studio plan".
const WIDENING: &[&str] = &[
    "any",
    "anything",
    "anywhere",
    "anyone",
    "anytime",
    "all",
    "always",
    "every",
    "everything",
    "everyone",
    "everywhere",
    "unlimited",
    "whenever",
    "whatever",
    "forever",
    "completely",
    "entirely",
    "guaranteed",
    "free",
    "immediately",
    "instantly",
    "automatically",
    "fully",
    "lifetime",
];

/// Words that narrow or deny a statement.
const NARROWING: &[&str] = &[
    "only",
    "except",
    "unless",
    "never",
    "none",
    "neither",
    "nobody",
    "nothing",
    "impossible",
    "must",
    "cannot",
    "no",
    "not",
    "cant",
    "dont",
    "doesnt",
    "wont",
    "isnt",
    "arent",
    "without",
    "until",
    "both",
    "half",
    "extra",
];

/// What an answer may rely on, prepared once.
pub(crate) struct Evidence {
    text: String,
    stems: HashSet<String>,
    words: HashSet<String>,
    numbers: Vec<String>,
    amounts: HashSet<(String, String)>,
    sentences: Vec<EvidenceSentence>,
}

struct EvidenceSentence {
    stems: HashSet<String>,
    signature: Signature,
}

impl Evidence {
    /// The evidence that the passages, the question and the brand's own words give.
    pub(super) fn of(validation: &Validation<'_>) -> Self {
        let brand = validation.brand;
        let mut texts: Vec<&str> = Vec::new();
        for passage in validation.passages.iter().take(MOST_PASSAGES) {
            texts.extend([passage.title.as_str(), passage.text.as_str()]);
        }
        texts.extend(brand.disclaimers_for(validation.query));
        let stated = texts.join("\n");
        texts.extend([validation.query, brand.name.as_str()]);
        let known = texts.join("\n");
        let sentences = sentences(&stated)
            .into_iter()
            .map(|sentence| EvidenceSentence {
                stems: stems(sentence).into_iter().collect(),
                signature: Signature::of(sentence),
            })
            .collect();
        Self {
            text: format!(" {} ", words(&stated).join(" ")),
            stems: stems(&known).into_iter().collect(),
            words: words(&known).into_iter().collect(),
            numbers: numbers(&known),
            amounts: amounts(&known).into_iter().collect(),
            sentences,
        }
    }

    /// Whether the passages have this sentence word for word.
    pub(crate) fn has(&self, sentence: &str) -> bool {
        self.text.contains(&format!(" {} ", words(sentence).join(" ")))
    }

    /// The share of the sentence's meaningful words that the evidence has.
    fn support(&self, sentence: &str) -> f32 {
        let stems = stems(sentence);
        if stems.is_empty() {
            return 1.0;
        }
        stems.iter().filter(|stem| self.stems.contains(*stem)).count() as f32 / stems.len() as f32
    }

    /// Whether the sentence has a number or a name that the evidence has not, denies what it says
    /// or is about something else.
    pub(crate) fn contradicts_or_lacks(&self, sentence: &str) -> bool {
        self.unknown_numbers(sentence) + self.unknown_names(sentence) + self.unknown_amounts(sentence) > 0
            || opposition(sentence, self) > 0.5
            || negation(sentence, self) > 0.6
            || self.support(sentence) < 0.35
    }

    fn unknown_numbers(&self, sentence: &str) -> usize {
        numbers(sentence).iter().filter(|number| *number != "1" && !self.numbers.contains(number)).count()
    }

    fn unknown_names(&self, sentence: &str) -> usize {
        let is_known = |name: &String| self.words.contains(name) || self.stems.contains(&stem(name));
        names(sentence).iter().filter(|name| !is_known(name) && name.parse::<f64>().is_err()).count()
    }

    /// Amounts whose number is known with another unit only: "30 days" for "30 minutes".
    fn unknown_amounts(&self, sentence: &str) -> usize {
        let is_wrong = |amount: &&(String, String)| {
            self.amounts.iter().any(|(number, _)| *number == amount.0) && !self.amounts.contains(*amount)
        };
        amounts(sentence).iter().filter(is_wrong).count()
    }

    /// The sentence of the evidence that shares the most words with `sentence`, and the share.
    fn nearest(&self, sentence: &str) -> Option<(&EvidenceSentence, f32)> {
        let stems = stems(sentence);
        let share = |evidence: &EvidenceSentence| {
            let shared = stems.iter().filter(|stem| evidence.stems.contains(*stem)).count() as f32;
            shared / (stems.len().max(1) as f32)
        };
        let shares = self.sentences.iter().map(|evidence| (evidence, share(evidence)));
        shares.max_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, share)| *share > 0.0)
    }
}

/// Numbers about groundedness; the higher each is the better, from 0 to 1.
///
/// # Errors
/// [`EncoderError`] when the encoder fails.
pub(super) fn measure(
    reading: &Reading<'_>,
    evidence: &Evidence,
    memo: &Memo,
) -> Result<[f32; MEASURES], EncoderError> {
    let answer = reading.validation.answer;
    let loose: Vec<&str> = reading.sentences.iter().copied().filter(|sentence| !evidence.has(sentence)).collect();
    if loose.is_empty() {
        return Ok([1.0; MEASURES]);
    }
    let sum = |count: &dyn Fn(&str) -> usize| loose.iter().map(|sentence| count(sentence)).sum::<usize>();
    let fewer_is_better = |count: usize| 1.0 / (1.0 + count as f32);
    let worst = loose.iter().map(|sentence| evidence.support(sentence)).fold(1.0, f32::min);
    let new = loose.iter().flat_map(|s| stems(s)).filter(|stem| !evidence.stems.contains(stem)).count();
    let unknown_of = |list: &[&str]| {
        let words = loose.iter().flat_map(|sentence| words(sentence));
        words.filter(|word| list.contains(&word.as_str()) && !evidence.words.contains(word)).count()
    };
    let mut passages = Vec::new();
    for passage in reading.validation.passages.iter().take(MOST_PASSAGES) {
        passages.push(Pieces::of(&passage.text, memo)?);
    }
    let nearest = |vector: &[f32]| passages.iter().map(|pieces| pieces.nearest(vector)).fold(0.0, f32::max);
    let near: Vec<f32> = (reading.pieces.vectors.iter().zip(&reading.pieces.texts))
        .map(|(vector, text)| if evidence.has(text) { 1.0 } else { nearest(vector) })
        .collect();
    Ok([
        evidence.support(answer),
        worst,
        fewer_is_better(sum(&|sentence| evidence.unknown_numbers(sentence))),
        fewer_is_better(sum(&|sentence| evidence.unknown_amounts(sentence))),
        fewer_is_better(sum(&|sentence| evidence.unknown_names(sentence))),
        1.0 - loose.iter().map(|sentence| opposition(sentence, evidence)).fold(0.0, f32::max),
        1.0 - loose.iter().map(|sentence| negation(sentence, evidence)).fold(0.0, f32::max),
        1.0 - lead_conflict(reading, evidence),
        near.iter().copied().fold(1.0, f32::min),
        near.iter().sum::<f32>() / near.len().max(1) as f32,
        fewer_is_better(unknown_of(WIDENING)),
        fewer_is_better(unknown_of(NARROWING)),
        1.0 - (new as f32).ln_1p() / 4.0,
    ])
}

/// Numbers with the word that follows, as a stem.
fn amounts(text: &str) -> Vec<(String, String)> {
    let words = words(text);
    let is_number = |word: &String| word.chars().next().is_some_and(|c| c.is_ascii_digit());
    let pairs = words.windows(2).filter(|pair| is_number(&pair[0]) && !is_number(&pair[1]));
    pairs
        .filter(|pair| UNITS.contains(&stem(&pair[1]).as_str()))
        .map(|pair| (pair[0].clone(), stem(&pair[1])))
        .collect()
}

const UNITS: &[&str] = &[
    "second", "minut", "hour", "day", "week", "month", "year", "gb", "mb", "tb", "kg", "g", "km", "mile", "metr", "cm",
    "mm", "pound", "dollar", "euro", "pence", "percent", "am", "pm", "member", "person", "peopl", "seat", "user",
    "channel", "time", "litr", "ml", "degre", "work", "busin", "nigh", "night",
];

/// How strongly a sentence of the evidence about the same thing has the opposite word.
fn opposition(sentence: &str, evidence: &Evidence) -> f32 {
    let signature = Signature::of(sentence);
    let (nearest, share) = match evidence.nearest(sentence) {
        Some(found) => found,
        None => return 0.0,
    };
    if nearest.signature.opposes(&signature) { share } else { 0.0 }
}

/// How strongly a sentence denies what the evidence about the same thing says, or says what it
/// denies.
fn negation(sentence: &str, evidence: &Evidence) -> f32 {
    match evidence.nearest(sentence) {
        Some((nearest, share)) if nearest.signature.is_negated() != Signature::of(sentence).is_negated() => share,
        _ => 0.0,
    }
}

/// Whether the answer opens with yes where the evidence on the question is negated, or with no
/// where it is not.
fn lead_conflict(reading: &Reading<'_>, evidence: &Evidence) -> f32 {
    let lead = reading.words.first().map_or("", String::as_str);
    let Some((nearest, share)) = evidence.nearest(reading.validation.query) else { return 0.0 };
    let denied = nearest.signature.is_negated();
    match lead {
        "yes" if denied => share,
        "no" if !denied => share,
        _ => 0.0,
    }
}
