//! The figures of a screening head.

use std::path::Path;

use anyhow::Context;
use farthing_evaluation::baselines::hits;
use farthing_evaluation::measures::interval;
use serde_json::{Value, json};

use super::tasks::{INJECTION, Task, family, is_ordinary};
use crate::data::ScreenRow;
use crate::head_file::figure;
use crate::measure::{at_threshold, auc, calibration_error};
use crate::peers::Peer;
use crate::report::{count, table};

/// Draws of the bootstrap are the same in every run.
const SEED: u64 = 5;

/// A row with the probability that the head gives it, and what the network alone says of it.
pub(super) struct Read<'a> {
    pub(super) row: &'a ScreenRow,
    pub(super) probability: f32,
    pub(super) network: f32,
}

/// From which probability the owner's policy refuses.
pub(super) fn shipped_threshold(policy: &Path, task: Task) -> anyhow::Result<f32> {
    let text = std::fs::read_to_string(policy).with_context(|| format!("`{}` cannot be read", policy.display()))?;
    let key = if task.head == INJECTION.head { "injection" } else { "toxicity" };
    let screen = text.split("[screen]").nth(1).unwrap_or_default();
    let value = screen.lines().filter_map(|line| line.split_once('=')).find(|(name, _)| name.trim() == key);
    let value = value.and_then(|(_, value)| value.split('#').next()?.trim().parse().ok());
    value.with_context(|| format!("`{}`: expected screen.{key}", policy.display()))
}

