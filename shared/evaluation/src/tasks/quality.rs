//! `quality`: columns `query`, `answer`, `label` (0 to 1) and, if there is one, `context`; the
//! validator's score.

use std::collections::HashMap;

use farthing_domain::ports::{Analysis, Passage, Validation};
use farthing_domain::quality::Quality;

use super::SEED;
use crate::baselines::{length, shared_words};
use crate::door::{Door, EvaluationError};
use crate::measures::{auc, calibration_error, interval, mean, spearman};
use crate::report::Report;
use crate::table::Table;

/// From this label up an answer counts as good.
const GOOD: f32 = 0.5;

/// How well the answers of `table` are judged.
///
/// # Errors
/// [`EvaluationError`].
pub async fn run(door: &Door, table: &Table) -> Result<Report, EvaluationError> {
    let questions = table.column("query")?.texts();
    let answers = table.column("answer")?.texts();
    let labels = table.column("label")?.shares()?;
    let contexts = table.optional_column("context").map_or_else(|| vec![""; table.len()], |column| column.texts());
    let rows = questions.iter().zip(&answers).zip(&contexts);
    let rows = rows.map(|((question, answer), context)| Answered { question, answer, context }).collect();
    let scores: Vec<f32> = judge_all(door, rows).await?.iter().map(|quality| quality.score).collect();
    let mut report = Report { n: table.len(), ..Report::default() };
    for (name, measure) in MEASURES {
        let of = |drawn: &[usize]| {
            let pick = |values: &[f32]| drawn.iter().map(|&row| values[row]).collect::<Vec<_>>();
            measure(&pick(&scores), &pick(&labels))
        };
        report.add(name, measure(&scores, &labels), interval(table.len(), SEED, of));
    }
    let others: [(&'static str, Vec<f32>); 2] = [
        ("answer length", answers.iter().map(|answer| length(answer)).collect()),
        ("shared words", questions.iter().zip(&answers).map(|(one, other)| shared_words(one, other)).collect()),
    ];
    report.compare("random", vec![("auc", 0.5), ("spearman", 0.0)]);
    for (name, scores) in others {
        report.compare(name, vec![("auc", area(&scores, &labels)), ("spearman", spearman(&scores, &labels))]);
    }
    let good = good(&labels).iter().filter(|label| **label).count();
    report.notes.push(format!("{good} answers have a label from {GOOD} up and count as good in auc and ece"));
    report.notes.push("ece has ten ranges of equal width; mean is that of the scores".to_owned());
    Ok(report)
}

type Measure = fn(&[f32], &[f32]) -> f32;

const MEASURES: [(&str, Measure); 4] = [
    ("auc", area),
    ("ece", |scores, labels| calibration_error(scores, &good(labels), &vec![1.0; labels.len()])),
    ("spearman", spearman),
    ("mean", |scores, _| mean(scores.iter().copied())),
];

fn area(scores: &[f32], labels: &[f32]) -> f32 {
    auc(scores, &good(labels))
}

fn good(labels: &[f32]) -> Vec<bool> {
    labels.iter().map(|label| *label >= GOOD).collect()
}

/// An answer to be judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered<'a> {
    pub(crate) question: &'a str,
    pub(crate) answer: &'a str,
    /// The passage that it may rely on; blank when there is none.
    pub(crate) context: &'a str,
}

/// What the validator says of each answer, as of one to the brand's customer. With a passage the answer
/// has to be taken from it, as a local one has.
pub(crate) async fn judge_all(door: &Door, rows: Vec<Answered<'_>>) -> Result<Vec<Quality>, EvaluationError> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut questions: Vec<&str> = Vec::new();
    for row in &rows {
        places.entry(row.question).or_insert_with(|| {
            questions.push(row.question);
            questions.len() - 1
        });
    }
    let analyses = door.analyse_all(questions).await?;
    let judge = |row: Answered<'_>, analysis: &Analysis| {
        let passages = if row.context.trim().is_empty() { Vec::new() } else { vec![passage(row.context)] };
        let (question, answer, embedding) =
            (row.question.to_owned(), row.answer.to_owned(), analysis.embedding.clone());
        async move {
            let validation = Validation {
                brand: &door.brand,
                query: &question,
                query_embedding: &embedding,
                answer: &answer,
                passages: &passages,
                must_be_grounded: !passages.is_empty(),
                prior: 0.5,
                answerability: None,
                system_prompt: "",
            };
            Ok(door.tier.validator.validate(validation).await?)
        }
    };
    door.for_all(rows, |_, row| judge(row, &analyses[places[row.question]])).await
}

fn passage(text: &str) -> Passage {
    Passage { id: "context".to_owned(), title: String::new(), text: text.to_owned(), score: 1.0 }
}
