//! Trains the screening heads: prompt injection and toxicity.

mod judge;
mod tasks;

use std::path::Path;

use anyhow::Context;
use farthing_models::analyst::{CloseReading, parts};
use farthing_models::encoder::Encoder;
use farthing_models::features::{EMBEDDING, HASHED, SCREEN, screen};
use farthing_models::heads::{LogisticHead, sigmoid};
use farthing_models::toxicity::{ToxicityHead, ToxicityReader};
use serde_json::{Value, json};

use crate::calibrate;
use crate::data::{Part, ScreenRow};
use crate::fit::{Linear, Row, Settings, logistic};
use crate::head_file;
use crate::measure::auc;
use crate::peers::Peer;
use crate::report::{Measured, Trained, count, provenance};
use judge::{Read, judge, shipped_threshold};
pub use tasks::{INJECTION, TOXICITY, Task};
use tasks::{Placed, is_ordinary, rows, weight};

/// The file of the network that the toxicity head reads, below the folder of heads.
const COMMENTS: &str = "toxicity-head/comments.safetensors";

/// How much the vector and the words speak for their length, against the other features.
const SCALE: f32 = 2.0;

/// How much a harmless sentence out of a longer text counts.
const PART_WEIGHT: f32 = 0.5;

/// Reads the toxicity head of the folder `heads`.
///
/// # Errors
/// When a file cannot be read or is malformed.
pub fn toxicity_head(heads: &Path) -> anyhow::Result<ToxicityHead> {
    let file = heads.join(TOXICITY.head);
    let head = std::fs::read(&file).with_context(|| format!("`{}` cannot be read", file.display()))?;
    Ok(ToxicityHead::from_json(&head, toxicity_reader(heads)?)?)
}

fn toxicity_reader(heads: &Path) -> anyhow::Result<ToxicityReader> {
    let file = heads.join(COMMENTS);
    let comments = std::fs::read(&file).with_context(|| format!("`{}` cannot be read", file.display()))?;
    Ok(ToxicityReader::from_bytes(&comments)?)
}

/// Trains the head of `task` on the rows of the repository.
///
/// # Errors
/// When the data cannot be read or the encoder fails.
pub fn train(task: Task, encoder: &dyn Encoder, repository: &Path, peers: &[Peer]) -> anyhow::Result<Trained> {
    let bench = Bench::open(task, encoder, repository)?;
    let teaching = bench.teaching(|_| true)?;
    let (fitted, settings) = bench.choose(&teaching)?;
    let labelled: Vec<&Placed> = bench.of(Part::Validation).filter(|placed| !is_ordinary(&placed.row)).collect();
    let raw = labelled.iter().map(|placed| bench.raw(&fitted, &placed.row.text)).collect::<anyhow::Result<Vec<_>>>()?;
    let calibration = calibrate::platt(&raw, &labels(&labelled), &vec![1.0; raw.len()]);
    let mut head = head_file::logistic(task.features, &fitted, calibration);
    let others = bench.without_a_source(&settings)?;
    let (figures, section) = bench.judge(&head, &others, peers)?;
    let sizes = [Part::Train, Part::Validation, Part::Test].map(|part| bench.of(part).count());
    let settings = json!({"penalty": settings.penalty});
    let sources = count(bench.rows.iter().map(|placed| placed.row.source.as_str()));
    head["provenance"] = provenance(&bench.data.join(task.data), sources, sizes, &settings, &figures)?;
    head["provenance"]["harmless_rows"] =
        json!("shared/learning/data: intents.jsonl, complexity.jsonl, every fourth of routing.jsonl, faqs");
    if task.head == TOXICITY.head {
        head["provenance"]["network"] =
            json!("toxic-comment-classifier 0.3.0, MIT, trained by its author on comments of Wikipedia's talk pages");
    }
    Ok(Trained { file: task.head, head, section })
}

