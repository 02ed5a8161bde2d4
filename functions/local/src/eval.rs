//! The models that serve requests, measured on a labelled file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use farthing_bootstrap::clock::SystemClock;
use farthing_bootstrap::config::Config;
use farthing_bootstrap::wiring;
use farthing_domain::ids::AgentId;
use farthing_evaluation::table::Table;
use farthing_evaluation::tasks::faq::Answered;
use farthing_evaluation::tasks::{cache, complexity, embed, faq, quality, relevance, routing, screen};
use farthing_evaluation::{Door, Report};
use serde_json::{Value, json};

use crate::output;

#[derive(Args)]
pub(crate) struct EvalArgs {
    /// What is measured.
    what: What,
    /// The labelled rows: CSV in UTF-8, with the columns named above.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// For `faq`, the knowledge that is asked: JSON Lines of question and answer.
    #[arg(long, value_name = "FILE")]
    knowledge: Option<PathBuf>,
    /// For `faq`, where to write each answer, JSON Lines in the order of the questions.
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// The agent whose voice answers.
    #[arg(long)]
    agent: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// The tier of queries. Columns: text, label.
    Complexity,
    /// Whether texts try to take the instructions over. Columns: text, label.
    Injection,
    /// Whether texts are abusive. Columns: text, label.
    Toxicity,
    /// Whether answers speak to their question. Columns: question, answer, label.
    Relevance,
    /// What is answered from a knowledge file. Columns: question, `gold_index`, `also_ok`.
    Faq,
    /// Which requests a stronger model answers better. Columns: prompt, `weak_correct`, `strong_correct`;
    /// `weak_response` if there is one.
    Routing,
    /// Whether a kept answer is given again. Columns: origin, similar, label.
    Cache,
    /// How good answers are. Columns: query, answer, label; context if there is one.
    Quality,
    /// The vector of each text, a line each. Column: text.
    Embed,
}

pub(crate) async fn run(config: &Config, args: &EvalArgs, json: bool) -> anyhow::Result<ExitCode> {
    // Wrong files are told before any model is loaded.
    let table = Table::read(&args.file)?;
    let agent = args.agent.as_deref().map_or_else(|| Ok(config.agent.clone()), AgentId::parse)?;
    let knowledge = match (args.what, &args.knowledge) {
        (What::Faq, Some(path)) => Some(faq::read_knowledge(path)?),
        (What::Faq, None) => anyhow::bail!("--knowledge: expected the file whose entries `gold_index` names"),
        (_, Some(_)) => anyhow::bail!("--knowledge: only `faq` asks a knowledge file"),
        (_, None) => None,
    };
    if args.answers.is_some() && args.what != What::Faq {
        anyhow::bail!("--answers: only `faq` gives answers");
    }
    let given = knowledge.clone().map(|entries| (agent.clone(), entries));
    let (files, tier) = wiring::local_tier(config, given, output::progress()).await?;
    let brand = files.agents.get(&agent).with_context(|| format!("there is no agent `{agent}`"))?.clone();
    let door = Door { tier, policy: files.policy, registry: files.registry, brand, clock: Arc::new(SystemClock) };
    let report = match args.what {
        What::Complexity => complexity::run(&door, &table).await?,
        What::Injection => screen::run(&door, &table, screen::Screened::Injection).await?,
        What::Toxicity => screen::run(&door, &table, screen::Screened::Toxicity).await?,
        What::Relevance => relevance::run(&door, &table).await?,
        What::Faq => {
            let (report, answers) = faq::run(&door, &table, &knowledge.unwrap_or_default()).await?;
            if let Some(file) = &args.answers {
                write_lines(file, &answers)?;
            }
            report
        }
        What::Routing => routing::run(&door, &table).await?,
        What::Cache => cache::run(&door, &table).await?,
        What::Quality => quality::run(&door, &table).await?,
        What::Embed => {
            let vectors = embed::run(&door, &table).await?;
            vectors.iter().for_each(|vector| output::line(json!({"vector": vector})));
            return Ok(ExitCode::SUCCESS);
        }
    };
    print(&report, json);
    Ok(ExitCode::SUCCESS)
}

fn write_lines(path: &Path, rows: &[Answered]) -> anyhow::Result<()> {
    let lines: Vec<String> = rows.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    std::fs::write(path, lines.join("\n") + "\n").with_context(|| format!("--answers: {}", path.display()))
}

fn print(report: &Report, json: bool) {
    if json {
        let report: Value = report.to_json();
        output::line(report);
    } else {
        output::line(report);
    }
}
