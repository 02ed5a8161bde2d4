//! Agents' knowledge, checked and built for its author.

mod build;
mod learned;

use std::process::ExitCode;

use clap::Subcommand;
use farthing_bootstrap::config::Config;
use farthing_bootstrap::files::OwnerFiles;
use farthing_domain::knowledge::EntryState;
use farthing_models::knowledge;
use serde_json::json;

use crate::output;

#[derive(Subcommand)]
pub(crate) enum KnowledgeCommand {
    /// Read every agent's knowledge files and say what is wrong or probably not meant.
    Check,
    /// Build the index of agents' knowledge, and have other phrasings of its questions made before.
    ///
    /// Phrasings are asked of a paid model, within the month's budget, for each entry that has none yet.
    /// They are kept in the file phrasings.lock beside the knowledge, where lines can be edited: an entry
    /// is asked for again when its question or answer changes.
    ///
    /// Example: farthing knowledge build --phrasings 4
    Build(build::BuildArgs),
    /// Show the entries that paid answers propose, with their answers and what they would save.
    ///
    /// The weekly run proposes what was paid for again and again and answered alike, where `keeps_words` is set in agent.toml.
    Proposals(learned::ProposalsArgs),
    /// Accept proposed entries, or rejected or withdrawn ones after all.
    ///
    /// They are indexed when the gateway starts next, or at the next POST /api/models/init.
    ///
    /// Example: farthing knowledge approve what-does-a-cat-cost-1a2b3c4d5e
    Approve(learned::EntriesArgs),
    /// Reject proposed entries: they are not proposed again.
    Reject(learned::EntriesArgs),
    /// Withdraw accepted entries that are wrong, and the cached answers of the knowledge that had them.
    ///
    /// They are gone when the gateway starts next, or after the next POST /api/models/init.
    Withdraw(learned::EntriesArgs),
}

pub(crate) async fn run(config: &Config, command: &KnowledgeCommand, json: bool) -> anyhow::Result<ExitCode> {
    match command {
        KnowledgeCommand::Check => return check(config, json),
        KnowledgeCommand::Build(args) => return build::run(config, args, json).await,
        KnowledgeCommand::Proposals(args) => learned::proposals(config, args, json).await?,
        KnowledgeCommand::Approve(args) => learned::change(config, args, EntryState::Accepted, json).await?,
        KnowledgeCommand::Reject(args) => learned::change(config, args, EntryState::Rejected, json).await?,
        KnowledgeCommand::Withdraw(args) => learned::change(config, args, EntryState::Withdrawn, json).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn check(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let files = OwnerFiles::of(config)?;
    let mut is_usable = true;
    let mut reports = Vec::new();
    for agent in files.agents.keys() {
        let folder = config.infra.join("agents").join(agent.as_str()).join("knowledge");
        let report = knowledge::check(&folder, None)?;
        is_usable &= report.is_usable();
        if json {
            reports.push(json!({
                "agent": agent.as_str(),
                "usable": report.is_usable(),
                "files": report.files,
                "entries": report.entries,
                "phrasings": report.phrasings,
                "faults": report.faults,
                "warnings": report.warnings,
            }));
        } else {
            output::line(format!("{agent}: {report}"));
        }
    }
    if json {
        output::line(json!(reports));
    }
    Ok(if is_usable { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
