//! An answer as the parts read it: its sentences, its words and its vectors.

use std::sync::Arc;

use farthing_domain::guard::words;
use farthing_domain::ports::Validation;
use rayon::prelude::*;

use super::memo::Memo;
use super::stems::stems;
use crate::encoder::{Embedding, EncoderError, cosine};
use crate::sentences::sentences;

/// The most pieces in which an answer or a passage is embedded: each piece is one encoder call.
const MOST_PIECES: usize = 4;

/// How many words a piece has before the next one begins.
const PIECE_WORDS: usize = 12;

/// The most passages that are looked at.
pub(super) const MOST_PASSAGES: usize = 4;

/// A text in pieces of whole sentences, each with its vector.
pub(super) struct Pieces {
    pub(super) vectors: Vec<Arc<Embedding>>,
    pub(super) texts: Vec<String>,
}

impl Pieces {
    pub(super) fn of(text: &str, memo: &Memo) -> Result<Self, EncoderError> {
        let texts = pieces(text);
        let vectors = texts.par_iter().map(|piece| memo.embed(piece)).collect::<Result<_, _>>()?;
        Ok(Self { vectors, texts })
    }

    /// The highest cosine of `vector` with a piece; 0 when there is none.
    pub(super) fn nearest(&self, vector: &[f32]) -> f32 {
        self.vectors.iter().map(|piece| cosine(vector, piece)).fold(0.0, f32::max)
    }

    /// The mean of the pieces' vectors by their length in words, of length 1.
    pub(super) fn mean(&self) -> Embedding {
        let mut mean = vec![0.0_f32; self.vectors.first().map_or(0, |vector| vector.len())];
        for (vector, text) in self.vectors.iter().zip(&self.texts) {
            let weight = text.split_whitespace().count() as f32;
            mean.iter_mut().zip(vector.iter()).for_each(|(mean, value)| *mean += weight * value);
        }
        let length = mean.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        mean.iter_mut().for_each(|value| *value /= length);
        mean
    }
}

/// Sentences joined until a piece is long enough; of a long text, pieces of equal length.
fn pieces(text: &str) -> Vec<String> {
    let sentences = sentences(text);
    let all: usize = sentences.iter().map(|sentence| sentence.split_whitespace().count()).sum();
    let least = PIECE_WORDS.max(all.div_ceil(MOST_PIECES));
    let mut pieces: Vec<String> = Vec::new();
    let mut room = 0;
    for sentence in sentences {
        let words = sentence.split_whitespace().count();
        match pieces.last_mut() {
            Some(piece) if room > 0 => {
                piece.push(' ');
                piece.push_str(sentence);
            }
            _ => {
                pieces.push(sentence.to_owned());
                room = least;
            }
        }
        room = room.saturating_sub(words);
    }
    if pieces.is_empty() && !text.trim().is_empty() {
        pieces.push(text.trim().to_owned());
    }
    pieces
}

/// What every part needs of a validation.
pub(super) struct Reading<'a> {
    pub(super) validation: Validation<'a>,
    pub(super) sentences: Vec<&'a str>,
    pub(super) words: Vec<String>,
    pub(super) stems: Vec<String>,
    pub(super) query_stems: Vec<String>,
    pub(super) pieces: Pieces,
    /// The vector of the whole answer.
    pub(super) mean: Embedding,
}

impl<'a> Reading<'a> {
    pub(super) fn of(validation: Validation<'a>, memo: &Memo) -> Result<Self, EncoderError> {
        let pieces = Pieces::of(validation.answer, memo)?;
        Ok(Self {
            validation,
            sentences: sentences(validation.answer),
            words: words(validation.answer),
            stems: stems(validation.answer),
            query_stems: stems(validation.query),
            mean: pieces.mean(),
            pieces,
        })
    }
}
