//! The demo agent's held-out questions: measured, never learned from.

use std::path::Path;

use anyhow::Context;
use farthing_models::encoder::{Encoder, PairReader};
use farthing_models::knowledge::KnowledgeIndex;
use farthing_models::knowledge::answerability::Head;
use farthing_models::knowledge::answerer::retrieve;
use farthing_models::knowledge::source;
use serde::Deserialize;
use serde_json::Value;

use super::outcomes::{Kind, Outcome, shares};
use crate::data::read;

#[derive(Debug, Deserialize)]
struct Question {
    query: String,
    entry: Option<String>,
    kind: String,
}

/// What `head` makes of the questions to the demo agent in `repository`.
///
/// # Errors
/// When they cannot be read or embedded.
pub(super) fn measure(
    encoder: &dyn Encoder,
    reader: &dyn PairReader,
    head: &Head,
    repository: &Path,
) -> anyhow::Result<(Value, String)> {
    let questions: Vec<Question> = read(&repository.join("tests/data/rprd_questions.jsonl"))?;
    let entries = source::parse(&source::read_files(&repository.join("infra/agents/rprd/knowledge"))?)?;
    let index = KnowledgeIndex::build(entries, encoder)?;
    let mut outcomes = Vec::new();
    for question in &questions {
        let found = retrieve(&index, head, reader, &question.query, &encoder.embed(&question.query)?, 1)?;
        let first = found.passages.first().context("nothing was found")?;
        let kind = match (&question.entry, question.kind.as_str()) {
            (Some(_), _) => Kind::Answerable,
            (None, "off_topic") => Kind::OffTopic,
            (None, _) => Kind::NearMiss,
        };
        let is_right = question.entry.as_ref() == Some(&first.title);
        outcomes.push(Outcome { kind, is_right, score: found.answerability });
    }
    let answerable = outcomes.iter().filter(|outcome| outcome.kind == Kind::Answerable).count();
    let (figures, shares) = shares(&outcomes);
    let section = format!(
        "### The demo agent's held-out questions\n\n{} questions, never trained or tuned on; {answerable} have an \
         answer. {shares}",
        questions.len(),
    );
    Ok((figures, section))
}
