//! The versions of the policy, by hand.

use std::process::ExitCode;

use clap::Subcommand;
use farthing_bootstrap::config::Config;
use farthing_bootstrap::wiring;
use farthing_domain::policy::Tuning;
use farthing_domain::versions::{Author, PolicyVersion};
use farthing_gateway::versions::{Difference, VersionAdmin};
use serde_json::json;

use crate::output;

#[derive(Subcommand)]
pub(crate) enum PolicyCommand {
    /// Print all versions that weeks or you have made, which one holds, and which one is tried out.
    History,
    /// Print in what two versions differ; the number of policy.toml stands for the file.
    ///
    /// Example: farthing policy diff 1 4
    Diff {
        /// The one.
        one: u32,
        /// The other; the one that holds unless it is said.
        other: Option<u32>,
    },
    /// Have an earlier version hold again: the one before, or that with a number.
    ///
    /// Running gateways follow within a minute. What is tried out is given up.
    Rollback {
        /// The version, or the number of policy.toml for what the file says [default: the one before]
        #[arg(long, value_name = "NUMBER")]
        to: Option<u32>,
    },
    /// Have weeks leave the policy as it is; what is tried out is given up.
    Freeze,
    /// Let weeks change the policy again.
    Unfreeze,
}

pub(crate) async fn run(config: &Config, command: &PolicyCommand, json: bool) -> anyhow::Result<ExitCode> {
    let admin = wiring::version_admin(config).await?;
    match command {
        PolicyCommand::History => history(&admin, json).await?,
        PolicyCommand::Diff { one, other } => diff(&admin, *one, *other, json).await?,
        PolicyCommand::Rollback { to } => {
            let version = admin.roll_back(*to).await?;
            tell(
                json,
                &json!({"active": version.number}),
                format!("version {} holds: {}", version.number, version.why),
            );
        }
        PolicyCommand::Freeze | PolicyCommand::Unfreeze => {
            let frozen = matches!(command, PolicyCommand::Freeze);
            admin.freeze(frozen).await?;
            let words = if frozen { "weeks leave the policy as it is" } else { "weeks change the policy again" };
            tell(json, &json!({"frozen": frozen}), words.to_owned());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(json: bool, value: &serde_json::Value, words: String) {
    if json { output::line(value) } else { output::line(words) }
}

async fn history(admin: &VersionAdmin, json: bool) -> anyhow::Result<()> {
    let (standing, history) = (admin.standing().await?, admin.history().await?);
    let base = Tuning::of(&admin.policy);
    let active = standing.active_over(&base).map_or(admin.policy.version, |version| version.number);
    let tried = standing.canary_over(&base).map(|canary| canary.version.number);
    if json {
        output::line(json!({
            "active": active,
            "tried": tried,
            "frozen": standing.frozen || admin.policy.rollout.frozen,
            "file": admin.policy.version,
            "versions": history,
        }));
        return Ok(());
    }
    let mark = |number: u32| match number {
        _ if number == active => "  holds",
        _ if Some(number) == tried => "  is tried out",
        _ => "",
    };
    let file = admin.policy.version;
    output::line(format!("{file:>4}  policy.toml{}", mark(file)));
    for version in &history {
        output::line(line(version, mark(version.number)));
    }
    if standing.frozen || admin.policy.rollout.frozen {
        output::line("frozen: weeks leave the policy as it is");
    }
    Ok(())
}

fn line(version: &PolicyVersion, mark: &str) -> String {
    let by = match version.by {
        Author::Owner => "you".to_owned(),
        Author::Week(week) => week.to_string(),
    };
    let PolicyVersion { number, parent, at, why, .. } = version;
    format!("{number:>4}  {} by {by}, from {parent}{mark}: {why}", at.day())
}

async fn diff(admin: &VersionAdmin, one: u32, other: Option<u32>, json: bool) -> anyhow::Result<()> {
    let found = admin.diff(one, other).await?;
    if json {
        let all: Vec<_> = found
            .iter()
            .map(|Difference { name, one, other }| json!({"name": name, "one": one, "other": other}))
            .collect();
        output::line(json!(all));
    } else if found.is_empty() {
        output::line("they say the same");
    }
    for Difference { name, one, other } in found.iter().filter(|_| !json) {
        output::line(format!("{name}: {one} -> {other}"));
    }
    Ok(())
}
