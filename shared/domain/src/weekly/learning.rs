//! What a week makes of the policy: one step at most, and nothing where nothing is shown.

use serde::{Deserialize, Serialize};

use super::canary::{CanaryVerdict, Fate, judge};
use super::candidate::{GateEvidence, candidate};
use super::digest::Digest;
use super::promotion::{Decision, Reason};
use crate::policy::{Policy, Tuning};
use crate::rollout::Stage;
use crate::time::{Timestamp, Week};
use crate::versions::{Author, Canary, Standing};

/// What a week made of the policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyStep {
    /// The version that held.
    pub from: u32,
    /// The version that holds from now on.
    pub to: u32,
    /// What becomes of the version that was tried out, if there was one.
    pub canary: Option<CanaryVerdict>,
    /// The version that is tried out from now on, if that is a new one.
    pub tried: Option<u32>,
    /// The change that was looked at, if there was one.
    pub change: Option<Change>,
    /// What was done, in plain words.
    pub words: Vec<String>,
}

/// A change that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What would change.
    pub what: String,
    /// Whether it is tried out.
    pub is_tried: bool,
    /// What outcomes say of it that it was not made from.
    pub evidence: Option<GateEvidence>,
}

/// What `week` makes of `standing`, where the owner's file is `file`: which version is to hold and what to say of it.
///
/// A stage that is left backwards goes before everything, then the version that is tried out, a stage that is left forwards, and
/// a new change. At most one of them is done, but that a version may be given up beside it.
#[must_use]
pub fn learn(
    standing: &Standing,
    file: &Policy,
    digest: &Digest,
    decision: &Decision,
    (week, now): (Week, Timestamp),
) -> (Standing, PolicyStep) {
    let (active, tried) = standing.in_force(file);
    let from = active.policy.version;
    let mut step = PolicyStep { from, to: from, ..PolicyStep::default() };
    let mut next = Standing { revision: standing.revision + 1, week: Some(week), ..standing.clone() };
    if tried.is_none() {
        // What was made from another file of the owner's is tried no more.
        next.canary = None;
    }
    if is_frozen(standing, file) {
        next.canary = None;
        step.words.push("The owner froze the policy: nothing is changed.".to_owned());
        return (next, step);
    }
    let canary = next.canary.clone();
    step.canary = canary.as_ref().map(|canary| judge(digest, canary, (from, &active.tuning), &active.policy));
    if let (Some(canary), Some(verdict)) = (&mut next.canary, &step.canary) {
        let (fate, reason) = (verdict.fate.as_str(), verdict.reason.as_str());
        step.words.push(format!("Version {} is {fate}: {reason}.", verdict.version));
        canary.weeks += 1;
        if verdict.fate != Fate::Held {
            next.canary = None;
        }
    }
    let promoted = canary.filter(|_| step.canary.is_some_and(|verdict| verdict.fate == Fate::Promoted));
    let by = Author::Week(week);
    if decision.stage < active.tuning.stage || (promoted.is_none() && decision.stage > active.tuning.stage) {
        let why = moved(active.tuning.stage, decision);
        let tuning = Tuning { stage: decision.stage, ..active.tuning.clone() };
        let version = next.next_version(file, tuning, now, by, why.clone());
        step.words.push(format!("{why} That is version {}.", version.number));
        step.to = version.number;
        // What was tried beside answers that were worse than thought is tried no more.
        let held = next.canary.take().filter(|_| decision.stage > active.tuning.stage);
        next = Standing { revision: standing.revision + 1, canary: held, ..next.activating(version) };
    } else if let Some(canary) = promoted {
        // Its stage is the one of all: it may have changed since the version was made.
        let same_stage = canary.version.tuning.stage == active.tuning.stage;
        let version = if same_stage {
            canary.version
        } else {
            let tuning = Tuning { stage: active.tuning.stage, ..canary.version.tuning };
            next.next_version(
                file,
                tuning,
                now,
                by,
                format!("As version {}. {}", canary.version.number, canary.version.why),
            )
        };
        step.to = version.number;
        next = Standing { revision: standing.revision + 1, ..next.activating(version) };
    } else if next.canary.is_none() && file.learning.tunes {
        match candidate(digest, &active.tuning, &active.policy) {
            Ok(found) => {
                let version = next.next_version(file, found.tuning, now, by, found.what.clone());
                let share = file.learning.canary_share;
                step.words.push(format!(
                    "Version {} is tried out on {:.0} % of the requests: {}.",
                    version.number,
                    100.0 * share,
                    found.what
                ));
                step.tried = Some(version.number);
                step.change = Some(Change { what: found.what, is_tried: true, evidence: Some(found.evidence) });
                next.newest = next.newest.max(version.number);
                next.canary = Some(Canary { version, share, weeks: 0 });
            }
            Err(found) => {
                step.change = found.what.map(|what| Change { what, is_tried: false, evidence: found.evidence });
                if let Some(change) = &step.change {
                    step.words.push(format!(
                        "Looked at, and not tried out, as held-out outcomes do not show that it is better: {}.",
                        change.what
                    ));
                }
            }
        }
    }
    if step.words.is_empty() {
        step.words.push("Nothing is changed.".to_owned());
    }
    (next, step)
}

/// Whether the owner wants everything to stay as it is.
#[must_use]
pub fn is_frozen(standing: &Standing, file: &Policy) -> bool {
    standing.frozen || file.rollout.frozen
}

fn moved(from: Stage, decision: &Decision) -> String {
    let (to, reason): (Stage, Reason) = (decision.stage, decision.reason);
    format!("The rollout goes from `{}` to `{}`: {}.", from.as_str(), to.as_str(), reason.as_str())
}

#[cfg(test)]
mod tests;
