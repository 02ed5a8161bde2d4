//! An agent's knowledge, checked for its author.

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
}

pub(crate) fn run(config: &Config, command: &KnowledgeCommand, json: bool) -> anyhow::Result<ExitCode> {
    let KnowledgeCommand::Check = command;
    let files = OwnerFiles::load(&config.infra)?;
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
