//! What a week came to.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use farthing_bootstrap::clock::SystemClock;
use farthing_bootstrap::config::Config;
use farthing_bootstrap::wiring;
use farthing_domain::ports::Clock as _;
use farthing_domain::time::Week;

use crate::output;

#[derive(Args)]
pub(crate) struct ReportArgs {
    /// A week of ISO 8601, such as 2026-W48; the one that has ended unless it is said.
    #[arg(long, value_parser = week)]
    week: Option<Week>,
    /// Write the report as a page with plots, too.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

fn week(text: &str) -> Result<Week, String> {
    Week::parse(text).ok_or_else(|| "expected a week of ISO 8601 such as 2026-W48".to_owned())
}

pub(crate) async fn run(config: &Config, args: &ReportArgs, json: bool) -> anyhow::Result<ExitCode> {
    let optimize = wiring::optimize(config).await?;
    let ended = SystemClock.now().week().previous();
    let week = args.week.unwrap_or(ended);
    if week == ended {
        farthing_optimize::handle(&optimize).await?;
    }
    let (report, pages) =
        optimize.archive.report(week).await?.with_context(|| format!("there is no report of {week}"))?;
    if let Some(file) = &args.html {
        std::fs::write(file, &pages.html).with_context(|| format!("--html: {}", file.display()))?;
    }
    if json {
        output::line(serde_json::to_string(&report)?);
    } else {
        output::line(pages.markdown.trim_end());
    }
    Ok(ExitCode::SUCCESS)
}
