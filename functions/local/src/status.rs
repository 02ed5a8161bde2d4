//! How things stand.

use std::process::ExitCode;

use farthing_bootstrap::clock::SystemClock;
use farthing_bootstrap::config::Config;
use farthing_bootstrap::wiring;
use farthing_domain::ports::Clock as _;
use farthing_domain::time::Deadline;
use serde_json::{Value, json};

use crate::output;

pub(crate) async fn run(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let (status, ids) = wiring::status(config).await?;
    let mut parts = Vec::new();
    for path in ["/api/models/status", "/api/budget/status"] {
        let call = farthing_api::Call {
            method: "GET".to_owned(),
            path: path.to_owned(),
            idempotency_key: None,
            tenant: config.tenant.clone(),
            body: Vec::new(),
            deadline: Deadline::at(SystemClock.now()),
        };
        let reply = farthing_status::handle(&status, ids.as_ref(), call).await;
        parts.push(serde_json::from_slice::<Value>(&reply.body)?);
    }
    let (models, budget) = (&parts[0], &parts[1]);
    if json {
        output::line(json!({"models": models, "budget": budget}));
        return Ok(ExitCode::SUCCESS);
    }
    let (routing, costs, month) = (&models["routing"], &models["costs"], &budget["monthly"]);
    let missing: Vec<String> = models["missing"].as_array().into_iter().flatten().map(plain).collect();
    let missing = if missing.is_empty() { String::new() } else { format!(" without {}", missing.join(", ")) };
    output::line(format!("status    {}{missing}", plain(&models["status"])));
    output::line(format!(
        "requests  {} ({} % local, {} % paid, {} % cached)",
        routing["totalRequests"], routing["localPercentage"], routing["apiPercentage"], routing["cachedPercentage"],
    ));
    output::line(format!(
        "costs     {} paid, {} saved ({} %)",
        plain(&costs["estimatedCostAPI"]),
        plain(&costs["savings"]),
        costs["savingsPercentage"],
    ));
    output::line(format!(
        "budget    ${} of ${} used, ${} reserved, {}; resets {}",
        month["used"],
        month["limit"],
        month["reserved"],
        plain(&month["state"]),
        plain(&month["resetsAt"]),
    ));
    output::line(swept(&budget["lastSweep"]));
    output::line("models");
    for model in models["models"]["items"].as_array().into_iter().flatten() {
        output::line(format!("  {:10} {} ({})", plain(&model["state"]), plain(&model["id"]), plain(&model["role"])));
    }
    Ok(ExitCode::SUCCESS)
}

fn swept(last: &Value) -> String {
    if last.is_null() {
        return "swept     never this month".to_owned();
    }
    format!(
        "swept     {}: {} reservations expired for ${}, {} pending",
        plain(&last["at"]),
        last["expired"],
        last["chargedUsd"],
        last["pending"],
    )
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
