//! Whether the passages say what an answer says.

use std::collections::HashSet;

use farthing_domain::guard::{Signature, words};
use farthing_domain::ports::Validation;

use self::days::Days;
use self::lists::{NARROWING, WIDENING};
use self::statements::Statement;
use super::lexis::{self, Token};
use super::memo::Memo;
use super::quantities::{self, Faults, Quantity, quantities};
use super::reading::{MOST_PASSAGES, Pieces, Reading};
use super::stems::stems;
use crate::encoder::EncoderError;
use crate::sentences::sentences;

mod days;
mod lists;
mod statements;

/// How many numbers [`measure`] gives.
pub(super) const MEASURES: usize = 17;

/// From this share of common words on a denial counts against an answer whatever else it says.
const CERTAIN: f32 = 0.99;

/// From this rarity up a word with a capital is held against an answer whose evidence has it not.
const RARE_NAME: f32 = 5.0;

/// What an answer may rely on, prepared once.
pub(crate) struct Evidence {
    text: String,
    stems: HashSet<String>,
    words: HashSet<String>,
    quantities: Vec<Quantity>,
    days: Days,
    sentences: Vec<EvidenceSentence>,
    statements: Vec<Statement>,
    whole: Vec<Statement>,
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
            quantities: quantities(&known),
            days: Days::stated(&known),
            sentences,
            statements: statements::of(&stated),
            whole: statements::whole(&stated),
        }
    }

    /// Whether the passages have this sentence word for word, its amounts included: signs for money are no words.
    pub(crate) fn has(&self, sentence: &str) -> bool {
        self.text.contains(&format!(" {} ", words(sentence).join(" "))) && self.faults(sentence).sum() == 0
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
        self.faults(sentence).sum() + self.unknown_names(sentence) > 0
            || opposition(sentence, self) > 0.5
            || negation(sentence, self) > 0.6
            || self.support(sentence) < 0.35
    }

    /// In what the amounts and the days of a sentence differ from those that are known.
    fn faults(&self, sentence: &str) -> Faults {
        let mut faults = quantities::faults(&quantities(sentence), &self.quantities);
        faults.unknown += Days::named(sentence).missing_in(&self.days);
        faults.terms += usize::from(self.is_free_of_charge_by(sentence));
        faults
    }

    /// Whether an answer that has to keep to the evidence does not: it has amounts, days or names that the evidence has
    /// not, or denies what it says.
    pub(super) fn is_left_by(&self, sentence: &str) -> bool {
        self.faults(sentence).sum() + self.unknown_names(sentence) > 0
            || statements::conflict(sentence, &self.statements) >= CERTAIN
    }

    /// Whether an answer opens with a yes or a no that the evidence on the question denies.
    pub(super) fn is_denied_by_lead(&self, reading: &Reading<'_>) -> bool {
        statements::conflict_of_lead(reading, &self.whole) >= CERTAIN
    }

    /// Whether only the sentence says that something costs nothing.
    fn is_free_of_charge_by(&self, sentence: &str) -> bool {
        let said = format!(" {} ", words(sentence).join(" "));
        let is_free = said.contains(" for free ") || said.contains(" is free ") || said.contains(" are free ");
        is_free && !FREE.iter().any(|word| self.words.contains(*word))
    }

    /// Names that the evidence has not, but for days, months and units.
    fn unknown_names(&self, sentence: &str) -> usize {
        let is_known = |token: &Token| self.words.contains(&token.word) || self.stems.contains(&token.stem);
        let is_amount = |token: &Token| days::is_one(&token.word) || quantities::is_part(&token.word);
        let tokens = lexis::read(sentence);
        // What opens a sentence before a name that is known is a verb ("Use Settings") and no part of the name.
        let opener = usize::from(tokens.get(1).is_some_and(|second| second.is_name && is_known(second)));
        // A common word with a capital, as in a title or on a button, is a name only beside the evidence.
        let is_name = |token: &&Token| token.is_name && !token.opens && token.rarity >= RARE_NAME && !token.is_number();
        tokens.iter().skip(opener).filter(is_name).filter(|token| !is_known(token) && !is_amount(token)).count()
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
    let faults = loose.iter().map(|sentence| evidence.faults(sentence)).fold(Faults::default(), std::ops::Add::add);
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
        fewer_is_better(faults.unknown),
        fewer_is_better(faults.units),
        fewer_is_better(faults.terms),
        fewer_is_better(sum(&|sentence| evidence.unknown_names(sentence))),
        1.0 - loose.iter().map(|sentence| opposition(sentence, evidence)).fold(0.0, f32::max),
        1.0 - loose.iter().map(|sentence| negation(sentence, evidence)).fold(0.0, f32::max),
        1.0 - lead_conflict(reading, evidence),
        near.iter().copied().fold(1.0, f32::min),
        near.iter().sum::<f32>() / near.len().max(1) as f32,
        fewer_is_better(unknown_of(WIDENING)),
        fewer_is_better(unknown_of(NARROWING)),
        1.0 - (new as f32).ln_1p() / 4.0,
        1.0 - loose.iter().map(|sentence| statements::conflict(sentence, &evidence.statements)).fold(0.0, f32::max),
        1.0 - statements::conflict_of_lead(reading, &evidence.whole),
        1.0 / (1.0 + per_word(faults.sum() as f32, reading)),
    ])
}

/// A count by ten words of the answer.
fn per_word(count: f32, reading: &Reading<'_>) -> f32 {
    10.0 * count / reading.words.len().max(10) as f32
}

/// Words by which a passage says that something costs nothing.
const FREE: &[&str] =
    &["free", "nothing", "no", "without", "included", "includes", "complimentary", "0", "never", "dont"];

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
