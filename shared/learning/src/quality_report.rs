//! Figures of the quality heads on held-out groups.

use std::collections::BTreeMap;

use farthing_models::validator::QualityHeads;
use serde_json::{Value, json};

use crate::head_file::figure;
use crate::measure::{at_threshold, auc, calibration_error};
use crate::quality::{Example, PRIOR, PRIOR_OF_STORED, Parts};
use crate::quality_rows::Origin;
use crate::report::table;

/// Below this score an answer escalates.
const ESCALATE: f32 = 0.6;
/// Above this score an answer is delivered.
const DELIVER: f32 = 0.8;

/// Figures on the held-out groups, as JSON and as a section of Markdown.
pub(crate) fn judge(heads: &QualityHeads, parts: &Parts) -> anyhow::Result<(Value, String)> {
    let of = |origin: Origin| parts.test.iter().filter(|example| example.case.origin == origin).collect::<Vec<_>>();
    let (labelled, stored, strayed) = (of(Origin::Labelled), of(Origin::Stored), of(Origin::Strayed));
    let sets = [
        ("all", labelled.clone()),
        ("with passages", labelled.iter().copied().filter(|example| example.must_be_grounded()).collect()),
        ("without passages", labelled.iter().copied().filter(|example| !example.must_be_grounded()).collect()),
        ("stored passages, derived", stored),
    ];
    let (mut figures, mut lines) = (json!({}), Vec::new());
    for (name, examples) in &sets {
        let (line, numbers) = summary(name, heads, examples)?;
        lines.push(line);
        figures[*name] = numbers;
    }
    let labels: Vec<bool> = labelled.iter().map(|example| example.case.acceptable).collect();
    let by_cosine = auc(&labelled.iter().map(|example| example.cosine).collect::<Vec<_>>(), &labels);
    let by_length = auc(&labelled.iter().map(|example| example.case.answer.len() as f32).collect::<Vec<_>>(), &labels);
    let by_length = by_length.max(1.0 - by_length);
    figures["baselines_auc"] = json!({"chance": 0.5, "cosine": figure(by_cosine), "length": figure(by_length)});
    let (flaws, flaw_figures) = flaws(heads, labelled.iter().chain(&strayed))?;
    figures["flaws"] = flaw_figures;
    let header = ["Held-out answers", "Rows", "AUC", "Accuracy at 0.6", "Accuracy at 0.8", "Calibration error"];
    let section = format!(
        "## Answer quality\n\nThese figures flatter a little: the measures were written with them in sight, and 26 groups are few. Split by group. Accuracy gives both labels the same weight; the calibration error \
         takes {PRIOR_OF_STORED} of the stored answers and {PRIOR} of the others as acceptable. Baselines: chance has AUC 0.500, the cosine of question and answer {by_cosine:.3}, length {by_length:.3}.\n\n{}\n\
         How often a flaw keeps an answer from being delivered (score at most 0.8) and makes it escalate (below 0.6); \
         for acceptable answers these are the errors:\n\n{flaws}",
        table(&header, &lines),
    );
    Ok((figures, section))
}

fn score(heads: &QualityHeads, example: &Example) -> anyhow::Result<f32> {
    Ok(heads.weigh(&example.findings, example.must_be_grounded())?.score)
}

fn summary(name: &str, heads: &QualityHeads, examples: &[&Example]) -> anyhow::Result<(Vec<String>, Value)> {
    let labels: Vec<bool> = examples.iter().map(|example| example.case.acceptable).collect();
    let scores = examples.iter().map(|example| score(heads, example)).collect::<anyhow::Result<Vec<f32>>>()?;
    let yes = labels.iter().filter(|&&label| label).count() as f32;
    let no = labels.len() as f32 - yes;
    let prior =
        if examples.iter().all(|example| example.case.origin == Origin::Stored) { PRIOR_OF_STORED } else { PRIOR };
    let weigh = |&label: &bool| if label { prior / yes } else { (1.0 - prior) / no };
    let weights: Vec<f32> = labels.iter().map(weigh).collect();
    let (area, error) = (auc(&scores, &labels), calibration_error(&scores, &labels, &weights));
    let even = |threshold: f32| {
        let at = at_threshold(&scores, &labels, threshold);
        f32::midpoint(at.recall, 1.0 - at.false_positives)
    };
    let (low, high) = (even(ESCALATE), even(DELIVER));
    let shown = [area, low, high, error].map(|number| format!("{number:.3}"));
    let line = [name.to_owned(), labels.len().to_string()].into_iter().chain(shown).collect();
    let numbers = json!({
        "rows": labels.len(), "auc": figure(area), "accuracy_at_0.6": figure(low), "accuracy_at_0.8": figure(high),
        "calibration_error": figure(error),
    });
    Ok((line, numbers))
}

fn flaws<'a>(heads: &QualityHeads, examples: impl Iterator<Item = &'a &'a Example>) -> anyhow::Result<(String, Value)> {
    let mut by_flaw: BTreeMap<String, Vec<f32>> = BTreeMap::new();
    for example in examples {
        let flaw = match example.case.origin {
            Origin::Strayed => "answer to another question (derived)",
            Origin::Labelled | Origin::Stored => example.case.flaw.as_deref().unwrap_or("acceptable"),
        };
        let with = if example.must_be_grounded() { "with passages" } else { "without" };
        by_flaw.entry(format!("{flaw}, {with}")).or_default().push(score(heads, example)?);
    }
    let (mut lines, mut figures) = (Vec::new(), json!({}));
    for (flaw, scores) in by_flaw {
        let share = |holds: &dyn Fn(f32) -> bool| {
            scores.iter().filter(|&&score| holds(score)).count() as f32 / scores.len() as f32
        };
        let (held, escalated) = (share(&|score| score <= DELIVER), share(&|score| score < ESCALATE));
        figures[&flaw] = json!({"rows": scores.len(), "not_delivered": figure(held), "escalated": figure(escalated)});
        lines.push(vec![flaw, scores.len().to_string(), format!("{held:.2}"), format!("{escalated:.2}")]);
    }
    Ok((table(&["Flaw", "Rows", "Not delivered", "Escalated"], &lines), figures))
}
