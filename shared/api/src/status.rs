//! The status routes as callers see them.

use farthing_domain::complexity::Tier;
use farthing_domain::ledger::LastSweep;
use farthing_domain::money::Usd;
use farthing_domain::policy::Policy;
use farthing_domain::ports::ActiveRelease;
use farthing_domain::release::{Release, ReleasedModel};
use farthing_gateway::init::{Activation, Initialised};
use farthing_gateway::status::{BudgetStatus, Health, ModelState, ModelsStatus, is_stopped};
use serde_json::{Value, json};

/// The JSON of `GET /api/models/status`.
#[must_use]
pub fn models_json(status: &ModelsStatus) -> Value {
    let (policy, tried) = &status.policy;
    let summary = &status.summary;
    let answered = summary.local + summary.paid + summary.cached + summary.refused;
    let savings = Usd::from_nanos(summary.baseline.nanos().saturating_sub(summary.cost.nanos()));
    let active = || status.models.iter().filter(|model| model.as_str() == "active");
    let by_tier: serde_json::Map<String, Value> =
        Tier::ALL.iter().zip(summary.by_tier).map(|(tier, count)| (tier.as_str().to_owned(), json!(count))).collect();
    json!({
        "status": match &status.health {
            Health::Operational => "operational",
            Health::Degraded(_) => "degraded",
            Health::Stopped => "stopped",
        },
        "missing": match &status.health {
            Health::Degraded(missing) => missing.as_slice(),
            Health::Operational | Health::Stopped => &[],
        },
        "models": {
            "registered": status.models.len(),
            "loaded": active().map(|model| model.spec.id.as_str()).collect::<Vec<_>>(),
            "totalMemoryMB": active().map(|model| model.spec.memory_mb).sum::<u32>(),
            "items": status.models.iter().map(model_json).collect::<Vec<_>>(),
            "release": status.release.as_ref().map(release_json),
        },
        "routing": {
            "totalRequests": summary.total,
            "localPercentage": percentage(summary.local, answered),
            "apiPercentage": percentage(summary.paid, answered),
            "cachedPercentage": percentage(summary.cached, answered),
            "refused": summary.refused,
            "failed": summary.failed,
            "costSaved": dollars(savings),
            "byComplexity": by_tier,
        },
        "costs": {
            "totalInferences": answered,
            "estimatedCostAPI": dollars(summary.cost),
            "savings": dollars(savings),
            "savingsPercentage": percentage_of(savings, summary.baseline),
        },
        "rollout": {
            "stage": policy.rollout.stage.as_str(),
            "localShare": policy.rollout.stage.local_share(),
            "policyVersion": policy.version,
            "triedVersion": tried,
        },
        "feedback": {"helpful": summary.helpful, "unhelpful": summary.unhelpful},
        "quality": {"mean": summary.mean_score().map(rounded), "p10": summary.p10_score()},
        "window": {"from": status.window.0.to_string(), "to": status.window.1.to_string()},
    })
}

fn model_json(model: &ModelState) -> Value {
    json!({
        "id": model.spec.id.as_str(),
        "kind": model.spec.kind.as_str(),
        "role": model.spec.role,
        "state": model.as_str(),
        "memoryMB": model.spec.memory_mb,
        "version": model.active.as_ref().map_or(&model.spec.version, |active| &active.version),
        "sha256": model.active.as_ref().map(ReleasedModel::sha256),
        "note": model.spec.note,
    })
}

/// The JSON of `GET /api/budget/status`.
#[must_use]
pub fn budget_json(budget: &BudgetStatus, policy: &Policy) -> Value {
    let books = &budget.books;
    let line =
        Usd::from_nanos(books.cap.nanos().saturating_sub(books.floor.nanos()).saturating_add(books.adjusted.nanos()));
    json!({
        "monthly": {
            "month": books.month.to_string(),
            "used": books.settled.as_dollars(),
            "reserved": books.reserved.as_dollars(),
            "limit": books.cap.as_dollars(),
            "percentage": percentage_of(books.settled, books.cap),
            "available": books.available.as_dollars(),
            "state": if is_stopped(books) { "stopped" } else { books.state.as_str() },
            "unknown": books.unknown.as_dollars(),
            "adjusted": books.adjusted.as_dollars(),
            "resetsAt": books.month.resets_at().to_string(),
        },
        "perRequest": {"limit": policy.budget.per_request_usd.as_dollars()},
        "emergencyStop": {"at": line.as_dollars(), "percentage": policy.budget.stop_percent},
        "lastSweep": budget.last_sweep.as_ref().map(last_sweep_json),
    })
}

fn last_sweep_json(last: &LastSweep) -> Value {
    json!({
        "at": last.at.to_string(),
        "expired": last.swept.expired,
        "chargedUsd": last.swept.charged.as_dollars(),
        "pending": last.swept.pending,
    })
}

/// The JSON of a release that is active.
#[must_use]
pub fn release_json(active: &ActiveRelease) -> Value {
    json!({
        "id": active.release.id(),
        "revision": active.revision,
        "since": active.since.to_string(),
        "previous": active.previous.as_ref().map(Release::id),
        "knowledge": active.release.knowledge.iter()
            .map(|knowledge| json!({"agent": knowledge.agent.as_str(), "version": knowledge.version}))
            .collect::<Vec<_>>(),
    })
}

/// The JSON of `POST /api/models/init`.
#[must_use]
pub fn init_json(initialised: &Initialised) -> Value {
    let (state, active) = match &initialised.activation {
        Activation::Activated(active) => ("activated", Some(active)),
        Activation::Unchanged(active) => ("unchanged", Some(active)),
        Activation::Failed => ("failed", None),
    };
    let models = initialised.models.iter().map(|(id, model)| match model {
        Ok(model) => json!({
            "id": id, "ready": true, "version": model.version, "sha256": model.sha256(), "bytes": model.bytes(),
        }),
        Err(reason) => json!({"id": id, "ready": false, "error": reason}),
    });
    let knowledge = initialised.knowledge.iter().map(|(agent, knowledge)| match knowledge {
        Ok(knowledge) => json!({
            "agent": agent, "ready": true, "version": knowledge.version,
            "sha256": knowledge.file.sha256, "bytes": knowledge.file.bytes,
        }),
        Err(reason) => json!({"agent": agent, "ready": false, "error": reason}),
    });
    json!({
        "ready": active.is_some(),
        "state": state,
        "release": active.map(release_json),
        "models": models.collect::<Vec<_>>(),
        "knowledge": knowledge.collect::<Vec<_>>(),
    })
}

fn percentage(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 * 1_000.0 / whole as f64).round() / 10.0 }
}

fn percentage_of(part: Usd, whole: Usd) -> f64 {
    if whole == Usd::ZERO { 0.0 } else { (part.as_dollars() * 1_000.0 / whole.as_dollars()).round() / 10.0 }
}

fn dollars(amount: Usd) -> String {
    format!("${:.2}", amount.as_dollars())
}

fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}
