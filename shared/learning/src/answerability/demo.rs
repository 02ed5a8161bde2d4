//! The demo agent's held-out questions: measured, never learned from.

use std::path::Path;

use anyhow::Context;
use farthing_models::encoder::Encoder;
use farthing_models::knowledge::KnowledgeIndex;
use farthing_models::knowledge::answerability::Head;
use farthing_models::knowledge::answerer::retrieve;
use farthing_models::knowledge::source;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::data::read;
use crate::head_file::figure;
use crate::report::table;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    query: String,
    expect: Expected,
    entry: Option<String>,
    kind: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Expected {
    Answer,
    Refuse,
}

struct Outcome<'a> {
    question: &'a Question,
    is_right: bool,
    answerability: f32,
}

/// What `head` makes of the questions to the demo agent in `repository`.
///
/// # Errors
/// When they cannot be read or embedded.
pub(super) fn measure(encoder: &dyn Encoder, head: &Head, repository: &Path) -> anyhow::Result<(Value, String)> {
    let questions: Vec<Question> = read(&repository.join("tests/data/rprd_questions.jsonl"))?;
    let entries = source::parse(&source::read_files(&repository.join("infra/agents/rprd/knowledge"))?)?;
    let index = KnowledgeIndex::build(entries, encoder)?;
    let mut outcomes = Vec::new();
    for question in &questions {
        let found = retrieve(&index, head, &question.query, &encoder.embed(&question.query)?, 1)?;
        let first = found.passages.first().context("nothing was found")?;
        let is_right = question.entry.as_ref() == Some(&first.title);
        outcomes.push(Outcome { question, is_right, answerability: found.answerability });
    }
    let of = |expected: Expected| outcomes.iter().filter(move |outcome| outcome.question.expect == expected);
    let answerable = of(Expected::Answer).count();
    let right_first = share(of(Expected::Answer).filter(|outcome| outcome.is_right).count(), answerable);
    let mut rows = Vec::new();
    let mut thresholds = Vec::new();
    for threshold in [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] {
        let is_given = |outcome: &&Outcome<'_>| outcome.answerability >= threshold;
        let given = outcomes.iter().filter(is_given).count();
        let given_right = outcomes.iter().filter(is_given).filter(|outcome| outcome.is_right).count();
        let refused = |kind: &str| {
            let of_kind = || of(Expected::Refuse).filter(|outcome| outcome.question.kind == kind);
            share(of_kind().filter(|outcome| !is_given(outcome)).count(), of_kind().count())
        };
        let figures = [
            share(of(Expected::Answer).filter(is_given).count(), answerable),
            share(given_right, answerable),
            share(given_right, given),
            refused("near_miss"),
            refused("off_topic"),
        ];
        rows.push(std::iter::once(format!("{threshold:.1}")).chain(figures.map(|x| format!("{x:.3}"))).collect());
        thresholds.push(json!({
            "threshold": figure(threshold), "coverage": figure(figures[0]), "answered_right": figure(figures[1]),
            "precision": figure(figures[2]), "near_misses_refused": figure(figures[3]),
            "off_topic_refused": figure(figures[4]),
        }));
    }
    let header =
        ["Least answerability", "Coverage", "Answered right", "Precision", "Near misses refused", "Off-topic refused"];
    let section = format!(
        "### The demo agent's held-out questions\n\n{} questions, never trained or tuned on; {answerable} have an \
         answer. The right entry comes first for {:.1} % of these. Coverage is the share of the answerable that get \
         an answer; precision is over all that is answered, near misses included.\n\n{}",
        questions.len(),
        100.0 * right_first,
        table(&header, &rows)
    );
    Ok((json!({"questions": questions.len(), "right_first": figure(right_first), "at_threshold": thresholds}), section))
}

fn share(part: usize, whole: usize) -> f32 {
    part as f32 / whole.max(1) as f32
}
