//! Bugs in what the ledger asks of the database.

use serde_json::{Value, json};

use super::Bug;
use crate::world::Sim;

/// The body with the bug in it; `None` when this call is not concerned.
pub(super) fn tampered(bug: Bug, body: &str, sim: &Sim) -> Option<String> {
    let mut body: Value = serde_json::from_str(body).ok()?;
    let is_done = match Call::of(&body)? {
        Call::Reserve => reserve(bug, &mut body, sim),
        Call::Resolve => resolve(bug, &mut body, sim),
        Call::Expire => expire(bug, &mut body),
        Call::Acquire => acquire(bug, &mut body),
        Call::Finish => finish(bug, &mut body),
        Call::FinishJob => {
            bug == Bug::NoFenceOnTheJob && {
                let is_done = without(&mut body, "#st = :running AND #owner = :me", &["#owner"], &[":running", ":me"]);
                unconditional(&mut body);
                is_done
            }
        }
    };
    is_done.then(|| body.to_string())
}

enum Call {
    Reserve,
    Resolve,
    Expire,
    Acquire,
    Finish,
    FinishJob,
}

impl Call {
    fn of(body: &Value) -> Option<Self> {
        let first = &body["TransactItems"][0]["Update"];
        if first["UpdateExpression"].as_str().is_some_and(|update| update.contains("#avail - :r")) {
            return Some(Self::Reserve);
        }
        match first["ExpressionAttributeValues"][":to"]["S"].as_str() {
            Some("expired") => return Some(Self::Expire),
            Some(_) => return Some(Self::Resolve),
            None => {}
        }
        let update = body["UpdateExpression"].as_str()?;
        if update.contains("if_not_exists(#env") {
            Some(Self::Acquire)
        } else if update.contains("#result = :result") {
            Some(Self::FinishJob)
        } else {
            update.contains("#st = :done").then_some(Self::Finish)
        }
    }
}

fn reserve(bug: Bug, body: &mut Value, sim: &Sim) -> bool {
    let writes = &mut body["TransactItems"];
    match bug {
        Bug::CheckThenAct => without(&mut writes[0]["Update"], " AND #avail >= :r", &[], &[]),
        Bug::NoEnvelope => without(&mut writes[1]["Update"], " AND #env >= :r", &[], &[]),
        Bug::StopIsIgnored => without(&mut writes[0]["Update"], "#st = :open AND ", &["#st"], &[":open"]),
        Bug::PricesAreIgnored => without(&mut writes[0]["Update"], " AND #pv = :pv", &["#pv"], &[":pv"]),
        Bug::NoDurableToken => {
            if let Some(put) = writes[2]["Put"].as_object_mut() {
                put.remove("ConditionExpression");
            }
            body["ClientRequestToken"] = json!(format!("another-{}", sim.next_number()));
            true
        }
        _ => false,
    }
}

fn resolve(bug: Bug, body: &mut Value, sim: &Sim) -> bool {
    let writes = &mut body["TransactItems"];
    match bug {
        Bug::SettleInTodaysMonth => {
            writes[1]["Update"]["Key"]["PK"]["S"] = json!(format!("BUDGET#{}", sim.now().month()));
            true
        }
        Bug::LateIgnoresTheSweep => {
            // A correction is made only by one who looks at the row's state.
            if writes[0]["Update"]["ExpressionAttributeValues"][":from"]["S"] == "expired" {
                return false;
            }
            unconditional(&mut writes[1]["Update"]);
            without(&mut writes[0]["Update"], "#st = :from AND ", &[], &[":from"])
        }
        Bug::OverageGoesOn => {
            let month = &mut writes[1]["Update"];
            let update = month["UpdateExpression"].as_str().unwrap_or_default().to_owned();
            if !update.contains(", #st = :stopped") {
                return false;
            }
            month["UpdateExpression"] = json!(update.replace(", #st = :stopped", ""));
            forget(month, "ExpressionAttributeNames", &["#st"]);
            forget(month, "ExpressionAttributeValues", &[":stopped"]);
            true
        }
        _ => false,
    }
}

fn expire(bug: Bug, body: &mut Value) -> bool {
    let writes = &mut body["TransactItems"];
    match bug {
        Bug::ExpireVoids => {
            let nothing = json!({"N": "0"});
            writes[0]["Update"]["ExpressionAttributeValues"][":c"] = nothing.clone();
            let month = &mut writes[1]["Update"]["ExpressionAttributeValues"];
            month[":d"] = month[":a"].clone();
            month[":c"] = nothing.clone();
            if month.get(":u").is_some() {
                month[":u"] = nothing;
            }
            true
        }
        Bug::SweepWithoutCondition => {
            unconditional(&mut writes[1]["Update"]);
            let row = &mut writes[0]["Update"];
            without(row, "#st = :from AND ", &[], &[":from"])
                && without(row, " AND #expires < :now", &["#expires"], &[":now"])
        }
        _ => false,
    }
}

fn acquire(bug: Bug, body: &mut Value) -> bool {
    match bug {
        Bug::TakeoverRefillsTheEnvelope => {
            let update = body["UpdateExpression"].as_str().unwrap_or_default();
            body["UpdateExpression"] = json!(update.replace("if_not_exists(#env, :env)", ":env"));
            true
        }
        Bug::DoneIsClaimedAgain => without(body, "#st = :inprog AND ", &[], &[]),
        _ => false,
    }
}

fn finish(bug: Bug, body: &mut Value) -> bool {
    bug == Bug::NoFenceOnDone && without(body, " AND #ow = :me", &["#ow"], &[":me"])
}

/// Takes the write's whole condition away.
fn unconditional(write: &mut Value) {
    if let Some(write) = write.as_object_mut() {
        write.remove("ConditionExpression");
    }
}

/// Takes `part` out of the write's condition, and the names and values that nothing else uses.
fn without(write: &mut Value, part: &str, names: &[&str], values: &[&str]) -> bool {
    let condition = write["ConditionExpression"].as_str().unwrap_or_default().to_owned();
    if !condition.contains(part) {
        return false;
    }
    write["ConditionExpression"] = json!(condition.replace(part, ""));
    forget(write, "ExpressionAttributeNames", names);
    forget(write, "ExpressionAttributeValues", values);
    true
}

fn forget(write: &mut Value, of: &str, aliases: &[&str]) {
    if let Some(known) = write[of].as_object_mut() {
        for alias in aliases {
            known.remove(*alias);
        }
    }
}
