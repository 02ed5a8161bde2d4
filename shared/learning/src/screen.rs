//! Trains the screening heads: prompt injection and toxicity.

use std::path::Path;

use anyhow::Context;
use farthing_domain::guard::words;
use farthing_models::encoder::Encoder;
use farthing_models::features::{self, EMBEDDING, SCREEN};
use farthing_models::heads::LogisticHead;
use serde_json::{Value, json};

use crate::calibrate;
use crate::data::{Part, ScreenRow, part, read};
use crate::fit::{Linear, Row, Settings, balance, logistic};
use crate::head_file::{self, figure};
use crate::measure::{at_threshold, auc, calibration_error};
use crate::peers::Peer;
use crate::report::{Trained, count, provenance, table};

/// What a screening head looks for.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// The heading of its report.
    pub title: &'static str,
    /// The rows.
    pub data: &'static str,
    /// The head's file.
    pub head: &'static str,
    /// The baseline: words and phrases that anybody would list first.
    pub keywords: &'static [&'static str],
}

/// Queries that try to take the instructions over.
pub const INJECTION: Task = Task {
    title: "Prompt injection",
    data: "injection.jsonl",
    head: "complexity-head/injection.json",
    keywords: &[
        "ignore previous",
        "ignore all",
        "ignore the above",
        "ignore your",
        "disregard",
        "system prompt",
        "your instructions",
        "your rules",
        "jailbreak",
        "developer mode",
        "pretend",
        "act as",
        "roleplay",
        "bypass",
        "override",
        "no restrictions",
        "hidden",
        "confidential",
        "reveal",
        "you are now",
        "unfiltered",
    ],
};

/// Texts that insult, threaten or hate.
pub const TOXICITY: Task = Task {
    title: "Toxicity",
    data: "toxicity.jsonl",
    head: "toxicity-head/toxicity.json",
    keywords: &[
        "fuck",
        "fucking",
        "shit",
        "bitch",
        "bitches",
        "hoe",
        "hoes",
        "pussy",
        "faggot",
        "fag",
        "nigga",
        "nigger",
        "cunt",
        "asshole",
        "idiot",
        "stupid",
        "moron",
        "retard",
        "retarded",
        "kill yourself",
        "trash",
        "scum",
        "dick",
        "dumb",
        "whore",
        "slut",
        "die",
        "hate",
        "ugly",
        "white trash",
    ],
};

/// A row as the head reads it.
pub struct Example {
    features: Vec<f32>,
    row: ScreenRow,
}

struct Parts {
    train: Vec<Example>,
    validation: Vec<Example>,
    test: Vec<Example>,
}

/// Trains the head of `task` on the rows of the folder `data`.
///
/// # Errors
/// When the data cannot be read or the encoder fails.
pub fn train(task: Task, encoder: &dyn Encoder, data: &Path, peers: &[Peer]) -> anyhow::Result<Trained> {
    let file = data.join(task.data);
    let rows: Vec<ScreenRow> = read(&file)?;
    let parts = split(encoder, &rows)?;
    let (fitted, settings) = choose(&parts)?;
    let raw: Vec<f32> = parts.validation.iter().map(|row| fitted.scores(&row.features)[0]).collect();
    let calibration = calibrate::platt(&raw, &labels(&parts.validation), &vec![1.0; raw.len()]);
    let mut head = head_file::logistic(SCREEN, &fitted, calibration);
    let (figures, section) = judge(task, &head, &parts, peers)?;
    let sizes = [parts.train.len(), parts.validation.len(), parts.test.len()];
    let settings = json!({"penalty": settings.penalty, "embedding_scale": settings.scales[0].1});
    head["provenance"] =
        provenance(&file, count(rows.iter().map(|row| row.source.as_str())), sizes, &settings, &figures)?;
    Ok(Trained { file: task.head, head, section })
}

/// Figures of a head on the held-out rows, beside the baselines.
///
/// # Errors
/// When the data cannot be read, the encoder fails or the head is malformed.
pub fn evaluate(
    task: Task,
    encoder: &dyn Encoder,
    data: &Path,
    head: &Value,
    peers: &[Peer],
) -> anyhow::Result<String> {
    let parts = split(encoder, &read::<ScreenRow>(&data.join(task.data))?)?;
    Ok(judge(task, head, &parts, peers)?.1)
}

/// The held-out rows of `task`, for a peer to be measured on.
///
/// # Errors
/// When the data cannot be read.
pub fn held_out(task: Task, data: &Path) -> anyhow::Result<Vec<ScreenRow>> {
    let rows: Vec<ScreenRow> = read(&data.join(task.data))?;
    Ok(rows.into_iter().filter(|row| part(&row.text) == Part::Test).collect())
}

fn split(encoder: &dyn Encoder, rows: &[ScreenRow]) -> anyhow::Result<Parts> {
    let mut parts = Parts { train: Vec::new(), validation: Vec::new(), test: Vec::new() };
    for row in rows {
        let features = features::screen(&encoder.embed(&row.text)?, &row.text);
        let example = Example { features, row: row.clone() };
        match part(&row.text) {
            Part::Train => parts.train.push(example),
            Part::Validation => parts.validation.push(example),
            Part::Test => parts.test.push(example),
        }
    }
    Ok(parts)
}

