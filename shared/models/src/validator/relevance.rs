//! Whether an answer speaks to the question, and says something.

use farthing_domain::guard::{QuestionType, Signature, names, numbers, words};
use farthing_domain::ports::Passage;

use self::matching::{MATCHES, Matching};
use self::phrases::{
    AMOUNT_WORDS, EVASIONS, PLACE_WORDS, PLEASANTRIES, REASON_WORDS, STEP_WORDS, TIME_WORDS, YES_NO_WORDS,
};
use super::lexis;
use super::memo::Memo;
use super::reading::{MOST_PASSAGES, Reading};
use super::stems::stems;
use crate::encoder::{EncoderError, cosine};

mod expectation;
pub(super) mod kin;
mod matching;
mod phrases;

/// How many of the numbers are about the answer as a whole.
const WHOLE: usize = 13;
/// How many are about the passage that the answer is taken from.
const HEADING: usize = 6;
/// How many numbers [`measure`] gives.
pub(super) const MEASURES: usize = WHOLE + MATCHES + HEADING;

/// Which of the numbers that [`measure`] gives are the higher the better whatever else holds.
pub(super) const RISING: [bool; MEASURES] = {
    let mut rising = [false; MEASURES];
    let better = [
        0,
        1,
        2,
        5,
        6,
        WHOLE,
        WHOLE + 1,
        WHOLE + 2,
        WHOLE + 3,
        WHOLE + 4,
        WHOLE + 8,
        WHOLE + 9,
        WHOLE + 10,
        WHOLE + 11,
        WHOLE + 12,
    ];
    let mut at = 0;
    while at < better.len() {
        rising[better[at]] = true;
        at += 1;
    }
    rising
};

/// The numbers of [`RELEVANCE`](super::RELEVANCE) by which an answer is ranked: what it says and how it matches the question, not how long it is.
pub(super) const RANKING: &[usize] = &{
    let mut ranking = [0; 5 + MATCHES];
    let first = [0, 1, 2, 5, 6];
    let mut at = 0;
    while at < ranking.len() {
        ranking[at] = if at < first.len() { first[at] } else { WHOLE + at - first.len() };
        at += 1;
    }
    ranking
};

/// Numbers about relevance: of the answer as a whole, of how it matches the question, and of the passage
/// that it is taken from.
///
/// # Errors
/// [`EncoderError`] when the encoder fails.
pub(super) fn measure(reading: &Reading<'_>, memo: &Memo) -> Result<[f32; MEASURES], EncoderError> {
    let mut measures = [0.0; MEASURES];
    let (own, heading) = measures.split_at_mut(MEASURES - HEADING);
    own[..WHOLE].copy_from_slice(&whole(reading));
    let question = lexis::read(reading.validation.query);
    let sentences: Vec<_> = reading.sentences.iter().map(|sentence| lexis::read(sentence)).collect();
    own[WHOLE..WHOLE + MATCHES].copy_from_slice(&Matching::of(&question, &sentences).to_array());
    if let Some(found) = self::heading(reading, memo)? {
        heading.copy_from_slice(&[1.0, found.cosine, found.overlap, found.agreement, found.score, found.lead]);
    }
    Ok(measures)
}

/// The higher each is the better, but for the length and whether it is very short.
fn whole(reading: &Reading<'_>) -> [f32; WHOLE] {
    let query = reading.validation.query_embedding;
    let whole = cosine(query, &reading.mean);
    let best = reading.pieces.nearest(query);
    let worst = reading.pieces.vectors.iter().map(|piece| cosine(query, piece)).fold(1.0, f32::min);
    let text = format!(" {} ", reading.words.join(" "));
    let hits = |phrases: &[&str]| phrases.iter().filter(|phrase| text.contains(&format!(" {phrase} "))).count();
    let new = reading.stems.iter().filter(|stem| !reading.query_stems.contains(stem)).count();
    let answer = reading.validation.answer;
    let specifics = numbers(answer).len() + names(answer).len();
    let count = reading.words.len() as f32;
    [
        whole.max(0.0),
        best,
        worst.max(0.0),
        overlap(&reading.query_stems, &reading.stems),
        fits_question(reading),
        1.0 / (1.0 + hits(EVASIONS) as f32),
        1.0 / (1.0 + hits(PLEASANTRIES) as f32),
        (new as f32).ln_1p() / 3.0,
        (specifics as f32).ln_1p() / 2.0,
        new as f32 / count.max(1.0),
        f32::from(u8::from(answer.contains(['>', '@', '`', '£', '$', '€', '"', '“']))),
        count.ln_1p() / 4.0,
        f32::from(u8::from(reading.words.len() < 5)),
    ]
}

