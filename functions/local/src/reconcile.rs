//! A month's ledger, held against its own rows and against what the providers bill.

mod usage;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use farthing_bootstrap::clock::SystemClock;
use farthing_bootstrap::config::Config;
use farthing_bootstrap::wiring;
use farthing_domain::money::Usd;
use farthing_domain::ports::Clock as _;
use farthing_domain::time::Month;
use farthing_gateway::reconcile::{Check, Comparison, Reconciliation, RowSum};
use serde_json::{Value, json};

use crate::output;

#[derive(Args)]
pub(crate) struct ReconcileArgs {
    /// The month, such as 2026-11 [default: this month]
    #[arg(long, value_parser = month)]
    month: Option<Month>,
    /// What the providers bill: CSV with the columns model, input_tokens, output_tokens and, if it
    /// is known, cost_usd; one line or many for a model.
    #[arg(long, value_name = "FILE")]
    usage: Option<PathBuf>,
}

pub(crate) fn month(text: &str) -> Result<Month, String> {
    Month::parse(text).ok_or_else(|| "expected a year and a month, such as 2026-11".to_owned())
}

pub(crate) async fn run(config: &Config, args: &ReconcileArgs, json: bool) -> anyhow::Result<ExitCode> {
    let reconcile = wiring::reconcile(config).await?;
    let usage = match &args.usage {
        None => None,
        Some(file) => {
            let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            Some(usage::parse(&text, &reconcile.registry).with_context(|| file.display().to_string())?)
        }
    };
    let month = args.month.unwrap_or_else(|| SystemClock.now().month());
    let found = reconcile.run(month, usage.as_deref()).await?;
    if json {
        output::line(report_json(&found));
    } else {
        print_report(&found, usage.is_some());
    }
    Ok(if found.is_balanced() && found.is_covered() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report_json(found: &Reconciliation) -> Value {
    json!({
        "month": found.books.month.to_string(),
        "balanced": found.is_balanced(),
        "moved": found.has_moved,
        "covered": found.is_covered(),
        "rows": found.sums.iter().map(sum_json).collect::<Vec<_>>(),
        "books": found.checks.iter().map(check_json).collect::<Vec<_>>(),
        "models": found.models.iter().map(comparison_json).collect::<Vec<_>>(),
    })
}

fn sum_json(sum: &RowSum) -> Value {
    json!({
        "provider": sum.provider.as_str(),
        "model": sum.model.as_str(),
        "state": sum.state.as_str(),
        "attempts": sum.attempts,
        "reservedUsd": exact(sum.reserved),
        "chargedUsd": exact(sum.charged),
    })
}

fn check_json(check: &Check) -> Value {
    json!({
        "check": check.what,
        "booksUsd": exact(check.books),
        "expectedUsd": exact(check.expected),
        "differenceUsd": exact(check.difference()),
    })
}

fn comparison_json(model: &Comparison) -> Value {
    let tokens = |(input, output): (u64, u64)| json!({"input": input, "output": output});
    json!({
        "model": model.model,
        "ledger": {
            "tokens": tokens(model.ledger_tokens),
            "chargedUsd": exact(model.charged),
            "pendingUsd": exact(model.pending),
        },
        "provider": {"tokens": tokens(model.provider_tokens), "billedUsd": exact(model.billed)},
        "differenceUsd": exact(model.difference()),
        "verdict": model.verdict().as_str(),
    })
}

/// Every digit, as text: an audit does not round.
fn exact(amount: Usd) -> String {
    let nanos = amount.nanos().unsigned_abs();
    let sign = if amount < Usd::ZERO { "-" } else { "" };
    format!("{sign}{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}

fn print_report(found: &Reconciliation, has_usage: bool) {
    let books = &found.books;
    output::line(format!(
        "month {}, {}: {} of ${} charged",
        books.month,
        books.state.as_str(),
        books.settled,
        books.cap
    ));
    output::line("");
    output::line(format!(
        "{:12} {:24} {:14} {:>8} {:>16} {:>16}",
        "provider", "model", "state", "attempts", "reserved", "charged"
    ));
    for sum in &found.sums {
        output::line(format!(
            "{:12} {:24} {:14} {:>8} {:>16} {:>16}",
            sum.provider.as_str(),
            sum.model.as_str(),
            sum.state.as_str(),
            sum.attempts,
            exact(sum.reserved),
            exact(sum.charged)
        ));
    }
    output::line("");
    output::line(format!("{:54} {:>16} {:>16} {:>16}", "books", "found", "expected", "difference"));
    for check in &found.checks {
        output::line(format!(
            "{:54} {:>16} {:>16} {:>16}",
            check.what,
            exact(check.books),
            exact(check.expected),
            exact(check.difference())
        ));
    }
    output::line(match (found.has_moved, found.is_balanced()) {
        (true, _) => "the books changed while the rows were read: a difference says nothing, run it again",
        (false, true) => "the books are those of the rows",
        (false, false) => "the books are NOT those of the rows",
    });
    if has_usage {
        print_models(&found.models);
    }
}

fn print_models(models: &[Comparison]) {
    output::line("");
    output::line(format!(
        "{:24} {:>20} {:>16} {:>16} {:>20} {:>16} {:>16} verdict",
        "model", "ledger tokens", "charged", "pending", "provider tokens", "billed", "difference"
    ));
    for model in models {
        let tokens = |(input, output): (u64, u64)| format!("{input} + {output}");
        output::line(format!(
            "{:24} {:>20} {:>16} {:>16} {:>20} {:>16} {:>16} {}",
            model.model,
            tokens(model.ledger_tokens),
            exact(model.charged),
            exact(model.pending),
            tokens(model.provider_tokens),
            exact(model.billed),
            exact(model.difference()),
            model.verdict().as_str()
        ));
    }
}
