//! `injection` and `toxicity`: columns `text`, `label` (1 for hostile); the probability by which the
//! screen refuses, at the policy's threshold.

use super::SEED;
use crate::baselines::{ABUSIVE_WORDS, INJECTION_PHRASES, hits, length};
use crate::door::{Door, EvaluationError};
use crate::measures::{AtThreshold, at_threshold, auc, interval};
use crate::report::Report;
use crate::table::Table;

/// What is screened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screened {
    /// Texts that try to take the instructions over.
    Injection,
    /// Abuse.
    Toxicity,
}

/// How well hostile texts of `table` are told.
///
/// # Errors
/// [`EvaluationError`].
pub async fn run(door: &Door, table: &Table, screened: Screened) -> Result<Report, EvaluationError> {
    let texts = table.column("text")?.texts();
    let labels = table.column("label")?.flags()?;
    let analyses = door.analyse_all(texts.clone()).await?;
    let (scores, threshold): (Vec<f32>, f32) = match screened {
        Screened::Injection => {
            (analyses.iter().map(|analysis| analysis.injection).collect(), door.policy.screen.injection)
        }
        Screened::Toxicity => {
            (analyses.iter().map(|analysis| analysis.toxicity).collect(), door.policy.screen.toxicity)
        }
    };
    let mut report = Report { n: table.len(), ..Report::default() };
    for (at, (name, value)) in figures(&scores, &labels, threshold).into_iter().enumerate() {
        let of = |drawn: &[usize]| {
            let scores: Vec<f32> = drawn.iter().map(|&row| scores[row]).collect();
            let labels: Vec<bool> = drawn.iter().map(|&row| labels[row]).collect();
            if at == 0 { auc(&scores, &labels) } else { at_shipped(&scores, &labels, threshold)[at - 1].1 }
        };
        report.add(name, value, interval(table.len(), SEED, of));
    }
    let lengths: Vec<f32> = texts.iter().map(|text| length(text)).collect();
    let by_length = auc(&lengths, &labels);
    let phrases = match screened {
        Screened::Injection => INJECTION_PHRASES,
        Screened::Toxicity => ABUSIVE_WORDS,
    };
    let found: Vec<f32> = texts.iter().map(|text| hits(phrases, text) as f32).collect();
    report.compare("random", vec![("auc", 0.5)]);
    report.compare("text length", vec![("auc", by_length.max(1.0 - by_length))]);
    report.compare("keyword list", figures(&found, &labels, 1.0));
    report.notes.push(format!("the shipped threshold is {threshold}"));
    Ok(report)
}

fn figures(scores: &[f32], labels: &[bool], threshold: f32) -> Vec<(&'static str, f32)> {
    let mut figures = vec![("auc", auc(scores, labels))];
    figures.extend(at_shipped(scores, labels, threshold));
    figures
}

/// What the threshold does; a figure about yeses or noes that no row has is not determined.
fn at_shipped(scores: &[f32], labels: &[bool], threshold: f32) -> [(&'static str, f32); 4] {
    let found: AtThreshold = at_threshold(scores, labels, threshold);
    let of = |label: bool, value: f32| if labels.contains(&label) { value } else { f32::NAN };
    [
        ("f1", of(true, found.f1())),
        ("recall", of(true, found.recall)),
        ("false_positive_rate", of(false, found.false_positives)),
        ("precision", of(true, found.precision)),
    ]
}
