//! Trains, measures and pins the heads.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::{Parser, Subcommand};
use farthing_learning::embeddings::KeptEncoder;
use farthing_learning::peers::Peer;
use farthing_learning::report::Trained;
use farthing_learning::screen::{self, INJECTION, TOXICITY, Task};
use farthing_learning::{answerability, complexity, head_file, peers, pin, quality, quality_rows};
use farthing_models::encoder::{Encoder, MiniLm};
use farthing_models::knowledge::answerability::Head;
use serde_json::Value;

/// Trains and measures the heads on the labelled rows of this crate's `data` folder.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The repository's folder.
    #[arg(long, global = true, default_value = ".")]
    repository: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Trains every head, measures it on the held-out rows, and writes the files and the figures.
    Train {
        #[command(flatten)]
        weights: Weights,
        /// Trains this head only, of complexity, injection, toxicity, quality and answerability; measures the others.
        #[arg(long, value_parser = HEADS)]
        only: Vec<String>,
    },
    /// Measures the heads as they are, and prints the figures.
    Eval(Weights),
    /// Writes the lengths and hashes of the heads' files into `infra/models.toml`.
    Pin,
    /// Prints how the stored answers of a knowledge base fare on their own questions.
    Knowledge {
        /// Its folder.
        folder: PathBuf,
        #[command(flatten)]
        weights: Weights,
    },
    /// Prints the held-out rows of a screening task, for measuring a peer.
    HeldOut {
        /// `injection` or `toxicity`.
        task: String,
    },
}

#[derive(clap::Args)]
struct Weights {
    /// A folder with the encoder's `model.onnx` and `tokenizer.json`, itself or in folders below it,
    /// as `farthing models pull` leaves them.
    #[arg(long, default_value = ".farthing/models")]
    weights: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let Arguments { command, repository } = Arguments::parse();
    match command {
        Command::Train { weights, only } => train(&repository, &weights.weights, &only),
        Command::Eval(weights) => eval(&repository, &weights.weights),
        Command::Pin => pin(&repository),
        Command::Knowledge { folder, weights } => knowledge(&repository, &weights.weights, &folder),
        Command::HeldOut { task } => held_out(&repository, &task),
    }
}

/// The heads in the order in which they are trained: quality reads toxicity.
const HEADS: [&str; 5] = ["complexity", "injection", "toxicity", "quality", "answerability"];

fn train(repository: &Path, weights: &Path, only: &[String]) -> anyhow::Result<()> {
    let bench = Bench::open(repository, weights)?;
    let mut sections = Vec::new();
    for name in HEADS {
        let section = if only.is_empty() || only.iter().any(|chosen| chosen == name) {
            let trained = bench.train(name)?;
            head_file::write(&heads_folder(repository).join(trained.file), &trained.head)?;
            trained.section
        } else {
            bench.evaluate(name)?
        };
        say(&section)?;
        sections.push(section);
        bench.kept.keep()?;
    }
    let figures = format!(
        "# Figures of the learned heads\n\nWritten by `cargo run --release -p farthing-learning -- train`; every figure \
         is one on rows that were held out from fitting and calibrating. Where such rows were seen while the head was \
         designed, its section says so.\n\n{}",
        sections.join("\n")
    );
    std::fs::write(repository.join("shared/learning/FIGURES.md"), figures)?;
    pin(repository)
}

fn pin(repository: &Path) -> anyhow::Result<()> {
    let pinned = pin::pin(&repository.join("infra/models.toml"))?;
    say(&format!("{pinned} artifacts are pinned in infra/models.toml"))
}

fn eval(repository: &Path, weights: &Path) -> anyhow::Result<()> {
    let bench = Bench::open(repository, weights)?;
    for name in HEADS {
        say(&bench.evaluate(name)?)?;
    }
    bench.kept.keep()
}

/// What training and measuring need.
struct Bench {
    repository: PathBuf,
    data: PathBuf,
    kept: Arc<KeptEncoder<MiniLm>>,
    peers: Vec<Peer>,
}

