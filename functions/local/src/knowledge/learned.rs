//! Knowledge that paid answers propose: seen, accepted, rejected and withdrawn by the owner.

use anyhow::Context as _;
use clap::Args;
use farthing_bootstrap::config::Config;
use farthing_bootstrap::wiring;
use farthing_domain::ids::{AgentId, EntryId};
use farthing_domain::knowledge::{EntryState, LearnedEntry};
use serde_json::json;

use crate::output;

const WHEN: &str = "when the gateway starts next, or at the next POST /api/models/init";

#[derive(Args)]
pub(crate) struct ProposalsArgs {
    /// The entries in every state, not only those that wait for you.
    #[arg(long)]
    all: bool,
    /// The agent whose entries [default: all agents]
    #[arg(long)]
    agent: Option<String>,
}

#[derive(Args)]
pub(crate) struct EntriesArgs {
    /// The entries' ids, as `farthing knowledge proposals` prints them.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// The agent whose entries they are [default: any agent]
    #[arg(long)]
    agent: Option<String>,
}

pub(super) async fn proposals(config: &Config, args: &ProposalsArgs, json: bool) -> anyhow::Result<()> {
    let agent = agent(args.agent.as_deref())?;
    let mut entries = wiring::learned_admin(config).await?.entries(agent.as_ref()).await?;
    entries.retain(|entry| args.all || entry.state == EntryState::Proposed);
    if json {
        output::line(serde_json::to_string(&entries.iter().map(told).collect::<Result<Vec<_>, _>>()?)?);
        return Ok(());
    }
    if entries.is_empty() {
        output::line(if args.all { "nothing was proposed yet" } else { "nothing is proposed; --all shows the rest" });
    }
    for entry in &entries {
        output::line(words(entry));
    }
    if entries.iter().any(|entry| entry.state == EntryState::Proposed) {
        output::note("Accept them with `farthing knowledge approve <ID>…`, or reject them with `… reject <ID>…`.");
    }
    Ok(())
}

/// Brings entries into a state.
pub(super) async fn change(config: &Config, args: &EntriesArgs, to: EntryState, json: bool) -> anyhow::Result<()> {
    let agent = agent(args.agent.as_deref())?;
    let ids = args.ids.iter().map(|id| EntryId::parse(id)).collect::<Result<Vec<_>, _>>()?;
    let changed = wiring::learned_admin(config).await?.change(&ids, agent.as_ref(), to).await?;
    if json {
        let changed = changed.iter().map(
            |entry| json!({"id": entry.id.as_str(), "agent": entry.agent.as_str(), "state": entry.state.as_str()}),
        );
        output::line(json!(changed.collect::<Vec<_>>()));
        return Ok(());
    }
    for LearnedEntry { id, agent, .. } in &changed {
        output::line(match to {
            EntryState::Accepted => format!("{id} is accepted: `{agent}` answers from it {WHEN}"),
            EntryState::Withdrawn => {
                format!(
                    "{id} is withdrawn: within five minutes `{agent}` answers neither from it nor what it cached then"
                )
            }
            EntryState::Rejected => format!("{id} is rejected, and is not proposed again"),
            EntryState::Proposed => format!("{id} is proposed"),
        });
    }
    Ok(())
}

fn agent(name: Option<&str>) -> anyhow::Result<Option<AgentId>> {
    name.map(AgentId::parse).transpose().context("--agent")
}

/// The entry for programs: all of it but for its embedding.
fn told(entry: &LearnedEntry) -> serde_json::Result<serde_json::Value> {
    let mut told = serde_json::to_value(entry)?;
    if let Some(members) = told.as_object_mut() {
        members.remove("topic");
    }
    Ok(told)
}

/// The entry for people.
fn words(entry: &LearnedEntry) -> String {
    let LearnedEntry { id, agent, question, also, answer, sources, questions, saves_usd_a_month, week, .. } = entry;
    let also: String = also.iter().map(|also| format!("  also asked  {}\n", shown(also))).collect();
    format!(
        "{id}\n  state       {} ({agent}, {week})\n  question    {}\n{also}  answer      {}\n  stands for  {questions} questions a \
         week, up to ${saves_usd_a_month:.2} a month; {} paid answers say the same, such as that to {}\n",
        entry.state.as_str(),
        shown(question),
        shown(answer),
        sources.len(),
        sources.first().map_or("none", |source| source.as_str()),
    )
}

/// A text of others on one line, without characters that would control a terminal.
fn shown(text: &str) -> String {
    text.split(char::is_control).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
