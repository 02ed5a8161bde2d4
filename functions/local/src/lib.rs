//! Farthing on a laptop: the local gateway and the command-line tool. Both call the very handlers
//! that Lambda calls.

mod ask;
mod bench;
mod budget;
mod eval;
mod gateway;
mod keys;
mod knowledge;
mod models;
mod output;
mod policy;
mod reconcile;
mod report;
mod serve;
mod simulate;
mod status;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use farthing_bootstrap::config::{Config, Place};
use farthing_bootstrap::telemetry;

/// Answers customers' questions: the simple ones from your own knowledge at no cost, the rest with
/// DeepSeek, Claude or GPT-4o, each answer checked, never past the budget.
///
/// Without a command it sets itself up and serves the API on this machine. Paid models are used
/// when ANTHROPIC_API_KEY, DEEPSEEK_API_KEY or OPENAI_API_KEY is set.
#[derive(Parser)]
#[command(name = "farthing", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Args)]
struct Common {
    /// Fetch nothing; say what is missing instead.
    #[arg(long, global = true)]
    offline: bool,
    /// Have the language model of models.toml rephrase middling answers, though it is not enabled there.
    #[arg(long, global = true)]
    generator: bool,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    /// The folder with models.toml, policy.toml and agents/ [default: infra, or FARTHING_INFRA]
    #[arg(long, global = true, value_name = "FOLDER")]
    infra: Option<PathBuf>,
    /// The folder for weights, indexes and the database [default: .farthing, or FARTHING_DATA]
    #[arg(long, global = true, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

#[derive(Args)]
struct ServeArgs {
    /// The address to listen on. On one that others can reach, callers need keys.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Let in only callers with a key that `farthing keys create` made.
    #[arg(long)]
    keys: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API on this machine (also what happens without a command).
    Serve(ServeArgs),
    /// Ask one question and print the answer with its receipt.
    ///
    /// Example: farthing ask "What is your pricing?"
    Ask(ask::AskArgs),
    /// Measure the models that serve requests on a labelled CSV file, beside trivial baselines.
    ///
    /// It runs the code that serves requests, opens no database and pays for nothing.
    ///
    /// Example: farthing eval complexity --file rows.csv --json
    Eval(eval::EvalArgs),
    /// Rehearse: see what a policy costs, and who answers, before it does.
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Simulate: see in minutes how months of traffic go, and what learning gives.
    #[command(subcommand)]
    Simulate(simulate::SimulateCommand),
    /// Print how models, routing, costs and budget stand.
    Status,
    /// Print the report of the week that has ended, or of another one; it is made if that has not been done.
    ///
    /// The gateway makes it by itself while it runs. Nothing is paid for; the policy takes a step if the week speaks for one
    /// (see `farthing policy`).
    ///
    /// Example: farthing report --week 2026-W48
    Report(report::ReportArgs),
    /// Hold a month's ledger against its own rows, and against what the providers bill.
    ///
    /// It reads the whole table. The exit code is 1 when the books are not those of the rows, or a
    /// provider billed more than the ledger has.
    ///
    /// Example: farthing reconcile --month 2026-11 --usage usage.csv
    Reconcile(reconcile::ReconcileArgs),
    /// See what weeks made of the policy, undo it, or have them leave it alone.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Stop and resume the month's budget by hand.
    #[command(subcommand)]
    Budget(budget::BudgetCommand),
    /// Fetch, check and publish the local models, or go back to those before.
    #[command(subcommand)]
    Models(models::ModelsCommand),
    /// Make, list and revoke callers' keys.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Check agents' knowledge, build its index, and decide on what paid answers propose.
    #[command(subcommand)]
    Knowledge(knowledge::KnowledgeCommand),
}

/// Runs what the command line asks for.
pub async fn run(cli: Cli) -> ExitCode {
    let json = cli.common.json;
    match dispatch(cli).await {
        Ok(code) => code,
        Err(error) => {
            output::failure(&error, json);
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    let mut config = Config::from_env(Place::Laptop)?;
    config.offline |= cli.common.offline;
    config.generator |= cli.common.generator;
    config.infra = cli.common.infra.unwrap_or(config.infra);
    config.data = cli.common.data.unwrap_or(config.data);
    if matches!(cli.command, Some(Command::Simulate(_))) {
        // What breaks in a simulation was meant to.
        config.log += ",farthing_gateway::paid=error,farthing_stores::ledger=error";
    }
    telemetry::start(&config)?;
    let json = cli.common.json;
    match cli.command {
        None => serve::run(&config, &cli.serve, json).await,
        Some(Command::Serve(args)) => serve::run(&config, &args, json).await,
        Some(Command::Ask(args)) => ask::run(&config, &args, json).await,
        Some(Command::Bench(command)) => bench::run(&config, &command, json).await,
        Some(Command::Eval(args)) => eval::run(&config, &args, json).await,
        Some(Command::Simulate(command)) => simulate::run(&config, &command, json).await,
        Some(Command::Status) => status::run(&config, json).await,
        Some(Command::Report(args)) => report::run(&config, &args, json).await,
        Some(Command::Reconcile(args)) => reconcile::run(&config, &args, json).await,
        Some(Command::Policy(command)) => policy::run(&config, &command, json).await,
        Some(Command::Budget(command)) => budget::run(&config, &command, json).await,
        Some(Command::Models(command)) => models::run(&config, &command, json).await,
        Some(Command::Keys(command)) => keys::run(&config, &command, json).await,
        Some(Command::Knowledge(command)) => knowledge::run(&config, &command, json).await,
    }
}