/// Figures of a head on the held-out rows, beside the baselines. What heads without one source gave is as it was found
/// in training.
///
/// # Errors
/// When the data cannot be read, the encoder fails or the head is malformed.
pub fn evaluate(
    task: Task,
    encoder: &dyn Encoder,
    repository: &Path,
    head: &Value,
    peers: &[Peer],
) -> anyhow::Result<Measured> {
    let bench = Bench::open(task, encoder, repository)?;
    let found = head["provenance"]["figures_on_test"]["trained_without_the_source_auc"].as_object();
    let others: Vec<(String, f32)> = (found.into_iter().flatten())
        .filter_map(|(source, auc)| Some((source.clone(), auc.as_f64()? as f32)))
        .collect();
    let (figures, section) = bench.judge(head, &others, peers)?;
    Ok(Measured { figures, section })
}

/// The held-out rows of `task`, for a peer to be measured on.
///
/// # Errors
/// When the data cannot be read.
pub fn held_out(task: Task, data: &Path) -> anyhow::Result<Vec<ScreenRow>> {
    let held_out = |placed: &Placed| placed.part == Part::Test && !is_ordinary(&placed.row);
    Ok(rows(task, data)?.into_iter().filter(held_out).map(|placed| placed.row).collect())
}

/// What training and measuring one head needs.
struct Bench<'a> {
    task: Task,
    encoder: &'a dyn Encoder,
    reader: ToxicityReader,
    repository: &'a Path,
    data: std::path::PathBuf,
    rows: Vec<Placed>,
}

/// A row of features, and where it comes from.
struct Lesson {
    row: Row,
    label: u8,
    weight: f32,
    source: String,
}

impl<'a> Bench<'a> {
    fn open(task: Task, encoder: &'a dyn Encoder, repository: &'a Path) -> anyhow::Result<Self> {
        let data = repository.join("shared/learning/data");
        let reader = toxicity_reader(&repository.join("infra/models"))?;
        Ok(Self { task, encoder, reader, repository, rows: rows(task, &data)?, data })
    }

    fn of(&self, part: Part) -> impl Iterator<Item = &Placed> {
        self.rows.iter().filter(move |placed| placed.part == part)
    }

    fn features(&self, text: &str) -> anyhow::Result<Vec<f32>> {
        let embedding = self.encoder.embed(text)?;
        Ok(if self.task.features == SCREEN { screen(&embedding, text) } else { self.reader.features(&embedding, text) })
    }

    fn raw(&self, fitted: &Linear, text: &str) -> anyhow::Result<f32> {
        Ok(fitted.scores(&self.features(text)?)[0])
    }

    /// What the head is fitted to: the training rows, and the sentences of the harmless ones.
    fn teaching(&self, wanted: impl Fn(&ScreenRow) -> bool) -> anyhow::Result<Vec<Lesson>> {
        let mut lessons = Vec::new();
        for Placed { row, .. } in self.of(Part::Train).filter(|placed| wanted(&placed.row)) {
            let mut add = |text: &str, weight: f32| -> anyhow::Result<()> {
                let features = Row::new(&self.features(text)?, row.label.into());
                lessons.push(Lesson { row: features, label: row.label, weight, source: row.source.clone() });
                Ok(())
            };
            add(&row.text, weight(row))?;
            if row.label == 0 && (is_ordinary(row) || row.source == "farthing") {
                parts(&row.text).iter().try_for_each(|part| add(part, PART_WEIGHT))?;
            }
        }
        Ok(lessons)
    }

    /// The fit whose settings rank the validation rows best.
    fn choose(&self, lessons: &[Lesson]) -> anyhow::Result<(Linear, Settings)> {
        let validation: Vec<&Placed> = self.of(Part::Validation).collect();
        let actual = labels(&validation);
        let mut best: Option<(f32, Linear, Settings)> = None;
        for penalty in [2e-5, 5e-5, 1e-4, 2e-4] {
            let settings = settings(self.task, penalty);
            let fitted = self.fit(lessons, &settings);
            let scores = validation.iter().map(|placed| self.raw(&fitted, &placed.row.text));
            let found = auc(&scores.collect::<anyhow::Result<Vec<_>>>()?, &actual);
            if best.as_ref().is_none_or(|(best, ..)| found > *best) {
                best = Some((found, fitted, settings));
            }
        }
        best.map(|(_, fitted, settings)| (fitted, settings)).context("there is nothing to choose from")
    }

