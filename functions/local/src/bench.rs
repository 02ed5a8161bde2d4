//! Rehearsals with recorded answers, to see what a policy costs.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use farthing_bootstrap::clock::SystemClock;
use farthing_bootstrap::config::Config;
use farthing_bootstrap::files::OwnerFiles;
use farthing_bootstrap::wiring;
use farthing_evaluation::Door;
use farthing_evaluation::replay::{Books, Replay, Traffic, models_of};

use crate::output;

#[derive(Subcommand)]
pub(crate) enum BenchCommand {
    /// Play a file of traffic at every stage of the rollout, at the prices of models.toml.
    ///
    /// Local answers, scores, plans, prompts and the ledger are the real ones, on a database in memory;
    /// paid models answer what the file has of them, and nothing is sent.
    ///
    /// Example: farthing bench replay
    Replay(ReplayArgs),
}

#[derive(Args)]
pub(crate) struct ReplayArgs {
    /// The traffic: JSON Lines of part, query, answers and, if need be, weight.
    #[arg(long, value_name = "FILE", default_value = "tests/data/traffic.jsonl")]
    file: PathBuf,
    /// The agent that is asked.
    #[arg(long)]
    agent: Option<String>,
}

pub(crate) async fn run(config: &Config, command: &BenchCommand, json: bool) -> anyhow::Result<ExitCode> {
    let BenchCommand::Replay(args) = command;
    let files = OwnerFiles::of(config)?;
    let agent = args.agent.as_deref().unwrap_or(config.agent.as_str());
    let brand = files.agents.values().find(|brand| brand.id.as_str() == agent);
    let brand = brand.with_context(|| format!("there is no agent `{agent}`"))?.clone();
    let traffic = Traffic::read(&args.file, &models_of(&files.policy))?;
    let codecs = wiring::providers_without_keys(config)?;
    let (files, tier) = wiring::local_tier(config, None, output::progress()).await?;
    let mut books = Vec::new();
    for _ in 0..Replay::RUNS {
        books.push(fresh_books(&files).await?);
    }
    let door = Door { tier, policy: files.policy, registry: files.registry, brand, clock: Arc::new(SystemClock) };
    let outlook = Replay { door, traffic, codecs }.outlook(books).await?;
    if json {
        output::line(outlook.to_json());
    } else {
        output::line(outlook);
    }
    Ok(ExitCode::SUCCESS)
}

async fn fresh_books(files: &OwnerFiles) -> anyhow::Result<Books> {
    let stores = wiring::stores_in_memory(files).await?;
    Ok(Books { ledger: stores.ledger, cache: stores.cache, outcomes: stores.outcomes })
}