/// Whether the answer opens with the words of a passage that has a heading.
pub(super) fn has_heading(measures: &[f32; MEASURES]) -> bool {
    measures[MEASURES - HEADING] > 0.5
}

/// How well the question that a passage was written for matches the one that was asked.
struct Heading {
    cosine: f32,
    overlap: f32,
    agreement: f32,
    /// How well retrieval says that the passage matches.
    score: f32,
    /// By how much it matches better than every other passage.
    lead: f32,
}

/// The heading of the passage that the answer is taken from, word for word; `None` when it is put
/// in its own words, or the passage has no heading.
fn heading(reading: &Reading<'_>, memo: &Memo) -> Result<Option<Heading>, EncoderError> {
    let validation = &reading.validation;
    let Some(first) = reading.sentences.first().map(|sentence| format!(" {} ", words(sentence).join(" "))) else {
        return Ok(None);
    };
    let is_source = |passage: &&Passage| {
        !passage.title.is_empty() && format!(" {} ", words(&passage.text).join(" ")).contains(&first)
    };
    let Some(passage) = validation.passages.iter().take(MOST_PASSAGES).find(is_source) else {
        return Ok(None);
    };
    let others = validation.passages.iter().filter(|other| other.id != passage.id).map(|other| other.score);
    let (asked, written) = (Signature::of(validation.query), Signature::of(&passage.title));
    let faults = usize::from(asked.opposes(&written))
        + usize::from(asked.is_negated() != written.is_negated())
        + usize::from(!asked.numbers().iter().all(|number| written.numbers().contains(number)));
    Ok(Some(Heading {
        cosine: cosine(validation.query_embedding, &memo.embed(&passage.title)?).max(0.0),
        overlap: overlap(&reading.query_stems, &stems(&passage.title)),
        agreement: 1.0 / (1.0 + faults as f32),
        score: passage.score,
        lead: passage.score - others.fold(0.0, f32::max),
    }))
}

/// The share of `wanted` that `given` has; half when nothing is wanted.
fn overlap(wanted: &[String], given: &[String]) -> f32 {
    if wanted.is_empty() {
        return 0.5;
    }
    wanted.iter().filter(|stem| given.contains(stem)).count() as f32 / wanted.len() as f32
}

/// Whether the answer has what the kind of question asks for: 1, 0, or half when nothing can be
/// told.
fn fits_question(reading: &Reading<'_>) -> f32 {
    let answer = reading.validation.answer;
    let has = |list: &[&str]| reading.words.iter().any(|word| list.contains(&word.as_str()));
    let has_number = !numbers(answer).is_empty();
    let fits = match Signature::of(reading.validation.query).question() {
        QuestionType::HowMuch => has_number || has(AMOUNT_WORDS),
        QuestionType::When => has_number || has(TIME_WORDS),
        QuestionType::Where => has(PLACE_WORDS),
        QuestionType::Who => !names(answer).is_empty() || has(&["we", "our", "you", "your", "they", "owner", "anyone"]),
        QuestionType::Why => has(REASON_WORDS),
        QuestionType::How => has(STEP_WORDS) || has_number,
        QuestionType::YesNo => {
            let first = words(reading.sentences.first().copied().unwrap_or_default());
            first.iter().take(8).any(|word| YES_NO_WORDS.contains(&word.as_str()))
        }
        QuestionType::What | QuestionType::Other => return 0.5,
    };
    f32::from(u8::from(fits))
}