    fn fit(&self, lessons: &[Lesson], settings: &Settings) -> Linear {
        let sum =
            |label: u8| lessons.iter().filter(|lesson| lesson.label == label).map(|lesson| lesson.weight).sum::<f32>();
        let sums = [sum(0), sum(1)];
        let weighed = |lesson: &Lesson| {
            lesson.row.clone().weighing(lesson.weight * (sums[0] + sums[1]) / (2.0 * sums[usize::from(lesson.label)]))
        };
        logistic(&lessons.iter().map(weighed).collect::<Vec<_>>(), self.task.features.dimension, settings)
    }

    /// For each labelled source, the area under the curve on its held-out rows of a head that was
    /// fitted without the source.
    fn without_a_source(&self, settings: &Settings) -> anyhow::Result<Vec<(String, f32)>> {
        let lessons = self.teaching(|_| true)?;
        let labelled: Vec<&Placed> = self.of(Part::Test).filter(|placed| !is_ordinary(&placed.row)).collect();
        let mut found = Vec::new();
        for source in count(labelled.iter().map(|placed| placed.row.source.as_str())).into_keys() {
            let others: Vec<Lesson> = (lessons.iter().filter(|lesson| lesson.source != source))
                .map(|lesson| Lesson { row: lesson.row.clone(), source: lesson.source.clone(), ..*lesson })
                .collect();
            let fitted = self.fit(&others, settings);
            let rows: Vec<&Placed> = labelled.iter().copied().filter(|placed| placed.row.source == source).collect();
            let scores = rows.iter().map(|placed| self.raw(&fitted, &placed.row.text));
            found.push((source.to_owned(), auc(&scores.collect::<anyhow::Result<Vec<_>>>()?, &labels(&rows))));
        }
        Ok(found)
    }

    fn judge(&self, head: &Value, others: &[(String, f32)], peers: &[Peer]) -> anyhow::Result<(Value, String)> {
        let json = serde_json::to_vec(head)?;
        let threshold = shipped_threshold(&self.repository.join("infra/policy.toml"), self.task)?;
        let read = |part: Part| -> anyhow::Result<Vec<Read<'_>>> {
            if self.task.head == TOXICITY.head {
                let head = ToxicityHead::from_json(&json, self.reader.clone())?;
                self.read(part, |reading| Ok(reading.log_odds(&head)?))
            } else {
                let head = LogisticHead::from_json(&json, self.task.features)?;
                self.read(part, |reading| Ok(reading.log_odds(&head)?))
            }
        };
        Ok(judge(self.task, threshold, &read(Part::Validation)?, &read(Part::Test)?, others, peers))
    }

    /// The rows of a part, each with the probability that a request with this text would get.
    fn read(
        &self,
        part: Part,
        log_odds: impl Fn(&mut CloseReading<'_>) -> anyhow::Result<f32>,
    ) -> anyhow::Result<Vec<Read<'_>>> {
        let read = |placed: &'_ Placed| -> anyhow::Result<(f32, f32)> {
            let text = &placed.row.text;
            let embedding = self.encoder.embed(text)?;
            let found = log_odds(&mut CloseReading::of(self.encoder, &embedding, text))?;
            let network = if self.task.head == TOXICITY.head {
                self.reader.features(&embedding, text)[EMBEDDING + HASHED]
            } else {
                f32::NAN
            };
            Ok((sigmoid(found), network))
        };
        self.of(part)
            .map(|placed| {
                let (probability, network) = read(placed)?;
                Ok(Read { row: &placed.row, probability, network })
            })
            .collect()
    }
}

fn settings(task: Task, penalty: f32) -> Settings {
    let scales = vec![(0..EMBEDDING + HASHED, SCALE), (EMBEDDING + HASHED..task.features.dimension, 1.0)];
    Settings { penalty, scales, rising: false }
}

fn labels(rows: &[&Placed]) -> Vec<bool> {
    rows.iter().map(|placed| placed.row.label == 1).collect()
}
