//! What a week's outcomes say a policy should be instead: one small change, made from one half of them and held against the other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::calibration::{fitted, loss_difference, step, weigh};
use super::digest::{AnswerSum, Digest};
use super::measures::BINS;
use super::promotion::sureness;
use super::replay::{Compared, Replay};
use super::weights::Weighted;
use crate::policy::{Calibration, Policy, Tuning};

/// A change that is worth to be tried out, with what speaks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// What the policy would say.
    pub tuning: Tuning,
    /// What is changed, in words.
    pub what: String,
    /// What outcomes say of it that it was not made from.
    pub evidence: GateEvidence,
}

/// What held-out outcomes say of a change.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateEvidence {
    /// How many outcomes.
    pub outcomes: u64,
    /// Of these, those to which it makes a difference.
    pub differing: u64,
    /// What it gains for each, in the mean: dollars, the price of wrong answers included, or logarithmic loss of predicted ratings.
    /// Less than 0 is better.
    pub difference: f64,
    /// The bound below which that is, as sure as `[rollout.promotion]` asks.
    pub at_most: f64,
}

/// Why there is no candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotBetter {
    /// The change that looked best, in words; none when nothing looked better at all.
    pub what: Option<String>,
    /// What held-out outcomes say of it, if they say anything.
    pub evidence: Option<GateEvidence>,
}

/// The change to `active` that the outcomes of `digest` speak for, if they are sure enough of any.
///
/// How scores are read comes first: what thresholds are worth depends on it.
///
/// # Errors
/// [`NotBetter`] with what was looked at.
pub fn candidate(digest: &Digest, active: &Tuning, policy: &Policy) -> Result<Candidate, NotBetter> {
    match calibrated(digest, active, policy) {
        Ok(candidate) => Ok(candidate),
        Err(rejected) => {
            threshold(digest, active, policy).map_err(|next| if next.what.is_some() { next } else { rejected })
        }
    }
}

/// Scores read anew, for every model of which that predicts held-out ratings better.
fn calibrated(digest: &Digest, active: &Tuning, policy: &Policy) -> Result<Candidate, NotBetter> {
    let learning = &policy.learning;
    let [made_from, held_out] = [true, false].map(|first| weigh(digest.ratings.half(first), learning.tenant_share));
    let wanted = fitted(&made_from, active, learning.min_ratings);
    let mut tuning = active.clone();
    let (mut changed, mut rejected) = (Vec::new(), NotBetter { what: None, evidence: None });
    let mut evidence: Option<GateEvidence> = None;
    for (model, wanted) in wanted {
        let known = active.calibration(&model);
        let new = step(known, wanted);
        let rows: Vec<_> = held_out.iter().filter(|(_, rating)| rating.model == model).copied().collect();
        if new == known || rows.len() < learning.min_ratings {
            continue;
        }
        let Some(found) =
            loss_difference(&rows, known, new).and_then(|loss| gate(policy, rows.len(), rows.len(), loss))
        else {
            continue;
        };
        let what = format!("scores of `{model}` are read with slope {} and offset {}", new.slope, new.offset);
        if found.at_most >= 0.0 {
            rejected = NotBetter { what: Some(what), evidence: Some(found) };
            continue;
        }
        tuning.calibrations.insert(model, new);
        changed.push(what);
        if evidence.is_none_or(|least| found.at_most > least.at_most) {
            evidence = Some(found);
        }
    }
    match evidence {
        Some(evidence) => Ok(Candidate { tuning, what: changed.join("; "), evidence }),
        None => Err(rejected),
    }
}

