//! The weekly run, on a schedule: what the week that has ended came to, whether it was another one than usual, and what its
//! owner might do; the knowledge that paid answers propose; and the one step of the policy that it speaks for, if it speaks
//! for any.

use farthing_domain::jobs::{JobResult, ResultTooLong};
use farthing_domain::weekly::{Pages, WeeklyReport};
use farthing_gateway::optimize::{Optimize, OptimizeFailed, WeeklyRun, Written};
use serde_json::{Value, json};

mod markdown;
mod page;
pub mod plots;

/// Makes this week's run, or gives the result that there is. What the event holds is of no interest.
///
/// # Errors
/// [`OptimizeFailed`] when it is not known that the run has been made; the next event tries again.
pub async fn handle(optimize: &Optimize) -> Result<Value, OptimizeFailed> {
    let (state, result) = match optimize.run(write).await? {
        WeeklyRun::Made(result) => ("made", result),
        WeeklyRun::MadeBefore(result) => ("made_before", result),
    };
    tracing::info!(job.state = state, "the weekly run: {state}");
    Ok(json!({"state": state, "result": read(&result)}))
}

fn write(report: &WeeklyReport) -> Result<Written, ResultTooLong> {
    let alarms = report.changes.iter().filter(|change| change.is_alarm).map(|change| change.measure);
    let summary = json!({
        "week": report.week,
        "sums": report.weeks.last(),
        "baselineWeek": report.baseline_week,
        "drift": alarms.collect::<Vec<_>>(),
        "policy": report.policy,
        "advice": report.advice,
        "proposals": report.proposals.iter().map(|proposal| proposal.id.as_str()).collect::<Vec<_>>(),
    });
    let pages = Pages { markdown: markdown::of(report), html: page::of(report) };
    Ok(Written { pages, result: JobResult::parse(&summary.to_string())? })
}

/// The result as it was written; a text, should it be no JSON.
fn read(result: &JobResult) -> Value {
    serde_json::from_str(result.as_str()).unwrap_or_else(|_| json!(result.as_str()))
}

#[cfg(test)]
mod tests;
