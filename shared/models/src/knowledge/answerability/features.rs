//! What answerability is judged by.

use std::collections::HashSet;

use farthing_domain::guard::{self, QuestionType, Signature};

use crate::knowledge::index::KnowledgeIndex;
use crate::knowledge::reranking::Reranked;
use crate::knowledge::retrieval::Candidate;
use crate::knowledge::tokens;

/// The measures, in the order of [`Features`].
pub const FEATURES: [&str; 21] = [
    "question_cosine",
    "question_cosine_over_070",
    "answer_cosine",
    "margin",
    "question_margin",
    "contrast",
    "words",
    "coverage",
    "question_coverage",
    "unmatched_rare",
    "unknown_share",
    "numbers_missing",
    "names_missing",
    "opposed",
    "negation_differs",
    "question_type",
    "length",
    "same_words",
    "pair",
    "pair_margin",
    "pair_agrees",
];

/// Beyond this the pair reader's log-odds tell no more.
const MOST_LOG_ODDS: f32 = 8.0;

/// The value of each of [`FEATURES`] for one query.
pub type Features = [f32; FEATURES.len()];

/// The measures of `query` against the first passage of `read`; `None` when nothing was found.
///
/// | Feature | What it is |
/// |---|---|
/// | `question_cosine` | cosine with the nearest phrasing of the entry |
/// | `question_cosine_over_070` | what of it is above 0.70, where a paraphrase begins |
/// | `answer_cosine` | cosine with the passage |
/// | `margin` | score less that of the best passage of another entry |
/// | `question_margin` | the same for the question cosine |
/// | `contrast` | deviations of the question cosine above the mean over all entries, divided by 5 |
/// | `words` | BM25 as a share of the query's own, at most 1 |
/// | `coverage` | idf-weighted share of the query's content words that entry and passage have |
/// | `question_coverage` | the same for the phrasings alone |
/// | `unmatched_rare` | the greatest idf of a content word that is in neither, relative to that of an unknown word |
/// | `unknown_share` | idf-weighted share of content words that the whole knowledge has not |
/// | `numbers_missing` | share of the query's numbers that entry and passage lack |
/// | `names_missing` | share of the query's names that entry and passage lack |
/// | `opposed` | 1 when the query says the opposite of the nearest phrasing or of the title ("enable", "disable") |
/// | `negation_differs` | 1 when the query is negated and the nearest phrasing is not, or the reverse |
/// | `question_type` | 1 when a phrasing asks for the same kind of answer, -1 when all ask for another, else 0 |
/// | `length` | the logarithm of the number of words, divided by 4 |
/// | `same_words` | the greatest share of common words with a phrasing, of all words in either |
/// | `pair` | the pair reader's log-odds that the passage answers, within -8 and 8, divided by 4 |
/// | `pair_margin` | the same less that of the best passage of another entry, at most 8, divided by 4 |
/// | `pair_agrees` | 1 when retrieval alone has the same entry first |
#[must_use]
pub fn measure(index: &KnowledgeIndex, query: &str, read: &Reranked) -> Option<Features> {
    let found = &read.found;
    let best = found.passages.first()?;
    let entry = index.entries.get(best.entry)?;
    let passage = entry.passages.get(best.part)?;
    let asked = Signature::of(query);
    let phrasings: Vec<(&str, Signature)> = entry.phrasings().map(|text| (text, Signature::of(text))).collect();
    let (nearest_text, nearest) = phrasings.get(best.phrasing)?;
    let whole = Text::of(entry.phrasings().chain([passage.as_str(), nearest_text]));
    let titles = Text::of(entry.phrasings());
    let content = ContentWords::of(query, index);
    let (margin, question_margin) = margins(best, found.runner_up.as_ref());
    let contrast = (best.question_cosine - found.mean_cosine) / found.cosine_deviation.max(0.02);
    Some([
        best.question_cosine,
        (best.question_cosine - 0.7).max(0.0),
        best.answer_cosine,
        margin,
        question_margin,
        contrast / 5.0,
        best.words.min(1.0),
        content.share(|stem| whole.stems.contains(stem), 1.0),
        content.share(|stem| titles.stems.contains(stem), 1.0),
        content.rarest_unmatched(|stem| whole.stems.contains(stem), index),
        content.share(|stem| !index.words.knows(stem), 0.0),
        missing(asked.numbers().iter(), |number| whole.numbers.contains(number.as_str())),
        missing(asked.names().iter(), |name| whole.words.contains(name.as_str())),
        f32::from(asked.opposes(nearest) || asked.opposes(&phrasings[0].1)),
        f32::from(asked.is_negated() != nearest.is_negated()),
        question_type(asked.question(), &phrasings),
        (1.0 + guard::words(query).len() as f32).ln() / 4.0,
        same_words(query, entry.phrasings()),
        read.first.clamp(-MOST_LOG_ODDS, MOST_LOG_ODDS) / 4.0,
        (read.first - read.runner_up).clamp(-MOST_LOG_ODDS, MOST_LOG_ODDS) / 4.0,
        f32::from(read.agrees),
    ])
}

