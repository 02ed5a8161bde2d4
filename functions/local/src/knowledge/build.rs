//! The index of agents' knowledge, with phrasings that a paid model makes.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use farthing_bootstrap::config::Config;
use farthing_bootstrap::wiring;
use farthing_domain::ids::{AgentId, ModelId};
use farthing_domain::money::Usd;
use farthing_gateway::phrasing::{Phrasing, PhrasingCount, PhrasingOrder, PhrasingTally, Topic};
use farthing_models::knowledge::phrasings::MadeBy;
use farthing_models::knowledge::source::Entry;
use farthing_models::knowledge::{KeptPhrasings, KnowledgeFiles};
use serde_json::{Value, json};

use crate::output;

#[derive(Args)]
pub(crate) struct BuildArgs {
    /// Have so many other phrasings made of each entry that has none yet, 1 to 8.
    #[arg(long, value_name = "N", value_parser = PhrasingCount::parse)]
    phrasings: Option<PhrasingCount>,
    /// The agent whose knowledge is built [default: all of them]
    #[arg(long, value_parser = AgentId::parse)]
    agent: Option<AgentId>,
    /// The paid model that makes phrasings [default: the cheapest of those for simple queries]
    #[arg(long, requires = "phrasings", value_parser = ModelId::parse)]
    model: Option<ModelId>,
}

/// What is to be asked for one agent.
struct Plan {
    agent: AgentId,
    kept: KeptPhrasings,
    missing: Vec<usize>,
}

pub(crate) async fn run(config: &Config, args: &BuildArgs, json: bool) -> anyhow::Result<ExitCode> {
    let (files, knowledge) = wiring::knowledge_files(config, output::progress())?;
    let mut agents: Vec<&AgentId> = files.agents.keys().collect();
    if let Some(wanted) = &args.agent {
        agents.retain(|agent| *agent == wanted);
        anyhow::ensure!(!agents.is_empty(), "there is no agent `{wanted}`");
    }
    // Wrong files of any agent are told before anything is paid for.
    let mut plans = Vec::new();
    for agent in agents {
        let kept = knowledge.kept_phrasings(agent).await.map_err(|error| anyhow::anyhow!(error))?;
        plans.push(Plan { agent: agent.clone(), missing: kept.missing(), kept });
    }
    let (mut reports, mut is_made) = (Vec::new(), true);
    for plan in plans {
        let agent = plan.agent.clone();
        let mut report = json!({"agent": agent.as_str()});
        if let Some(count) = args.phrasings {
            is_made &=
                make_phrasings(config, &knowledge, plan, (count, args.model.as_ref()), &mut report, json).await?;
        }
        let built = knowledge.prepare(&agent).await.map_err(|error| anyhow::anyhow!(error));
        report["version"] = json!(built.with_context(|| format!("the knowledge of `{agent}`"))?.version);
        if !json {
            output::line(format!("{agent}: the index is built, version {}", text(&report["version"])));
        }
        reports.push(report);
    }
    if json {
        output::line(json!(reports));
    }
    Ok(if is_made { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Has the phrasings of one agent made. Says whether there are some now that were missing, or none was.
async fn make_phrasings(
    config: &Config,
    knowledge: &KnowledgeFiles,
    plan: Plan,
    (count, model): (PhrasingCount, Option<&ModelId>),
    report: &mut Value,
    json: bool,
) -> anyhow::Result<bool> {
    let Plan { agent, mut kept, missing } = plan;
    kept.drop_stale()?;
    if missing.is_empty() {
        report["phrasings"] = tell_made(&agent, 0, &PhrasingTally::default(), json);
        return Ok(true);
    }
    let phrasing = wiring::phrasing(config).await?;
    let order = phrasing.order(&agent, model, count)?;
    let topics: Vec<Topic> = missing.iter().map(|at| topic(&kept.entries()[*at])).collect();
    // The encoder is fetched before anything is paid for.
    let mut keeper = knowledge.keeper(kept).await.map_err(|error| anyhow::anyhow!(error))?;
    let at_most = tell_beforehand(&agent, &phrasing, &order, &topics, json);
    let keep = async |at: usize, made: farthing_gateway::phrasing::Made| {
        let by = MadeBy { model: order.model().clone(), tokens: made.tokens, cost: made.cost };
        keeper.keep(missing[at], made.phrasings, &by).await
    };
    let tally = phrasing.make(&order, &topics, keep).await;
    report["phrasings"] = tell_made(&agent, missing.len(), &tally, json);
    report["phrasings"]["model"] = json!(order.model().as_str());
    report["phrasings"]["at_most_usd"] = json!(at_most.to_string());
    Ok(tally.topics > 0)
}

fn topic(entry: &Entry) -> Topic {
    Topic { title: entry.title.clone(), answer: entry.passages.join("\n\n") }
}

/// Says what is about to be paid for, and gives the most that it can cost.
fn tell_beforehand(agent: &AgentId, phrasing: &Phrasing, order: &PhrasingOrder, topics: &[Topic], json: bool) -> Usd {
    let (entries, at_most) = (topics.len(), phrasing.worst_case(order, topics));
    let told = format!("{agent}: entries to ask {} about: {entries}, for at most ${at_most}", order.model());
    // Standard output has nothing but the report then.
    if json {
        output::note(told)
    } else {
        output::line(told)
    }
    at_most
}

fn tell_made(agent: &AgentId, asked: usize, tally: &PhrasingTally, json: bool) -> Value {
    let PhrasingTally { topics, phrasings, cost, left } = tally;
    if !json {
        output::line(format!("{agent}: entries with new phrasings: {topics}, with {phrasings} of them, for ${cost}"));
        for (reason, count) in left {
            output::line(format!("{agent}: entries without: {count}, {reason}"));
        }
    }
    json!({"asked": asked, "entries": topics, "made": phrasings, "cost_usd": cost.to_string(), "left": left})
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
