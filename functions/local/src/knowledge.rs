//! Agents' knowledge, checked and built for its author.

mod build;

use std::process::ExitCode;

use clap::Subcommand;
use farthing_bootstrap::config::Config;
use farthing_bootstrap::files::OwnerFiles;
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
}

pub(crate) async fn run(config: &Config, command: &KnowledgeCommand, json: bool) -> anyhow::Result<ExitCode> {
    match command {
        KnowledgeCommand::Check => check(config, json),
        KnowledgeCommand::Build(args) => build::run(config, args, json).await,
    }
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