/// How far the best passage is ahead of the best of another entry; of an only one, by all it has.
fn margins(best: &Candidate, runner_up: Option<&Candidate>) -> (f32, f32) {
    runner_up.map_or((best.score, best.question_cosine), |other| {
        (best.score - other.score, best.question_cosine - other.question_cosine)
    })
}

/// The words, stems and numbers of a few texts together.
struct Text {
    words: HashSet<String>,
    stems: HashSet<String>,
    numbers: HashSet<String>,
}

impl Text {
    fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let text = texts.collect::<Vec<_>>().join("\n");
        Self {
            words: guard::words(&text).into_iter().collect(),
            stems: tokens::stems(&text).into_iter().collect(),
            numbers: guard::numbers(&text).into_iter().collect(),
        }
    }
}

/// The query's words that carry meaning, each with its idf in the knowledge.
struct ContentWords(Vec<(String, f32)>);

impl ContentWords {
    fn of(query: &str, index: &KnowledgeIndex) -> Self {
        let mut stems = tokens::content_stems(query);
        stems.sort_unstable();
        stems.dedup();
        Self(stems.into_iter().map(|stem| (index.words.idf(&stem), stem)).map(|(idf, stem)| (stem, idf)).collect())
    }

    /// The idf-weighted share of words for which `holds`; `without_words` when there are none.
    fn share(&self, holds: impl Fn(&String) -> bool, without_words: f32) -> f32 {
        let whole: f32 = self.0.iter().map(|(_, idf)| idf).sum();
        if whole <= 0.0 {
            return without_words;
        }
        self.0.iter().filter(|(stem, _)| holds(stem)).map(|(_, idf)| idf).sum::<f32>() / whole
    }

    fn rarest_unmatched(&self, is_matched: impl Fn(&String) -> bool, index: &KnowledgeIndex) -> f32 {
        let greatest = self.0.iter().filter(|(stem, _)| !is_matched(stem)).map(|(_, idf)| *idf).fold(0.0, f32::max);
        // No document has the empty word: its idf is the greatest there is.
        greatest / index.words.idf("").max(f32::EPSILON)
    }
}

fn missing<T>(items: impl Iterator<Item = T> + Clone, is_there: impl Fn(&T) -> bool) -> f32 {
    let all = items.clone().count();
    if all == 0 { 0.0 } else { items.filter(|item| !is_there(item)).count() as f32 / all as f32 }
}

fn question_type(asked: QuestionType, phrasings: &[(&str, Signature)]) -> f32 {
    if asked == QuestionType::Other {
        return 0.0;
    }
    let kinds: Vec<QuestionType> = phrasings.iter().map(|(_, signature)| signature.question()).collect();
    if kinds.contains(&asked) {
        1.0
    } else if kinds.iter().all(|kind| *kind == QuestionType::Other) {
        0.0
    } else {
        -1.0
    }
}

fn same_words<'a>(query: &str, phrasings: impl Iterator<Item = &'a str>) -> f32 {
    let asked: HashSet<String> = tokens::stems(query).into_iter().collect();
    let shares = phrasings.map(|phrasing| {
        let other: HashSet<String> = tokens::stems(phrasing).into_iter().collect();
        asked.intersection(&other).count() as f32 / asked.union(&other).count().max(1) as f32
    });
    shares.fold(0.0, f32::max)
}
