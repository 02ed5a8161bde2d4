//! Rewrites a middling answer by editing: it takes away and replaces, and never adds a statement.
//!
//! Sentences that the measures fault are dropped, the brand's avoided words are replaced, and what
//! is too long is shortened to the sentences that speak most to the question.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use farthing_domain::guard::words;
use farthing_domain::ports::{ModelUnavailable, Rephraser, Validation};
use farthing_domain::quality::Quality;

use crate::cpu::CpuPool;
use crate::encoder::EncoderError;
use crate::sentences::sentences;
use crate::validator::{Examiner, Owned, brand, coherence};

mod generating;
mod wording;

pub use generating::GeneratingRephraser;

/// Below this cosine with the question a sentence is off the topic, when another one is on it.
const OFF_TOPIC: f32 = 0.12;
/// From this cosine up a sentence is on the topic.
const ON_TOPIC: f32 = 0.35;

/// Rephrases by editing, without a language model.
#[derive(Clone, Debug)]
pub struct EditingRephraser {
    examiner: Arc<Examiner>,
    pool: CpuPool,
}

impl EditingRephraser {
    /// A rephraser that runs on `pool`; it shares the validator's examiner and what that remembers.
    #[must_use]
    pub fn new(examiner: Arc<Examiner>, pool: CpuPool) -> Self {
        Self { examiner, pool }
    }
}

#[async_trait]
impl Rephraser for EditingRephraser {
    async fn rephrase(
        &self,
        validation: Validation<'_>,
        _quality: &Quality,
    ) -> Result<Option<String>, ModelUnavailable> {
        let (examiner, owned) = (Arc::clone(&self.examiner), Owned::of(validation));
        let unavailable = |cause| ModelUnavailable { model: "rephraser".to_owned(), cause };
        let edited = self.pool.run(move || edit(&examiner, owned.borrow())).await;
        edited.map_err(|error| unavailable(error.into()))?.map_err(|error| unavailable(error.into()))
    }
}

/// A sentence with where it stands and what speaks for and against it.
struct Sentence<'a> {
    text: &'a str,
    /// What stands before it.
    gap: &'a str,
    /// In the words of a passage or a disclaimer: never faulted for what it says.
    is_stored: bool,
    relevance: f32,
    is_kept: bool,
}

/// The edited answer; `None` when nothing changes or nothing would be left.
fn edit(examiner: &Examiner, validation: Validation<'_>) -> Result<Option<String>, EncoderError> {
    let mut sentences = read(examiner, validation)?;
    drop_faulted(examiner, validation, &mut sentences);
    if !sentences.iter().any(|sentence| sentence.is_kept) {
        return Ok(None);
    }
    shorten(&mut sentences, validation.brand.voice.max_words);
    let edited = wording::replace(&join(&sentences), &validation.brand.voice.replace);
    let is_same = edited.split_whitespace().eq(validation.answer.split_whitespace());
    Ok((!is_same && !edited.is_empty()).then_some(edited))
}

fn read<'a>(examiner: &Examiner, validation: Validation<'a>) -> Result<Vec<Sentence<'a>>, EncoderError> {
    let answer = validation.answer;
    let evidence = examiner.evidence(validation);
    let (mut at, mut read) = (0, Vec::new());
    for text in sentences(answer) {
        // Sentences come in order, so that each stands after the one before it.
        let start = answer[at..].find(text).map_or(at, |found| at + found);
        let relevance = examiner.similarity(validation.query_embedding, text)?;
        read.push(Sentence { text, gap: &answer[at..start], is_stored: evidence.has(text), relevance, is_kept: true });
        at = start + text.len();
    }
    Ok(read)
}

fn drop_faulted(examiner: &Examiner, validation: Validation<'_>, sentences: &mut [Sentence<'_>]) {
    let mut seen = HashSet::new();
    for sentence in sentences.iter_mut() {
        let said = words(sentence.text);
        sentence.is_kept = !brand::makes_forbidden_claim(validation.brand, &said) && seen.insert(said);
    }
    if coherence::is_cut_off(validation.answer)
        && let Some(last) = sentences.last_mut()
    {
        last.is_kept = false;
    }
    let is_on_topic = sentences.iter().any(|sentence| sentence.is_kept && sentence.relevance >= ON_TOPIC);
    let evidence = examiner.evidence(validation);
    for sentence in sentences.iter_mut().filter(|sentence| !sentence.is_stored) {
        let is_ungrounded = validation.must_be_grounded && evidence.contradicts_or_lacks(sentence.text);
        let is_off_topic = is_on_topic && sentence.relevance < OFF_TOPIC;
        sentence.is_kept &= !is_ungrounded && !is_off_topic;
    }
}

/// Drops the least relevant sentences until the rest has at most `most` words. One sentence always
/// stays.
fn shorten(sentences: &mut [Sentence<'_>], most: usize) {
    let length = |sentence: &Sentence<'_>| sentence.text.split_whitespace().count();
    loop {
        let kept: Vec<usize> = (0..sentences.len()).filter(|&at| sentences[at].is_kept).collect();
        let all: usize = kept.iter().map(|&at| length(&sentences[at])).sum();
        let least = kept.iter().copied().min_by(|&a, &b| sentences[a].relevance.total_cmp(&sentences[b].relevance));
        match least {
            Some(least) if all > most && kept.len() > 1 => sentences[least].is_kept = false,
            _ => return,
        }
    }
}

/// The sentences that are kept, with a line break where there was one.
fn join(sentences: &[Sentence<'_>]) -> String {
    let mut text = String::new();
    let mut gap = "";
    for sentence in sentences {
        if sentence.gap.matches('\n').count() >= gap.matches('\n').count() {
            gap = sentence.gap;
        }
        if !sentence.is_kept {
            continue;
        }
        if !text.is_empty() {
            text.push_str(if gap.is_empty() || !gap.trim().is_empty() { " " } else { gap });
        }
        text.push_str(sentence.text);
        gap = "";
    }
    text
}
