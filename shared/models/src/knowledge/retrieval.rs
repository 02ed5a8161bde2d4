//! Hybrid retrieval: what a query means and which words it has.
//!
//! Three measures, each about 0 to 1: the cosine with the nearest phrasing of an entry, the cosine
//! with a passage's text, and the BM25 score of the passage together with its phrasings as a share
//! of the query's own ([`super::bm25`]). Their weighted sum ranks passages; [`Weights::default`]
//! was chosen on the training part of the data that answerability is trained on.

use super::index::{KnowledgeIndex, Place};
use super::tokens;

/// How much each measure counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// The cosine with the nearest phrasing.
    pub question: f32,
    /// The cosine with the text.
    pub answer: f32,
    /// The share of BM25.
    pub words: f32,
}

impl Default for Weights {
    fn default() -> Self {
        Self { question: 0.4, answer: 0.4, words: 0.2 }
    }
}

/// A passage that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Its entry's place in [`KnowledgeIndex::entries`].
    pub entry: usize,
    /// Its number within the entry.
    pub part: usize,
    /// The cosine of the query with the entry's nearest phrasing.
    pub question_cosine: f32,
    /// Which of the entry's phrasings is nearest.
    pub phrasing: usize,
    /// The cosine of the query with the passage.
    pub answer_cosine: f32,
    /// The BM25 score as a share of the query's own.
    pub words: f32,
    /// The weighted sum, kept within 0 and 1.
    pub score: f32,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The best passages, best first.
    pub passages: Vec<Candidate>,
    /// The best passage of an entry other than the first one's, whether or not it is in `passages`.
    pub runner_up: Option<Candidate>,
    /// The mean over all entries of the cosine with the nearest phrasing.
    pub mean_cosine: f32,
    /// The standard deviation of the same.
    pub cosine_deviation: f32,
}

/// The query's vector is not as long as the index's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the query's vector has {query} numbers, those of the knowledge have {index}")]
pub struct WrongDimensions {
    query: usize,
    index: usize,
}

impl KnowledgeIndex {
    /// The `limit` best passages for `query`, whose vector is `embedding`.
    ///
    /// # Errors
    /// [`WrongDimensions`] when the vector was made by another encoder.
    pub fn search(&self, query: &str, embedding: &[f32], limit: usize) -> Result<Found, WrongDimensions> {
        self.search_with(Weights::default(), query, embedding, limit)
    }

    /// As [`search`](Self::search), with other weights.
    ///
    /// # Errors
    /// [`WrongDimensions`] when the vector was made by another encoder.
    pub fn search_with(
        &self,
        weights: Weights,
        query: &str,
        embedding: &[f32],
        limit: usize,
    ) -> Result<Found, WrongDimensions> {
        if embedding.len() != self.dimensions() {
            return Err(WrongDimensions { query: embedding.len(), index: self.dimensions() });
        }
        let nearest = self.nearest_phrasings(embedding);
        let answers = self.passages.dot(embedding);
        let words = self.words.scores(&tokens::stems(query));
        let scores: Vec<f32> = (self.places.iter().zip(&answers).zip(&words))
            .map(|((place, answer), words)| {
                let (question, _) = nearest[place.entry as usize];
                let sum = weights.question * question.max(0.0)
                    + weights.answer * answer.max(0.0)
                    + weights.words * words.min(1.0);
                sum.clamp(0.0, 1.0)
            })
            .collect();
        let candidate = |row: usize| {
            let Place { entry, part } = self.places[row];
            let (question_cosine, phrasing) = nearest[entry as usize];
            Candidate {
                entry: entry as usize,
                part: part as usize,
                question_cosine,
                phrasing,
                answer_cosine: answers[row],
                words: words[row],
                score: scores[row],
            }
        };
        // The better score first; of equal ones the one that comes first in the files.
        let better_first = |a: &usize, b: &usize| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b));
        let first = (0..scores.len()).min_by(better_first);
        let runner_up = first.and_then(|first| {
            let is_other = |row: &usize| self.places[*row].entry != self.places[first].entry;
            (0..scores.len()).filter(is_other).min_by(better_first)
        });
        let mut rows: Vec<usize> = (0..scores.len()).collect();
        if limit < rows.len() {
            rows.select_nth_unstable_by(limit, better_first);
            rows.truncate(limit);
        }
        rows.sort_unstable_by(better_first);
        let (mean_cosine, cosine_deviation) = mean_and_deviation(nearest.iter().map(|(cosine, _)| *cosine));
        Ok(Found {
            passages: rows.into_iter().map(candidate).collect(),
            runner_up: runner_up.map(candidate),
            mean_cosine,
            cosine_deviation,
        })
    }

    /// For each entry the greatest cosine with one of its phrasings, and which.
    fn nearest_phrasings(&self, embedding: &[f32]) -> Vec<(f32, usize)> {
        let mut nearest = vec![(f32::NEG_INFINITY, 0); self.entries.len()];
        let mut number = 0;
        let mut last = u32::MAX;
        for (cosine, entry) in self.phrasings.dot(embedding).into_iter().zip(&self.phrasing_entries) {
            number = if *entry == last { number + 1 } else { 0 };
            last = *entry;
            let best = &mut nearest[*entry as usize];
            if cosine > best.0 {
                *best = (cosine, number);
            }
        }
        nearest
    }
}

fn mean_and_deviation(values: impl Iterator<Item = f32> + Clone) -> (f32, f32) {
    let count = values.clone().count().max(1) as f32;
    let mean = values.clone().sum::<f32>() / count;
    let variance = values.map(|value| (value - mean).powi(2)).sum::<f32>() / count;
    (mean, variance.sqrt())
}