/// One threshold moved one step, where that costs less, the price of wrong answers included.
fn threshold(digest: &Digest, active: &Tuning, policy: &Policy) -> Result<Candidate, NotBetter> {
    let learning = &policy.learning;
    let yardstick = yardstick(digest, active, policy, true);
    let replay = Replay::new(policy, &yardstick, digest.seen.half(true));
    let neighbours = active.thresholds.neighbours(policy.quality.rephrase);
    let tunings = neighbours.into_iter().map(|thresholds| Tuning { thresholds, ..active.clone() });
    let on = |first, tuning: &Tuning| replay.compare(digest.seen.half(first), active, tuning);
    let is_told = |found: &Compared| found.differing > 0 && 2 * found.guessed <= found.differing;
    let better = tunings.filter_map(|tuning| Some((on(true, &tuning).filter(is_told)?.objective.mean, tuning)));
    let best = better.filter(|(gain, _)| *gain < 0.0).min_by(|one, other| one.0.total_cmp(&other.0));
    let Some((_, tuning)) = best else { return Err(NotBetter { what: None, evidence: None }) };
    let what = what_moved(active, &tuning);
    let held_out = on(false, &tuning).filter(is_told);
    let evidence = held_out.and_then(|found| gate(policy, found.known, found.differing, found.objective));
    let (Some(found), Some(evidence)) = (held_out, evidence) else {
        return Err(NotBetter { what: Some(what), evidence: None });
    };
    let keeps_quality = keeps_quality(&found, policy);
    let is_enough = evidence.outcomes >= policy.rollout.promotion.min_samples / 2;
    if evidence.at_most < 0.0 && keeps_quality && is_enough && found.new_acceptable >= learning.quality_floor {
        Ok(Candidate { tuning, what, evidence })
    } else {
        Err(NotBetter { what: Some(what), evidence: Some(evidence) })
    }
}

/// How scores are to be read where policies are compared: by what callers said this week, and before that as `active` says. A
/// candidate is never measured by itself. `first` asks for the half that candidates are made from alone.
pub(super) fn yardstick(
    digest: &Digest,
    active: &Tuning,
    policy: &Policy,
    first: bool,
) -> BTreeMap<String, Calibration> {
    let learning = &policy.learning;
    if first {
        return fitted(&weigh(digest.ratings.half(true), learning.tenant_share), active, learning.min_ratings);
    }
    let all: Vec<_> = digest.ratings.iter().collect();
    fitted(&weigh(all.iter().copied(), learning.tenant_share), active, learning.min_ratings)
}

/// The share of acceptable answers of these requests, as models' scores are to be read, and its standard error. Where nothing was
/// answered, nothing acceptable was.
pub(super) fn acceptable(sum: &AnswerSum, read: &dyn Fn(&str) -> Calibration) -> Option<(f64, f64)> {
    let (mut total, mut squares) = (0.0, 0.0);
    for (model, scores) in &sum.scores {
        for (bin, count) in scores.counts().iter().enumerate() {
            let middle = (bin as f32 + 0.5) / BINS as f32;
            let acceptable = f64::from(read(model).read(middle));
            total += acceptable * *count as f64;
            squares += acceptable * acceptable * *count as f64;
        }
    }
    let requests = sum.requests as f64;
    let mean = total / requests;
    let error = ((squares / requests - mean * mean).max(0.0) / (requests - 1.0).max(1.0)).sqrt();
    (sum.requests > 1).then_some((mean, error))
}

fn gate(policy: &Policy, outcomes: usize, differing: usize, found: Weighted) -> Option<GateEvidence> {
    let at_most = found.mean + sureness(policy.rollout.promotion.confidence)? * found.error;
    Some(GateEvidence { outcomes: outcomes as u64, differing: differing as u64, difference: found.mean, at_most })
}

/// Whether it is shown that answers are no worse by more than the margin.
fn keeps_quality(found: &Compared, policy: &Policy) -> bool {
    let rules = &policy.rollout.promotion;
    sureness(rules.confidence).is_some_and(|sure| found.acceptable.mean - sure * found.acceptable.error > -rules.margin)
}

fn what_moved(from: &Tuning, to: &Tuning) -> String {
    let (from, to) = (&from.thresholds, &to.thresholds);
    let named = [
        ("min_answerability", from.min_answerability, to.min_answerability),
        ("confident_retrieval", from.confident_retrieval, to.confident_retrieval),
        ("cheap_below", from.cheap_below, to.cheap_below),
        ("strong_from", from.strong_from, to.strong_from),
    ];
    let moved = named.into_iter().find(|(_, from, to)| (from - to).abs() > f32::EPSILON);
    moved.map_or_else(String::new, |(name, from, to)| format!("`{name}` goes from {from} to {to}"))
}

#[cfg(test)]
mod tests;
