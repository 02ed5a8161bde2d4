//! Ranking by shared words: BM25 over an inverted index.
//!
//! The formula is Robertson and Zaragoza, *The Probabilistic Relevance Framework: BM25 and Beyond*
//! (2009), with `k1` 1.2 and `b` 0.75, and the inverse document frequency that is never negative,
//! `ln(1 + (N - n + 0.5) / (n + 0.5))`. The crate `bm25` supplies the tokenizer only: its scorer
//! collects every match in hash sets and took 131 ms for a query to 100,000 passages (40 ms without
//! function words, at the median), and the weight of a single word, which answerability needs, is
//! private to it. Here the postings are flat and the scores of one query are one array.

use std::collections::HashMap;

const K1: f32 = 1.2;
const B: f32 = 0.75;

/// How often a word is in one document.
#[derive(Clone, Copy, Debug)]
struct Posting {
    document: u32,
    count: u32,
}

/// Documents by their words.
#[derive(Clone, Debug, Default)]
pub struct Bm25 {
    terms: HashMap<String, u32>,
    /// Where the postings of each term begin; one more than there are terms.
    starts: Vec<usize>,
    postings: Vec<Posting>,
    /// `k1 * (1 - b + b * length / mean length)` of each document.
    norms: Vec<f32>,
}

impl Bm25 {
    /// The index of `documents`, each given as its words.
    pub fn new<D>(documents: impl IntoIterator<Item = D>) -> Self
    where
        D: IntoIterator<Item = String>,
    {
        let mut terms: HashMap<String, u32> = HashMap::new();
        let mut by_term: Vec<Vec<Posting>> = Vec::new();
        let mut lengths: Vec<f32> = Vec::new();
        for (document, words) in (0_u32..).zip(documents) {
            let mut length = 0.0;
            for word in words {
                length += 1.0;
                let next = by_term.len() as u32;
                let term = *terms.entry(word).or_insert(next);
                if term == next {
                    by_term.push(Vec::new());
                }
                let postings = &mut by_term[term as usize];
                match postings.last_mut() {
                    Some(last) if last.document == document => last.count += 1,
                    _ => postings.push(Posting { document, count: 1 }),
                }
            }
            lengths.push(length);
        }
        let mean = (lengths.iter().sum::<f32>() / lengths.len().max(1) as f32).max(1.0);
        let norms = lengths.iter().map(|length| K1 * (1.0 - B + B * length / mean)).collect();
        let mut starts = vec![0];
        let mut postings = Vec::with_capacity(by_term.iter().map(Vec::len).sum());
        for list in by_term {
            postings.extend(list);
            starts.push(postings.len());
        }
        Self { terms, starts, postings, norms }
    }

    /// How many documents there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.norms.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.norms.is_empty()
    }

    /// Whether any document has `word`.
    #[must_use]
    pub fn knows(&self, word: &str) -> bool {
        self.terms.contains_key(word)
    }

    /// How much `word` tells documents apart; most for a word that none has.
    #[must_use]
    pub fn idf(&self, word: &str) -> f32 {
        let having = self.terms.get(word).map_or(0, |term| self.postings_of(*term).len()) as f32;
        (1.0 + (self.len() as f32 - having + 0.5) / (having + 0.5)).ln()
    }

    /// The score of every document for the query `words`, as a share of the score that a document
    /// of mean length would have which is the query itself: 0 for no word in common, seldom over 1.
    #[must_use]
    pub fn scores(&self, words: &[String]) -> Vec<f32> {
        let mut scores = vec![0.0; self.len()];
        let mut whole = 0.0;
        let mut counts: Vec<(&str, f32)> = Vec::new();
        for word in words {
            match counts.iter_mut().find(|(known, _)| known == word) {
                Some((_, count)) => *count += 1.0,
                None => counts.push((word, 1.0)),
            }
        }
        for (word, count) in counts {
            let idf = self.idf(word);
            whole += idf * count * (K1 + 1.0) / (count + K1);
            let Some(term) = self.terms.get(word) else { continue };
            for posting in self.postings_of(*term) {
                let (at, frequency) = (posting.document as usize, posting.count as f32);
                scores[at] += idf * frequency * (K1 + 1.0) / (frequency + self.norms[at]);
            }
        }
        if whole > 0.0 {
            scores.iter_mut().for_each(|score| *score /= whole);
        }
        scores
    }

    fn postings_of(&self, term: u32) -> &[Posting] {
        &self.postings[self.starts[term as usize]..self.starts[term as usize + 1]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// The formula written out for one word and one document.
    #[test]
    fn a_score_is_the_formula() {
        let index = Bm25::new(["a b b", "a c"].map(words));
        let idf = (1.0_f32 + (2.0 - 1.0 + 0.5) / 1.5).ln();
        let norm = 1.2 * (0.25 + 0.75 * 3.0 / 2.5);
        let whole = idf;
        let expected = idf * 2.0 * 2.2 / (2.0 + norm) / whole;
        let scores = index.scores(&words("b"));
        assert!((scores[0] - expected).abs() < 1e-6, "{scores:?} / {expected}");
        assert!(scores[1].abs() < f32::EPSILON);
    }

    #[test]
    fn rare_words_count_more_than_common_ones() {
        let index = Bm25::new(["pay card", "pay cash", "pay later"].map(words));
        assert!(index.idf("card") > index.idf("pay"));
        assert!(index.idf("unheard") > index.idf("card"));
        let scores = index.scores(&words("pay cash"));
        assert!(scores[1] > scores[0] && scores[1] > scores[2], "{scores:?}");
        assert!((scores[1] - 1.0).abs() < 1e-5, "the query itself scores 1: {scores:?}");
    }

    #[test]
    fn nothing_is_found_in_nothing() {
        assert!(Bm25::new(Vec::<Vec<String>>::new()).scores(&words("a")).is_empty());
        assert!(Bm25::new(["a"].map(words)).scores(&[])[0].abs() < f32::EPSILON);
    }
}
