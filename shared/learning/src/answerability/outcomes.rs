//! What became of questions to a knowledge base, as shares.

use farthing_evaluation::measures::interval;
use serde_json::{Value, json};

use crate::head_file::figure;
use crate::report::table;

/// Draws of the bootstrap are the same in every run.
const SEED: u64 = 12;

const THRESHOLDS: [f32; 8] = [0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/// What a question is, to the knowledge base that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An entry answers it.
    Answerable,
    /// It looks like an entry's, and none answers it.
    NearMiss,
    /// It is on another subject.
    OffTopic,
}

/// A question with what came first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    pub(super) kind: Kind,
    /// Whether the entry that answers it came first.
    pub(super) is_right: bool,
    /// What is held against a threshold.
    pub(super) score: f32,
}

/// What is told of the outcomes at one threshold, each as a share.
type Measure = (&'static str, fn(&[Outcome], f32) -> f32);

const MEASURES: [Measure; 5] = [
    ("Answered", |outcomes, from| share(outcomes, |_| true, |outcome| outcome.score >= from)),
    ("Right, of the answerable", |outcomes, from| {
        share(outcomes, |outcome| outcome.kind == Kind::Answerable, |outcome| outcome.is_right && outcome.score >= from)
    }),
    ("Wrong, of all", |outcomes, from| share(outcomes, |_| true, |outcome| !outcome.is_right && outcome.score >= from)),
    ("Near misses refused", |outcomes, from| {
        share(outcomes, |outcome| outcome.kind == Kind::NearMiss, |outcome| outcome.score < from)
    }),
    ("Off-topic refused", |outcomes, from| {
        share(outcomes, |outcome| outcome.kind == Kind::OffTopic, |outcome| outcome.score < from)
    }),
];

const KEYS: [&str; 5] = ["answered", "right", "wrong", "near_misses_refused", "off_topic_refused"];

/// The shares at some thresholds with their 95 % intervals, as JSON and as a table.
pub(super) fn shares(outcomes: &[Outcome]) -> (Value, String) {
    let (mut figures, mut rows) = (json!({"questions": outcomes.len()}), Vec::new());
    let first = share(outcomes, |outcome| outcome.kind == Kind::Answerable, |outcome| outcome.is_right);
    figures["right_first"] = figure(first);
    for threshold in THRESHOLDS {
        let mut row = vec![format!("{threshold:.1}")];
        for ((_, measure), key) in MEASURES.iter().zip(KEYS) {
            let found = measure(outcomes, threshold);
            let drawn = |drawn: &[usize]| measure(&drawn.iter().map(|&at| outcomes[at]).collect::<Vec<_>>(), threshold);
            let bounds = interval(outcomes.len(), SEED, drawn).filter(|_| found.is_finite());
            row.push(bounds.map_or_else(|| "–".to_owned(), |(low, high)| format!("{found:.3} ({low:.3}–{high:.3})")));
            if let Some((low, high)) = bounds {
                figures["at"][format!("{threshold:.1}")][key] = json!([figure(found), figure(low), figure(high)]);
            }
        }
        rows.push(row);
    }
    let header: Vec<&str> =
        std::iter::once("Least answerability").chain(MEASURES.iter().map(|(name, _)| *name)).collect();
    (figures, format!("The right entry comes first for {first:.3}.\n\n{}", table(&header, &rows)))
}

/// The greatest share of the answerable that some threshold answers right with at most this share of
/// all questions answered wrong.
pub(super) fn right_at_most_wrong(outcomes: &[Outcome], most: f32) -> f32 {
    let mut sorted = outcomes.to_vec();
    sorted.sort_by(|one, other| other.score.total_cmp(&one.score));
    let answerable = outcomes.iter().filter(|outcome| outcome.kind == Kind::Answerable).count().max(1) as f32;
    let (mut right, mut wrong, mut best) = (0, 0, 0);
    for outcome in sorted {
        right += usize::from(outcome.is_right);
        wrong += usize::from(!outcome.is_right);
        if wrong as f32 <= most * outcomes.len() as f32 {
            best = right;
        }
    }
    best as f32 / answerable
}

/// The share for which `holds`, of those that are of `group`; not a number where none is.
fn share(outcomes: &[Outcome], group: impl Fn(&Outcome) -> bool, holds: impl Fn(&Outcome) -> bool) -> f32 {
    let of: Vec<&Outcome> = outcomes.iter().filter(|outcome| group(outcome)).collect();
    of.iter().filter(|outcome| holds(outcome)).count() as f32 / of.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(kind: Kind, is_right: bool, score: f32) -> Outcome {
        Outcome { kind, is_right, score }
    }

    #[test]
    fn shares_are_of_what_their_names_say() {
        let outcomes = [
            outcome(Kind::Answerable, true, 0.95),
            outcome(Kind::Answerable, false, 0.65),
            outcome(Kind::Answerable, true, 0.2),
            outcome(Kind::NearMiss, false, 0.7),
        ];
        let (figures, table) = shares(&outcomes);
        let at = &figures["at"]["0.6"];
        assert_eq!((&at["answered"][0], &at["right"][0], &at["wrong"][0]), (&json!(0.75), &json!(0.3333), &json!(0.5)));
        assert_eq!((&at["near_misses_refused"][0], &at["off_topic_refused"]), (&json!(0.0), &Value::Null));
        assert!(table.starts_with("The right entry comes first for 0.667."), "{table}");
        assert!((right_at_most_wrong(&outcomes, 0.25) - 1.0 / 3.0).abs() < 1e-6);
        assert!((right_at_most_wrong(&outcomes, 0.5) - 2.0 / 3.0).abs() < 1e-6);
    }
}
