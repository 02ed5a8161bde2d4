//! Months of traffic in minutes, to see what learning gives.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use async_trait::async_trait;
use clap::{Args, Subcommand};
use farthing_bootstrap::config::Config;
use farthing_bootstrap::files::{OwnerFiles, agent_of};
use farthing_bootstrap::wiring::{self, Findings, Rehearsal};
use farthing_domain::ids::AgentId;
use farthing_domain::policy::Policy;
use farthing_domain::ports::{Clock, LearnedKnowledge, PolicyVersions};
use farthing_domain::registry::Registry;
use farthing_domain::weekly::WeeklyReport;
use farthing_evaluation::replay::{Books, models_of};
use farthing_evaluation::weeks::{Bank, Events, Plan, Premises, Setting, Simulation, Sources};
use farthing_gateway::LocalTier;
use farthing_models::knowledge::source::Entry;
use tokio::sync::Mutex;

use crate::output;

mod page;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[derive(Subcommand)]
pub(crate) enum SimulateCommand {
    /// Play months of a bank's traffic week by week, each followed by the weekly run, once learning and once at every stage.
    ///
    /// Local models, scores, plans, prompts, ledger, outcomes and the weekly run are the real ones, on a database in memory;
    /// paid models are played, by one who knows which of their answers are right, and nothing is sent.
    ///
    /// Example: farthing simulate weeks --html weeks.html
    Weeks(WeeksArgs),
}

#[derive(Args)]
pub(crate) struct WeeksArgs {
    /// How many weeks, 1 to 104.
    #[arg(long, default_value_t = 16, value_name = "NUMBER")]
    weeks: usize,
    /// How many requests each has, 20 to 20000.
    #[arg(long, default_value_t = 1_500, value_name = "NUMBER")]
    requests: usize,
    /// What chance is drawn from: the same gives the same figures.
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u64,
    /// Write a page with plots, too.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// The folder with agent.toml and what is right to answer.
    #[arg(long, default_value = "tests/data/bank", value_name = "FOLDER")]
    bank: PathBuf,
    /// Public questions: JSON Lines of text, intent and source.
    #[arg(long, default_value = "shared/learning/data/intents.jsonl", value_name = "FILE")]
    intents: PathBuf,
    /// The traffic that has the texts of recorded answers.
    #[arg(long, default_value = "tests/data/traffic.jsonl", value_name = "FILE")]
    traffic: PathBuf,
}

pub(crate) async fn run(config: &Config, command: &SimulateCommand, json: bool) -> anyhow::Result<ExitCode> {
    let SimulateCommand::Weeks(args) = command;
    let plan = Plan { weeks: args.weeks, requests: args.requests, seed: args.seed };
    plan.validate().context("simulate weeks")?;
    let began = Instant::now();
    let files = OwnerFiles::of(config)?;
    let brand = agent_of(&args.bank.join("agent.toml"))?;
    let sources = Sources { bank: args.bank.clone(), intents: args.intents.clone(), traffic: args.traffic.clone() };
    let simulation = Simulation {
        plan,
        events: Events::default(),
        bank: Bank::read(&sources, &models_of(&files.policy))?,
        policy: files.policy,
        registry: files.registry,
        codecs: wiring::providers_without_keys(config)?,
        setting: Arc::new(Laptop {
            config: config.clone(),
            agent: brand.id.clone(),
            loaded: Mutex::default(),
            findings: Arc::default(),
        }),
        brand,
    };
    let told = |what: &str| {
        if !json {
            output::note(format!("{:>4} s: {what}", began.elapsed().as_secs()));
        }
    };
    let weeks = simulation.run(told).await?;
    if let Some(file) = &args.html {
        std::fs::write(file, page::of(&weeks)).with_context(|| format!("--html: {}", file.display()))?;
    }
    if json {
        output::line(weeks.to_json());
    } else {
        output::line(&weeks);
        output::line(format!("\nIt took {} s.", began.elapsed().as_secs()));
    }
    Ok(ExitCode::SUCCESS)
}

/// What a simulation has of outside on this machine.
struct Laptop {
    config: Config,
    agent: AgentId,
    /// The local models that were loaded last, with what they know.
    loaded: Mutex<Option<(Vec<Entry>, LocalTier)>>,
    /// What the models found, whatever the agent knows.
    findings: Arc<Findings>,
}

#[async_trait]
impl Setting for Laptop {
    async fn knowing(&self, entries: Vec<Entry>) -> Result<LocalTier, BoxError> {
        let mut loaded = self.loaded.lock().await;
        if let Some((_, tier)) = loaded.as_ref().filter(|(known, _)| *known == entries) {
            return Ok(tier.clone());
        }
        let knowledge = (self.agent.clone(), entries.clone());
        let findings = Arc::clone(&self.findings);
        let tier = wiring::remembering_tier(&self.config, knowledge, findings, output::progress()).await?;
        *loaded = Some((entries, tier.clone()));
        Ok(tier)
    }

    async fn premises(&self, clock: Arc<dyn Clock>) -> Result<Box<dyn Premises>, BoxError> {
        Ok(Box::new(Room(Rehearsal::new(clock).await?)))
    }
}

/// What one run has of its own.
struct Room(Rehearsal);

#[async_trait]
impl Premises for Room {
    async fn books(&self, policy: &Policy, registry: &Registry) -> Result<Books, BoxError> {
        let files = OwnerFiles { registry: registry.clone(), policy: policy.clone(), agents: BTreeMap::new() };
        let stores = self.0.stores(&files).await;
        Ok(Books { ledger: stores.ledger, cache: stores.cache, outcomes: stores.outcomes })
    }

    fn versions(&self) -> Arc<dyn PolicyVersions> {
        self.0.versions()
    }

    fn learned(&self) -> Arc<dyn LearnedKnowledge> {
        self.0.learned()
    }

    async fn weekly(&self, policy: &Policy) -> Result<WeeklyReport, BoxError> {
        let optimize = self.0.optimize(policy);
        farthing_optimize::handle(&optimize).await?;
        let week = optimize.clock.now().week().previous();
        let (report, _) = optimize.archive.report(week).await?.ok_or("the weekly run left no report")?;
        Ok(report)
    }
}
