//! Trains the complexity head.

use std::path::Path;

use anyhow::Context;
use farthing_domain::complexity::Tier;
use farthing_domain::guard::words;
use farthing_evaluation::baselines::tier_by_keywords;
use farthing_evaluation::measures::interval;
use farthing_models::encoder::Encoder;
use farthing_models::features::{self, COMPLEXITY, COMPLEXITY_LEXICAL, EMBEDDING};
use farthing_models::heads::SoftmaxHead;
use serde_json::{Value, json};

use crate::data::{ComplexityRow, Part, part, read};
use crate::fit::{Linear, Row, Settings, balance, softmax};
use crate::head_file::{self, figure};
use crate::measure::{accuracy, calibration_error, confusion, macro_f1};
use crate::report::{Measured, Trained, count, provenance, table};
use crate::{calibrate, report};

/// The head's file.
pub const HEAD: &str = "complexity-head/complexity.json";

const CLASSES: usize = Tier::ALL.len();

/// Draws of the bootstrap are the same in every run.
const SEED: u64 = 5;

/// A row as the head reads it.
struct Example {
    features: Vec<f32>,
    text: String,
    tier: usize,
    is_second: bool,
}

struct Parts {
    train: Vec<Example>,
    validation: Vec<Example>,
    test: Vec<Example>,
}

/// Trains the head on the rows of the folder `data`.
///
/// # Errors
/// When the data cannot be read or the encoder fails.
pub fn train(encoder: &dyn Encoder, data: &Path) -> anyhow::Result<Trained> {
    let file = data.join("complexity.jsonl");
    let rows: Vec<ComplexityRow> = read(&file)?;
    let parts = split(encoder, &rows)?;
    let (fitted, settings) = choose(&parts)?;
    let scores: Vec<Vec<f32>> = parts.validation.iter().map(|row| fitted.scores(&row.features)).collect();
    let temperature = calibrate::temperature(&scores, &tiers(&parts.validation));
    let names = Tier::ALL.map(Tier::as_str);
    let mut head = head_file::softmax(COMPLEXITY, &names, &fitted, temperature);
    let (figures, section) = judge(&head, &parts, &settings)?;
    let sizes = [parts.train.len(), parts.validation.len(), parts.test.len()];
    let settings = json!({"penalty": figure(settings.penalty), "lexical_scale": settings.scales[1].1});
    head["provenance"] =
        provenance(&file, count(rows.iter().map(|row| row.source.as_str())), sizes, &settings, &figures)?;
    Ok(Trained { file: HEAD, head, section })
}

/// Figures of a head on the held-out rows, beside the baselines.
///
/// # Errors
/// When the data cannot be read, the encoder fails or the head is malformed.
pub fn evaluate(encoder: &dyn Encoder, data: &Path, head: &Value) -> anyhow::Result<Measured> {
    let parts = split(encoder, &read::<ComplexityRow>(&data.join("complexity.jsonl"))?)?;
    let chosen = |key: &str| head["provenance"]["settings_chosen_on_validation"][key].as_f64().unwrap_or(1.0) as f32;
    let (figures, section) = judge(head, &parts, &settings(chosen("penalty"), chosen("lexical_scale")))?;
    Ok(Measured { figures, section })
}

fn split(encoder: &dyn Encoder, rows: &[ComplexityRow]) -> anyhow::Result<Parts> {
    let mut parts = Parts { train: Vec::new(), validation: Vec::new(), test: Vec::new() };
    for row in rows {
        let features = features::complexity(&encoder.embed(&row.text)?, &row.text);
        let example =
            Example { features, text: row.text.clone(), tier: row.tier as usize, is_second: row.kind.is_some() };
        match part(&row.text) {
            Part::Train => parts.train.push(example),
            Part::Validation => parts.validation.push(example),
            Part::Test => parts.test.push(example),
        }
    }
    Ok(parts)
}

fn tiers(examples: &[Example]) -> Vec<usize> {
    examples.iter().map(|example| example.tier).collect()
}

/// The fit whose settings surprise the validation rows least.
fn choose(parts: &Parts) -> anyhow::Result<(Linear, Settings)> {
    let mut rows: Vec<Row> = parts.train.iter().map(|row| Row::new(&row.features, row.tier)).collect();
    balance(&mut rows, CLASSES);
    let actual = tiers(&parts.validation);
    let mut best: Option<(f32, Linear, Settings)> = None;
    for penalty in [1e-4, 3e-4, 1e-3, 3e-3] {
        for lexical in [0.25, 0.5, 1.0, 2.0] {
            let settings = settings(penalty, lexical);
            let fitted = softmax(&rows, COMPLEXITY.dimension, CLASSES, &settings);
            let predicted: Vec<usize> =
                parts.validation.iter().map(|row| highest(&fitted.scores(&row.features))).collect();
            let found = macro_f1(&predicted, &actual, CLASSES);
            if best.as_ref().is_none_or(|(best, ..)| found > *best) {
                best = Some((found, fitted, settings));
            }
        }
    }
    best.map(|(_, fitted, settings)| (fitted, settings)).context("there is nothing to choose from")
}

fn settings(penalty: f32, lexical: f32) -> Settings {
    let words = COMPLEXITY_LEXICAL.end..COMPLEXITY.dimension;
    Settings { penalty, scales: vec![(0..EMBEDDING, 2.0), (COMPLEXITY_LEXICAL, lexical), (words, 2.0)], rising: false }
}