fn labels(examples: &[Example]) -> Vec<bool> {
    examples.iter().map(|example| example.row.label == 1).collect()
}

/// The fit whose settings rank the validation rows best.
fn choose(parts: &Parts) -> anyhow::Result<(Linear, Settings)> {
    let mut rows: Vec<Row> = parts.train.iter().map(|row| Row::new(&row.features, row.row.label.into())).collect();
    balance(&mut rows, 2);
    let actual = labels(&parts.validation);
    let mut best: Option<(f32, Linear, Settings)> = None;
    for penalty in [1e-4, 2e-4, 4e-4, 8e-4] {
        for embedding in [0.5, 1.0, 2.0] {
            let scales = vec![(0..EMBEDDING, embedding), (EMBEDDING..SCREEN.dimension, 1.0)];
            let settings = Settings { penalty, scales, rising: false };
            let fitted = logistic(&rows, SCREEN.dimension, &settings);
            let scores: Vec<f32> = parts.validation.iter().map(|row| fitted.scores(&row.features)[0]).collect();
            let found = auc(&scores, &actual);
            if best.as_ref().is_none_or(|(best, ..)| found > *best) {
                best = Some((found, fitted, settings));
            }
        }
    }
    best.map(|(_, fitted, settings)| (fitted, settings)).context("there is nothing to choose from")
}

fn judge(task: Task, head: &Value, parts: &Parts, peers: &[Peer]) -> anyhow::Result<(Value, String)> {
    let head = LogisticHead::from_json(&serde_json::to_vec(head)?, SCREEN)?;
    let test = &parts.test;
    let actual = labels(test);
    let scores = test.iter().map(|row| head.probability(&row.features)).collect::<Result<Vec<f32>, _>>()?;
    let error = calibration_error(&scores, &actual, &vec![1.0; scores.len()]);
    let own = auc(&scores, &actual);
    let length: Vec<f32> = test.iter().map(|row| row.row.text.len() as f32).collect();
    let keywords: Vec<f32> = test.iter().map(|row| keyword_hits(task, &row.row.text)).collect();
    let (by_length, by_keywords) = (auc(&length, &actual), auc(&keywords, &actual));
    let mut figures = json!({
        "auc": figure(own), "calibration_error": figure(error),
        "baselines_auc": {"chance": 0.5, "length": figure(by_length.max(1.0 - by_length)), "keywords": figure(by_keywords)},
    });
    let mut lines = vec![
        vec!["this head".to_owned(), format!("{own:.3}")],
        vec!["length alone".to_owned(), format!("{:.3}", by_length.max(1.0 - by_length))],
        vec!["keyword list".to_owned(), format!("{by_keywords:.3}")],
    ];
    for peer in peers.iter().filter(|peer| peer.measured_on(task, test.iter().map(|row| &row.row))) {
        figures["peers"][&peer.name] = json!({"auc": figure(peer.auc), "head_leads_by": figure(own - peer.auc)});
        lines.push(vec![format!("{} ({})", peer.name, peer.licence), format!("{:.3}", peer.auc)]);
    }
    let mut sources = Vec::new();
    for (source, rows) in count(test.iter().map(|row| row.row.source.as_str())) {
        let of = |i: &usize| test[*i].row.source == source;
        let (scores, actual): (Vec<f32>, Vec<bool>) =
            (0..test.len()).filter(of).map(|i| (scores[i], actual[i])).unzip();
        let has_both = actual.contains(&true) && actual.contains(&false);
        let area = if has_both { format!("{:.3}", auc(&scores, &actual)) } else { "one label only".to_owned() };
        let accuracy = at_threshold(&scores, &actual, 0.5).accuracy;
        sources.push(vec![source.to_owned(), rows.to_string(), area, format!("{accuracy:.3}")]);
    }
    let thresholds: Vec<_> = [0.5, 0.7, 0.8, 0.9, 0.95].map(|at| at_threshold(&scores, &actual, at)).into();
    figures["at_threshold"] = json!(
        (thresholds.iter())
            .map(|at| json!({
                "threshold": figure(at.threshold), "precision": figure(at.precision), "recall": figure(at.recall),
                "false_positives": figure(at.false_positives), "accuracy": figure(at.accuracy),
            }))
            .collect::<Vec<_>>()
    );
    let rows: Vec<Vec<String>> = (thresholds.iter())
        .map(|at| {
            [at.threshold, at.precision, at.recall, at.false_positives, at.accuracy].map(|x| format!("{x:.3}")).into()
        })
        .collect();
    let section = format!(
        "## {}\n\n{} held-out texts, {} of them positive. Calibration error: {error:.3}.\n\n{}\n{}\n{}",
        task.title,
        test.len(),
        actual.iter().filter(|&&label| label).count(),
        table(&["", "AUC"], &lines),
        table(&["Source", "Rows", "AUC", "Accuracy at 0.5"], &sources),
        table(&["Threshold", "Precision", "Recall", "False positives", "Accuracy"], &rows),
    );
    Ok((figures, section))
}

fn keyword_hits(task: Task, text: &str) -> f32 {
    let text = format!(" {} ", words(text).join(" "));
    task.keywords.iter().filter(|keyword| text.contains(&format!(" {keyword} "))).count() as f32
}
