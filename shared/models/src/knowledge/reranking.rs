//! The second look at what retrieval found: each of the best entries is read together with the query.
//!
//! Retrieval compares vectors that were made apart from each other. A pair reader sees both texts at
//! once, so that it can tell "with a receipt" from "without"; it is too slow for more than a few.

use std::collections::HashSet;

use super::index::KnowledgeIndex;
use super::retrieval::{Candidate, Found};
use crate::encoder::{EncoderError, PairReader};

/// How many entries are found.
const MOST_FOUND: usize = 6;

/// How many of them are read together with the query.
pub const MOST_READ: usize = 3;

/// How much the score of retrieval counts beside the reader's log-odds.
const RETRIEVAL_WEIGHT: f32 = 32.0;

/// The log-odds that stand for an entry which was not read, or is not there.
const UNREAD: f32 = -8.0;

/// What was found, in the order that the reader gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reranked {
    /// The passages, best first.
    pub found: Found,
    /// The reader's log-odds that the first passage answers.
    pub first: f32,
    /// The same of the best passage of another entry.
    pub runner_up: f32,
    /// Whether retrieval had the same entry first.
    pub agrees: bool,
}

impl KnowledgeIndex {
    /// The best passage of each of the best entries for `query`, best first; the first [`MOST_READ`] are to be read.
    ///
    /// # Errors
    /// [`super::retrieval::WrongDimensions`] when the vector was made by another encoder.
    pub fn candidates(&self, query: &str, embedding: &[f32]) -> Result<Found, super::retrieval::WrongDimensions> {
        // An entry may have several passages among the best.
        let mut found = self.search(query, embedding, 3 * MOST_FOUND)?;
        let mut seen = HashSet::new();
        let is_first_of_entry: Vec<bool> = found.passages.iter().map(|passage| seen.insert(passage.entry)).collect();
        let mut firsts = is_first_of_entry.into_iter();
        found.passages.retain(|_| firsts.next().unwrap_or_default());
        found.passages.truncate(MOST_FOUND);
        Ok(found)
    }

    /// What the pair reader is given of a candidate: its nearest phrasing and its text.
    #[must_use]
    pub fn pair_text(&self, candidate: &Candidate) -> String {
        let Some(entry) = self.entries.get(candidate.entry) else { return String::new() };
        let phrasing = entry.phrasings().nth(candidate.phrasing).unwrap_or_default();
        let text = entry.passages.get(candidate.part).map_or("", String::as_str);
        format!("{phrasing} {text}")
    }

    /// `found` as the reader orders it; `logits` are those of its first passages. The others stay behind.
    #[must_use]
    pub fn rerank(&self, found: Found, logits: &[f32]) -> Reranked {
        self.rerank_with(RETRIEVAL_WEIGHT, found, logits)
    }

    fn rerank_with(&self, weight: f32, mut found: Found, logits: &[f32]) -> Reranked {
        let before = found.passages.first().map(|candidate| candidate.entry);
        let unread = found.passages.split_off(logits.len().min(found.passages.len()));
        let mut order: Vec<(f32, Candidate)> = logits.iter().copied().zip(found.passages).collect();
        let rank = |(logit, candidate): &(f32, Candidate)| logit + weight * candidate.score;
        order.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
        let logit = |at: usize| order.get(at).map_or(UNREAD, |(logit, _)| *logit);
        let (first, runner_up) = (logit(0), logit(1));
        found.passages = order.into_iter().map(|(_, candidate)| candidate).chain(unread).collect();
        found.runner_up = self.best_other(&found);
        let agrees = before == found.passages.first().map(|candidate| candidate.entry);
        Reranked { found, first, runner_up, agrees }
    }

    /// The passage of another entry than the first one's that retrieval thinks best.
    fn best_other(&self, found: &Found) -> Option<Candidate> {
        let first = found.passages.first()?;
        let others = found.passages.iter().chain(&found.runner_up).filter(|other| other.entry != first.entry);
        others.copied().max_by(|a, b| a.score.total_cmp(&b.score))
    }

    /// Finds and reads: [`candidates`](Self::candidates), each read by `reader`, then [`rerank`](Self::rerank).
    /// Synchronous CPU work.
    ///
    /// # Errors
    /// [`ReadingError`].
    pub fn read(&self, reader: &dyn PairReader, query: &str, embedding: &[f32]) -> Result<Reranked, ReadingError> {
        self.read_with(reader, RETRIEVAL_WEIGHT, query, embedding)
    }

    /// As [`read`](Self::read), with another weight for the score of retrieval beside the reader's log-odds.
    ///
    /// # Errors
    /// [`ReadingError`].
    pub fn read_with(
        &self,
        reader: &dyn PairReader,
        weight: f32,
        query: &str,
        embedding: &[f32],
    ) -> Result<Reranked, ReadingError> {
        let found = self.candidates(query, embedding)?;
        let to_read = found.passages.iter().take(MOST_READ);
        let logits = to_read.map(|candidate| reader.read(query, &self.pair_text(candidate)));
        let logits = logits.map(|read| Ok(read?.answers)).collect::<Result<Vec<f32>, EncoderError>>()?;
        Ok(self.rerank_with(weight, found, &logits))
    }
}

/// Why a query could not be looked up.
#[derive(Debug, thiserror::Error)]
pub enum ReadingError {
    /// The query's vector does not fit the index.
    #[error(transparent)]
    WrongDimensions(#[from] super::retrieval::WrongDimensions),
    /// A model failed.
    #[error("the query could not be read")]
    Model(#[from] EncoderError),
}