impl Bench {
    fn open(repository: &Path, weights: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            repository: repository.to_owned(),
            data: repository.join("shared/learning/data"),
            kept: Arc::new(encoder(repository, weights)?),
            peers: peers::read(&repository.join("shared/learning/peers.json"))?,
        })
    }

    fn train(&self, name: &str) -> anyhow::Result<Trained> {
        match name {
            "complexity" => complexity::train(&*self.kept, &self.data),
            "injection" => screen::train(INJECTION, &*self.kept, &self.data, &self.peers),
            "toxicity" => screen::train(TOXICITY, &*self.kept, &self.data, &self.peers),
            "answerability" => answerability::train(&*self.kept, &self.repository),
            _ => quality::train(self.kept.clone(), &head_bytes(&self.repository, TOXICITY.head)?, &self.data),
        }
    }

    fn evaluate(&self, name: &str) -> anyhow::Result<String> {
        let head = |file: &str| head(&self.repository, file);
        let screen = |task: Task| screen::evaluate(task, &*self.kept, &self.data, &head(task.head)?, &self.peers);
        match name {
            "complexity" => complexity::evaluate(&*self.kept, &self.data, &head(complexity::HEAD)?),
            "injection" => screen(INJECTION),
            "toxicity" => screen(TOXICITY),
            "answerability" => {
                let head = Head::from_json(&head_bytes(&self.repository, answerability::HEAD)?)?;
                answerability::evaluate(&*self.kept, &self.repository, &head)
            }
            _ => {
                let toxicity = head_bytes(&self.repository, TOXICITY.head)?;
                quality::evaluate(self.kept.clone(), &toxicity, &self.data, &head(quality::HEAD)?)
            }
        }
    }
}

/// Prints how the stored answers of a knowledge base fare on their own questions.
fn knowledge(repository: &Path, weights: &Path, folder: &Path) -> anyhow::Result<()> {
    let kept = Arc::new(encoder(repository, weights)?);
    let encoder: Arc<dyn Encoder> = kept.clone();
    let (toxicity, head) = (head_bytes(repository, TOXICITY.head)?, head(repository, quality::HEAD)?);
    for (name, unseen) in [("its own questions", false), ("other ways of asking, unseen", true)] {
        let cases = quality_rows::of_knowledge(&*encoder, folder, unseen)?;
        let qualities = quality::judge_all(&encoder, &toxicity, &head, &cases)?;
        for right in [true, false] {
            let scores: Vec<f32> = (cases.iter().zip(&qualities))
                .filter(|(case, _)| case.acceptable == right)
                .map(|(_, quality)| quality.score)
                .collect();
            let above = |least: f32| scores.iter().filter(|&&score| score > least).count();
            let entry = if right { "the right" } else { "another" };
            let (all, delivered, rephrased) = (scores.len(), above(0.8), above(0.6));
            say(&format!("{name}: {all} answers from {entry} entry, {delivered} above 0.8, {rephrased} above 0.6"))?;
        }
    }
    kept.keep()?;
    let (first, again) = quality::latency(Arc::new(load(weights)?), &toxicity, &head, &*encoder, folder)?;
    say(&format!("examining a stored answer takes {first:.1} ms in the median, {again:.1} ms when it was met before"))
}

fn held_out(repository: &Path, task: &str) -> anyhow::Result<()> {
    let task = match task {
        "injection" => INJECTION,
        "toxicity" => TOXICITY,
        _ => anyhow::bail!("`{task}` is no task: expected `injection` or `toxicity`"),
    };
    let rows = screen::held_out(task, &repository.join("shared/learning/data"))?;
    for row in &rows {
        say(&serde_json::to_string(row)?)?;
    }
    Ok(writeln!(std::io::stderr(), "rows_sha256 {}", peers::digest(rows.iter()))?)
}

fn encoder(repository: &Path, weights: &Path) -> anyhow::Result<KeptEncoder<MiniLm>> {
    let model = weights_file(weights, "model.onnx")?;
    let bytes = std::fs::read(&model).with_context(|| format!("`{}` cannot be read", model.display()))?;
    KeptEncoder::open(load(weights)?, &bytes, &repository.join("target/.farthing"))
}

fn load(weights: &Path) -> anyhow::Result<MiniLm> {
    Ok(MiniLm::load(&weights_file(weights, "model.onnx")?, &weights_file(weights, "tokenizer.json")?)?)
}

/// The one file `name` in `folder` or in a folder below it.
fn weights_file(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let below = std::fs::read_dir(folder).with_context(|| format!("`{}` cannot be read", folder.display()))?;
    let places = below.filter_map(Result::ok).map(|entry| entry.path().join(name)).chain([folder.join(name)]);
    let found: Vec<PathBuf> = places.filter(|path| path.is_file()).collect();
    match found.as_slice() {
        [file] => Ok(file.clone()),
        [] => anyhow::bail!("`{}` has no {name}: run `farthing models pull` first", folder.display()),
        _ => anyhow::bail!("`{}` has several {name}: name the folder of one with --weights", folder.display()),
    }
}

fn heads_folder(repository: &Path) -> PathBuf {
    repository.join("infra/models")
}

fn head(repository: &Path, file: &str) -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&head_bytes(repository, file)?)?)
}

fn head_bytes(repository: &Path, file: &str) -> anyhow::Result<Vec<u8>> {
    let path = heads_folder(repository).join(file);
    std::fs::read(&path).with_context(|| format!("`{}` cannot be read", path.display()))
}

fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}