/// The macro F1 on all rows of one sitting of a head that was fitted to the other sitting's.
fn across_sittings(parts: &Parts, settings: &Settings, to_second: bool) -> f32 {
    let seen = parts.train.iter().chain(&parts.validation);
    let mut rows: Vec<Row> =
        (seen.clone().filter(|row| row.is_second != to_second)).map(|row| Row::new(&row.features, row.tier)).collect();
    balance(&mut rows, CLASSES);
    let fitted = softmax(&rows, COMPLEXITY.dimension, CLASSES, settings);
    let others: Vec<&Example> = seen.chain(&parts.test).filter(|row| row.is_second == to_second).collect();
    let predicted: Vec<usize> = others.iter().map(|row| highest(&fitted.scores(&row.features))).collect();
    macro_f1(&predicted, &others.iter().map(|row| row.tier).collect::<Vec<_>>(), CLASSES)
}

fn judge(head: &Value, parts: &Parts, settings: &Settings) -> anyhow::Result<(Value, String)> {
    let head = SoftmaxHead::from_json(&serde_json::to_vec(head)?, COMPLEXITY, &Tier::ALL.map(Tier::as_str))?;
    let test = &parts.test;
    let actual = tiers(test);
    let probabilities = test.iter().map(|row| head.probabilities(&row.features)).collect::<Result<Vec<_>, _>>()?;
    let predicted: Vec<usize> = probabilities.iter().map(|row| highest(row)).collect();
    let confidence: Vec<f32> = probabilities.iter().map(|row| row[highest(row)]).collect();
    let right: Vec<bool> = predicted.iter().zip(&actual).map(|(a, b)| a == b).collect();
    let error = calibration_error(&confidence, &right, &vec![1.0; right.len()]);

    let common = highest(&(0..CLASSES).map(|tier| count_of(&parts.train, tier)).collect::<Vec<_>>());
    let judged = [
        ("this head", predicted.clone()),
        ("always the commonest tier", vec![common; test.len()]),
        ("length of the prompt alone", by_length(parts)),
        ("keyword rules", test.iter().map(|row| tier_by_keywords(&row.text) as usize).collect()),
    ];
    let mut figures = json!({"calibration_error": figure(error), "confusion": confusion(&predicted, &actual, CLASSES)});
    let mut lines = Vec::new();
    for (name, predicted) in &judged {
        let (accuracy, f1) = (accuracy(predicted, &actual), macro_f1(predicted, &actual, CLASSES));
        figures[*name] = json!({"accuracy": figure(accuracy), "macro_f1": figure(f1)});
        let bounds = interval(test.len(), SEED, |drawn| {
            let pick = |tiers: &[usize]| drawn.iter().map(|&at| tiers[at]).collect::<Vec<_>>();
            macro_f1(&pick(predicted), &pick(&actual), CLASSES)
        });
        let (low, high) = bounds.unwrap_or((f32::NAN, f32::NAN));
        figures[*name]["macro_f1_95_percent"] = json!([figure(low), figure(high)]);
        lines.push(vec![(*name).to_owned(), format!("{accuracy:.3}"), format!("{f1:.3} ({low:.3} to {high:.3})")]);
    }
    for (name, to_second) in [("first sitting to second", true), ("second sitting to first", false)] {
        let f1 = across_sittings(parts, settings, to_second);
        figures["across"][name] = json!({"macro_f1": figure(f1)});
        lines.push(vec![format!("trained from {name}, all rows"), "–".to_owned(), format!("{f1:.3}")]);
    }
    for (name, second) in [("rows of the first sitting", false), ("rows of the second sitting", true)] {
        let of: Vec<usize> = (0..test.len()).filter(|&at| test[at].is_second == second).collect();
        let pick = |tiers: &[usize]| of.iter().map(|&at| tiers[at]).collect::<Vec<_>>();
        let (accuracy, f1) =
            (accuracy(&pick(&predicted), &pick(&actual)), macro_f1(&pick(&predicted), &pick(&actual), CLASSES));
        lines.push(vec![format!("this head, {} {name}", of.len()), format!("{accuracy:.3}"), format!("{f1:.3}")]);
    }
    let names = Tier::ALL.map(Tier::as_str);
    let matrix: Vec<Vec<String>> = (confusion(&predicted, &actual, CLASSES).iter().zip(names))
        .map(|(row, name)| std::iter::once(name.to_owned()).chain(row.iter().map(ToString::to_string)).collect())
        .collect();
    let section = format!(
        "## Complexity\n\n{} held-out queries; a guess at random is right in 25 %.\n\n{}\nCalibration error of its \
         confidence: {error:.3}. Actual tiers in rows, predicted ones in columns:\n\n{}",
        test.len(),
        table(&["", "Accuracy", "Macro F1"], &lines),
        report::table(&["", names[0], names[1], names[2], names[3]], &matrix),
    );
    Ok((figures, section))
}

fn count_of(examples: &[Example], tier: usize) -> f32 {
    examples.iter().filter(|example| example.tier == tier).count() as f32
}

fn highest(scores: &[f32]) -> usize {
    (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or_default()
}

/// The baseline that sees how long a query is, and nothing else.
fn by_length(parts: &Parts) -> Vec<usize> {
    let features = |text: &str| {
        let words = (words(text).len() as f32).ln_1p();
        [words, words * words, (text.len() as f32).ln_1p()]
    };
    let mut rows: Vec<Row> = parts.train.iter().map(|row| Row::new(&features(&row.text), row.tier)).collect();
    balance(&mut rows, CLASSES);
    let settings = Settings { penalty: 1e-4, scales: Vec::new(), rising: false };
    let fitted = softmax(&rows, 3, CLASSES, &settings);
    parts.test.iter().map(|row| highest(&fitted.scores(&features(&row.text)))).collect()
}
