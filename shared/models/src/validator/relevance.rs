//! Whether an answer speaks to the question, and says something.

use farthing_domain::guard::{QuestionType, Signature, names, numbers, words};

use farthing_domain::ports::Passage;

use super::memo::Memo;
use super::reading::{MOST_PASSAGES, Reading};
use super::stems::stems;
use crate::encoder::{EncoderError, cosine};

/// How many numbers [`measure`] gives.
pub(super) const MEASURES: usize = 19;

/// Phrases that put the asker off instead of answering.
const EVASIONS: &[&str] = &[
    "it depends",
    "depends on",
    "that depends",
    "hard to say",
    "difficult to say",
    "it varies",
    "varies",
    "up to you",
    "various",
    "in several ways",
    "several factors",
    "many things",
    "many factors",
    "different ways",
    "look into it",
    "best to ask",
    "ask someone",
    "ask somebody",
    "check online",
    "search online",
    "see our website",
    "check our website",
    "visit our website",
    "contact us",
    "get in touch",
    "reach out",
    "someone who knows",
    "somebody who knows",
    "in general",
    "generally speaking",
    "there are many",
    "there are several",
    "in due course",
    "as appropriate",
    "as needed",
    "in the end",
    "one way or another",
    "can be found",
    "we cant say",
    "cant say",
    "not sure",
    "no idea",
    "dont know",
    "couldnt say",
    "who knows",
    "some people",
    "people differ",
    "opinions differ",
    "its complicated",
    "all sorts",
    "and so on",
    "that sort of thing",
    "somewhere",
    "at some point",
    "should be fine",
    "may or may not",
    "might or might not",
    "usually somewhere",
    "look it up",
    "find out",
];

/// Phrases that fill a space and say nothing.
const PLEASANTRIES: &[&str] = &[
    "great question",
    "good question",
    "thank you for",
    "thanks for",
    "happy to help",
    "here to help",
    "love to help",
    "glad you asked",
    "excited",
    "delighted",
    "passionate",
    "journey",
    "we care",
    "valued",
    "our priority",
    "number one",
    "world of",
    "at the heart",
    "pleasure",
    "warm welcome",
    "hope this helps",
    "dont hesitate",
    "we believe",
    "our team is",
    "always here",
    "wonderful",
    "amazing",
    "fantastic",
    "exciting",
    "proud",
    "committed",
    "from all of us",
    "we love",
    "lovely",
    "what a",
    "enjoy",
];

const TIME_WORDS: &[&str] = &[
    "minute",
    "minutes",
    "hour",
    "hours",
    "day",
    "days",
    "week",
    "weeks",
    "month",
    "months",
    "year",
    "years",
    "today",
    "tomorrow",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "am",
    "pm",
    "noon",
    "midnight",
    "morning",
    "evening",
    "always",
    "never",
    "once",
    "immediately",
    "daily",
    "weekly",
    "fortnightly",
    "straight",
    "instantly",
    "soon",
    "every",
    "until",
    "after",
    "before",
    "when",
];

const AMOUNT_WORDS: &[&str] = &[
    "free",
    "nothing",
    "none",
    "one",
    "no",
    "unlimited",
    "half",
    "once",
    "every",
    "each",
    "all",
    "charge",
    "dozen",
    "single",
    "both",
    "as",
    "any",
];

const PLACE_WORDS: &[&str] = &[
    "in", "at", "on", "under", "near", "from", "to", "street", "road", "menu", "page", "settings", "tab", "behind",
    "by", "top", "left", "right", "office", "press", "open", "choose", "select",
];

const REASON_WORDS: &[&str] = &[
    "because", "as", "since", "due", "so", "usually", "likely", "probably", "reason", "means", "when", "if", "without",
    "causes", "cause", "for", "caused", "often", "to", "by",
];

const STEP_WORDS: &[&str] = &[
    "open", "press", "choose", "click", "select", "go", "tap", "use", "call", "write", "send", "ask", "enter", "turn",
    "set", "take", "add", "put", "email", "book", "sign", "log", "login", "fill", "follow", "bring", "under", "by",
    "start", "keep", "make", "try", "check", "with", "on", "pay", "hold", "wait", "tell", "say", "find", "then",
    "first",
];

const YES_NO_WORDS: &[&str] = &[
    "yes",
    "no",
    "yep",
    "not",
    "cant",
    "dont",
    "can",
    "only",
    "unless",
    "doesnt",
    "sure",
    "isnt",
    "arent",
    "wont",
    "never",
    "always",
    "afraid",
    "unfortunately",
    "is",
    "are",
    "do",
    "does",
    "may",
    "if",
    "both",
    "neither",
    "we",
    "you",
    "it",
    "there",
];

/// Numbers about relevance; the higher each is the better, but for the length, whether it is
/// very short, and whether it is taken from a passage with a heading.
///
/// # Errors
/// [`EncoderError`] when the encoder fails.
pub(super) fn measure(reading: &Reading<'_>, memo: &Memo) -> Result<[f32; MEASURES], EncoderError> {
    let heading = heading(reading, memo)?;
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
    Ok([
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
        f32::from(u8::from(heading.is_some())),
        heading.as_ref().map_or(0.0, |heading| heading.cosine),
        heading.as_ref().map_or(0.0, |heading| heading.overlap),
        heading.as_ref().map_or(0.0, |heading| heading.agreement),
        heading.as_ref().map_or(0.0, |heading| heading.score),
        heading.as_ref().map_or(0.0, |heading| heading.lead),
    ])
}

/// Whether the answer opens with the words of a passage that has a heading.
pub(super) fn has_heading(measures: &[f32; MEASURES]) -> bool {
    measures[13] > 0.5
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
