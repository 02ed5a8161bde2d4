//! Trains, measures and pins the heads.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Parser, Subcommand};
use farthing_learning::bench::{Bench, HEADS, encoder, head, heads_folder, load};
use farthing_learning::screen::{self, INJECTION, TOXICITY};
use farthing_learning::{figures, head_file, peers, pin, quality, quality_rows};
use farthing_models::encoder::Encoder;

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
    /// Trains every head, measures it on the held-out rows, and writes and pins the files.
    Train {
        #[command(flatten)]
        weights: Weights,
        /// Trains this head only, of complexity, injection, toxicity, quality, answerability and gain; and no other.
        #[arg(long, value_parser = HEADS)]
        only: Vec<String>,
    },
    /// Measures the heads as they are, and writes the figures: `FIGURES.md`, `figures.json` and README's table.
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
    /// The folder of weights as `farthing models pull` leaves it, or one with the encoder's `model.onnx` and
    /// `tokenizer.json`.
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

fn train(repository: &Path, weights: &Path, only: &[String]) -> anyhow::Result<()> {
    let bench = Bench::open(repository, weights)?;
    for name in HEADS.into_iter().filter(|name| only.is_empty() || only.iter().any(|chosen| chosen == name)) {
        let trained = bench.train(name)?;
        head_file::write(&heads_folder(repository).join(trained.file), &trained.head)?;
        say(&trained.section)?;
        bench.keep()?;
    }
    pin(repository)
}

fn pin(repository: &Path) -> anyhow::Result<()> {
    let pinned = pin::pin(&repository.join("infra/models.toml"))?;
    say(&format!("{pinned} artifacts are pinned in infra/models.toml"))
}

fn eval(repository: &Path, weights: &Path) -> anyhow::Result<()> {
    let bench = Bench::open(repository, weights)?;
    let mut measured = Vec::new();
    for name in HEADS {
        let found = bench.evaluate(name)?;
        say(&found.section)?;
        measured.push((name, found));
        bench.keep()?;
    }
    figures::write(repository, &measured)
}

/// Prints how the stored answers of a knowledge base fare on their own questions.
fn knowledge(repository: &Path, weights: &Path, folder: &Path) -> anyhow::Result<()> {
    let kept = Arc::new(encoder(repository, weights)?);
    let encoder: Arc<dyn Encoder> = kept.clone();
    let (toxicity, head) = (screen::toxicity_head(&heads_folder(repository))?, head(repository, quality::HEAD)?);
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
    let (first, again) = quality::latency(Arc::new(load(repository, weights)?), &toxicity, &head, &*encoder, folder)?;
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

fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}
