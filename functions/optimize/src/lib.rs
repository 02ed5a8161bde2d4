//! The weekly run, on a schedule.
//!
//! It records what the month's requests came to. There is nothing yet that it would learn from
//! them, and its result says so.

use farthing_domain::jobs::{JobResult, ResultTooLong};
use farthing_gateway::optimize::{Optimize, OptimizeFailed, Seen, WeeklyRun};
use serde_json::{Value, json};

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

fn write(seen: &Seen) -> Result<JobResult, ResultTooLong> {
    let (from, to) = seen.window;
    let summary = &seen.summary;
    let report = json!({
        "week": seen.week.to_string(),
        "learned": "nothing to learn yet",
        "window": {"from": from.to_string(), "to": to.to_string()},
        "requests": summary.total,
        "local": summary.local,
        "paid": summary.paid,
        "cached": summary.cached,
        "refused": summary.refused,
        "failed": summary.failed,
        "costUsd": summary.cost.as_dollars(),
        "baselineUsd": summary.baseline.as_dollars(),
        "meanScore": summary.mean_score(),
    });
    JobResult::parse(&report.to_string())
}

/// The result as it was written; a text, should it be no JSON.
fn read(result: &JobResult) -> Value {
    serde_json::from_str(result.as_str()).unwrap_or_else(|_| json!(result.as_str()))
}

#[cfg(test)]
mod tests;
