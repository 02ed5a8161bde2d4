//! The month's budget, stopped and resumed by hand.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use farthing_bootstrap::clock::SystemClock;
use farthing_bootstrap::config::Config;
use farthing_bootstrap::wiring;
use farthing_domain::ports::Clock as _;
use farthing_domain::time::Month;
use serde_json::json;

use crate::output;
use crate::reconcile::month;

#[derive(Subcommand)]
pub(crate) enum BudgetCommand {
    /// Have nothing more paid for, at once and everywhere; local and cached answers go on.
    ///
    /// Example: farthing budget stop
    Stop(BudgetArgs),
    /// Have answers paid for again, after a stop by hand or by the ledger itself.
    Resume(BudgetArgs),
}

#[derive(Args)]
pub(crate) struct BudgetArgs {
    /// The month, such as 2026-11 [default: this month]
    #[arg(long, value_parser = month)]
    month: Option<Month>,
}

pub(crate) async fn run(config: &Config, command: &BudgetCommand, json: bool) -> anyhow::Result<ExitCode> {
    let (args, stopped) = match command {
        BudgetCommand::Stop(args) => (args, true),
        BudgetCommand::Resume(args) => (args, false),
    };
    let ledger = wiring::ledger(config).await?;
    let month = args.month.unwrap_or_else(|| SystemClock.now().month());
    ledger.set_stopped(month, stopped).await?;
    let books = ledger.books(month).await?;
    if json {
        output::line(json!({"month": month.to_string(), "state": books.state.as_str()}));
    } else {
        output::line(format!("month {month} is {}; ${} of it are available", books.state.as_str(), books.available));
    }
    Ok(ExitCode::SUCCESS)
}