/// The figures on the held-out rows, for the head's file and for the reader.
pub(super) fn judge(
    task: Task,
    threshold: f32,
    validation: &[Read<'_>],
    test: &[Read<'_>],
    others: &[(String, f32)],
    peers: &[Peer],
) -> (Value, String) {
    let labelled: Vec<&Read<'_>> = test.iter().filter(|read| !is_ordinary(read.row)).collect();
    let all: Vec<&Read<'_>> = test.iter().collect();
    let (scores, actual) = columns(&labelled);
    let error = calibration_error(&scores, &actual, &vec![1.0; scores.len()]);
    let own = auc(&scores, &actual);
    let bounds = interval(labelled.len(), SEED, |drawn| {
        let drawn: Vec<&Read<'_>> = drawn.iter().map(|&at| labelled[at]).collect();
        let (scores, actual) = columns(&drawn);
        auc(&scores, &actual)
    });
    let (low, high) = bounds.unwrap_or((f32::NAN, f32::NAN));
    let baseline = |score: &dyn Fn(&Read<'_>) -> f32| {
        let found = auc(&labelled.iter().map(|read| score(read)).collect::<Vec<_>>(), &actual);
        found.max(1.0 - found)
    };
    let by_length = baseline(&|read| read.row.text.len() as f32);
    let by_keywords = baseline(&|read| hits(task.keywords, &read.row.text) as f32);
    let mut figures = json!({
        "auc": figure(own), "auc_95_percent": [figure(low), figure(high)], "calibration_error": figure(error),
        "shipped_threshold": figure(threshold),
        "baselines_auc": {"chance": 0.5, "length": figure(by_length), "keywords": figure(by_keywords)},
    });
    let mut lines = vec![
        vec!["this head".to_owned(), format!("{own:.3} ({low:.3} to {high:.3})")],
        vec!["length alone".to_owned(), format!("{by_length:.3}")],
        vec!["keyword list".to_owned(), format!("{by_keywords:.3}")],
    ];
    if task.head != INJECTION.head {
        let network = baseline(&|read| read.network);
        figures["baselines_auc"]["network"] = figure(network);
        lines.push(vec![
            "toxic-comment-classifier 0.3.0 (MIT) alone, which the head reads".to_owned(),
            format!("{network:.3}"),
        ]);
    }
    for peer in peers.iter().filter(|peer| peer.measured_on(task, labelled.iter().map(|read| read.row))) {
        figures["peers"][&peer.name] = json!({"auc": figure(peer.auc), "head_leads_by": figure(own - peer.auc)});
        lines.push(vec![format!("{} ({})", peer.name, peer.licence), format!("{:.3}", peer.auc)]);
    }
    for (source, found) in others {
        figures["trained_without_the_source_auc"][source] = figure(*found);
        lines.push(vec![format!("trained without `{source}`, on `{source}`"), format!("{found:.3}")]);
    }
    let (families, by_family) = by_family(&all, threshold);
    figures["by_family"] = families;
    let section = format!(
        "## {}\n\n{} held-out texts, {} of them positive, and {} held-out everyday questions. Calibration error: {error:.3}. \
         The area counts the texts only; in brackets the 95 % interval of the bootstrap.\n\n{}\n\
         What the shipped threshold of {threshold} does:\n\n{}\n\
         How the threshold was chosen, on validation rows; everyday questions and frightening ones may be refused in \
         less than 1 %:\n\n{}\nThe same on held-out rows:\n\n{}",
        task.title,
        labelled.len(),
        actual.iter().filter(|&&label| label).count(),
        test.len() - labelled.len(),
        table(&["", "AUC"], &lines),
        table(&["Rows", "Number", "Positive", "AUC", "Recall", "False alarms"], &by_family),
        by_threshold(validation),
        by_threshold(test),
    );
    (figures, section)
}

fn columns(rows: &[&Read<'_>]) -> (Vec<f32>, Vec<bool>) {
    rows.iter().map(|read| (read.probability, read.row.label == 1)).unzip()
}

/// What the threshold does to rows that test the same.
fn by_family(rows: &[&Read<'_>], threshold: f32) -> (Value, Vec<Vec<String>>) {
    let (mut figures, mut lines) = (json!({}), Vec::new());
    for name in count(rows.iter().map(|read| family(read.row))).into_keys() {
        let rows: Vec<&Read<'_>> = rows.iter().copied().filter(|read| family(read.row) == name).collect();
        let (scores, actual) = columns(&rows);
        let positive = actual.iter().filter(|&&label| label).count();
        let found = at_threshold(&scores, &actual, threshold);
        let is_mixed = positive > 0 && positive < rows.len();
        let cell = |is_there: bool, value: f32| if is_there { format!("{value:.3}") } else { "–".to_owned() };
        let bounds = interval(rows.len(), SEED, |drawn| {
            let drawn: Vec<&Read<'_>> = drawn.iter().map(|&at| rows[at]).collect();
            let (scores, actual) = columns(&drawn);
            auc(&scores, &actual)
        });
        let bounds = bounds.map_or_else(String::new, |(low, high)| format!(" ({low:.3} to {high:.3})"));
        let area = auc(&scores, &actual);
        figures[name] = json!({
            "rows": rows.len(), "positive": positive,
            "auc": if is_mixed { figure(area) } else { Value::Null },
            "recall": if positive > 0 { figure(found.recall) } else { Value::Null },
            "false_alarms": if positive < rows.len() { figure(found.false_positives) } else { Value::Null },
        });
        lines.push(vec![
            name.to_owned(),
            rows.len().to_string(),
            positive.to_string(),
            if is_mixed { format!("{area:.3}{bounds}") } else { "–".to_owned() },
            cell(positive > 0, found.recall),
            cell(positive < rows.len(), found.false_positives),
        ]);
    }
    (figures, lines)
}

/// What each threshold would do.
fn by_threshold(rows: &[Read<'_>]) -> String {
    let share = |threshold: f32, wanted: &dyn Fn(&ScreenRow) -> bool| {
        let of: Vec<&Read<'_>> = rows.iter().filter(|read| wanted(read.row)).collect();
        let hits = of.iter().filter(|read| read.probability >= threshold).count();
        if of.is_empty() { "–".to_owned() } else { format!("{:.3}", hits as f32 / of.len() as f32) }
    };
    let lines: Vec<Vec<String>> = [0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98]
        .map(|threshold| {
            vec![
                format!("{threshold:.2}"),
                share(threshold, &is_ordinary),
                share(threshold, &|row| row.label == 0 && family(row) == "frightening but harmless"),
                share(threshold, &|row| row.label == 0 && !is_ordinary(row)),
                share(threshold, &|row| row.label == 1 && row.source == "farthing"),
                share(threshold, &|row| row.label == 1 && row.source != "farthing"),
            ]
        })
        .into();
    let header = [
        "Threshold",
        "Everyday refused",
        "Frightening refused",
        "All harmless texts refused",
        "Recall, own",
        "Recall, public",
    ];
    table(&header, &lines)
}
