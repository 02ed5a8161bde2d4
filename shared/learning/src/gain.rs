//! Trains the heads that predict whether a stronger model would do better.
//!
//! The rows are questions that both a cheap and a strong model answered. Settings are chosen, and the
//! predictions stretched, by cross-validation on the training and validation rows; the heads that are
//! kept are fitted on all of these. The test rows are for the report.

mod crossing;
mod directions;
mod figures;
mod grow;
mod rows;

use std::path::Path;

use farthing_models::encoder::Encoder;
use farthing_models::gain::{AFTER, BEFORE, GainHeads};
use farthing_models::heads::FeatureSpec;
use serde_json::{Value, json};

use crate::data::{Part, part};
use crate::head_file::{self, figure};
use crate::report::{Measured, Trained, count, provenance};
use crossing::{Folds, Reading, cross_validate_often};
use grow::Growth;
use rows::Example;

/// The heads' file.
pub const HEAD: &str = "gain-head/gain.json";

const DATA: &str = "routing.jsonl";
/// Where all that is drawn at random begins.
const SEED: u64 = 20_231_124;

/// Which rows the head that reads the question is for, in the order of its figures.
const DOMAINS: [&str; 2] = ["mmlu", "gsm8k"];

/// Trains the heads on the rows of the folder `data`.
///
/// # Errors
/// When the data cannot be read or the encoder fails.
pub fn train(encoder: &dyn Encoder, data: &Path) -> anyhow::Result<Trained> {
    let file = data.join(DATA);
    let examples = rows::read(encoder, &file)?;
    let known: Vec<&Example> = examples.iter().filter(|example| part(&example.row.prompt) != Part::Test).collect();
    let answered: Vec<&Example> = known.iter().copied().filter(|example| example.can_be_checked()).collect();
    let embeddings: Vec<&[f32]> = known.iter().map(|example| &example.embedding[..]).collect();
    let projection = directions::directions(&embeddings, SEED)?;

    let before = Reading::Question(&projection);
    let after = Reading::Answer;
    let (before_growth, before_found) = choose(before, &known, &[8, 12, 20])?;
    let (after_growth, after_found) = choose(after, &answered, &[4, 8])?;
    let domains =
        DOMAINS.map(|domain| known.iter().copied().filter(|row| row.row.source == domain).collect::<Vec<_>>());
    let crossed = [
        crossing::across(before, &domains[0], &domains[1], before_growth)?,
        crossing::across(before, &domains[1], &domains[0], before_growth)?,
    ];

    let (neighbours, forest) = crossing::fit(before, &known, before_growth, SEED)?;
    let (_, after_forest) = crossing::fit(after, &answered, after_growth, SEED)?;
    let mut head = json!({
        "before": entry(BEFORE, &forest, before_found.calibration),
        "after": entry(AFTER, &after_forest, after_found.calibration),
        "neighbours": neighbours,
    });
    let settings = json!({
        "seed": SEED,
        "before": settings_of(before_growth), "after": settings_of(after_growth),
        "chosen_by": "5-fold cross-validation on the training and validation rows; fitted on all of these",
    });
    let (figures, _) = figures::judge(&head, &held_out(&examples), &json!({}))?;
    let count_of = |wanted: Part| examples.iter().filter(|example| part(&example.row.prompt) == wanted).count();
    let sizes = [count_of(Part::Train), count_of(Part::Validation), count_of(Part::Test)];
    let sources = count(examples.iter().map(|example| example.row.source.as_str()));
    head["provenance"] = provenance(&file, sources, sizes, &settings, &figures)?;
    head["provenance"]["seed"] = json!(SEED);
    head["provenance"]["cross_validation"] = json!({
        "before": before_found.report(),
        "after": after_found.report(),
        "mmlu_to_gsm8k": figure(crossed[0]),
        "gsm8k_to_mmlu": figure(crossed[1]),
    });
    let (_, section) = figures::judge(&head, &held_out(&examples), &head["provenance"]["cross_validation"])?;
    Ok(Trained { file: HEAD, head, section })
}

/// Figures of the heads on the held-out rows, beside the baselines.
///
/// # Errors
/// When the data cannot be read, the encoder fails or the head is malformed.
pub fn evaluate(encoder: &dyn Encoder, data: &Path, head: &Value) -> anyhow::Result<Measured> {
    let examples = rows::read_held_out(encoder, &data.join(DATA))?;
    let crossed = &head["provenance"]["cross_validation"];
    let (mut figures, section) = figures::judge(head, &examples.iter().collect::<Vec<_>>(), crossed)?;
    figures["cross_validation"] = crossed.clone();
    Ok(Measured { figures, section })
}

fn held_out(examples: &[Example]) -> Vec<&Example> {
    examples.iter().filter(|example| part(&example.row.prompt) == Part::Test).collect()
}

/// The growth that recovers most of the gap on rows that were left out, and what it gives.
fn choose(reading: Reading<'_>, rows: &[&Example], leaves: &[usize]) -> anyhow::Result<(Growth, crossing::Found)> {
    let folds = Folds::of(reading, rows, SEED)?;
    let mut best: Option<(f32, Growth)> = None;
    for &leaf in leaves {
        for tried in [0.15, 0.3] {
            let growth = Growth { trees: 100, leaf, tried };
            let found = folds.cross_validate(rows, growth, SEED)?.weighted(rows);
            if best.is_none_or(|(most, _)| found > most) {
                best = Some((found, growth));
            }
        }
    }
    let (_, growth) = best.ok_or_else(|| anyhow::anyhow!("there is nothing to choose from"))?;
    let growth = Growth { trees: 200, ..growth };
    Ok((growth, cross_validate_often(reading, rows, growth, SEED)?))
}

fn entry(features: FeatureSpec, forest: &Value, (slope, offset): (f32, f32)) -> Value {
    json!({
        "features": {"name": features.name, "dimension": features.dimension},
        "calibration": {"slope": head_file::number(slope), "offset": head_file::number(offset)},
        "forest": forest,
    })
}

fn settings_of(growth: Growth) -> Value {
    json!({"trees": growth.trees, "leaf": growth.leaf, "tried": figure(growth.tried)})
}

fn heads(head: &Value) -> anyhow::Result<GainHeads> {
    Ok(GainHeads::from_json(&serde_json::to_vec(head)?)?)
}
