//! Outcomes, replayed: what another policy would have made of requests of which several steps' answers are known.

use std::collections::BTreeMap;

use super::digest::{Seen, Try};
use super::weights::{Weighted, weights};
use crate::complexity::Tier;
use crate::money::Usd;
use crate::policy::{Calibration, Policy, QualityThresholds, Tuning};
use crate::router::{self, Step};

/// How requests are replayed.
pub(super) struct Replay<'a> {
    /// The owner's policy.
    pub(super) policy: &'a Policy,
    /// How probable it is that an answer is acceptable, by its model and score, as far as is known: the measure of all policies.
    pub(super) yardstick: &'a BTreeMap<String, Calibration>,
    /// What each model costs and gives in the mean, by its name and the tier.
    usual: Usual<'a>,
}

/// For each model and tier how many tries are known, what they cost together in dollars, and the sum of the probabilities that
/// their answers are acceptable.
type Usual<'a> = BTreeMap<(&'a str, Tier), (f64, f64, f64)>;

/// What a request would have come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Walked {
    /// In dollars.
    pub(super) cost: f64,
    /// The probability that what was delivered is acceptable; 0 when nothing was.
    pub(super) acceptable: f64,
    /// Whether it would have asked a step that nobody asked: then that step is taken to do as it did for other requests.
    pub(super) is_guessed: bool,
}

/// How two policies compare on the same requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Compared {
    /// Requests of which it is known what both would have made.
    pub(super) known: usize,
    /// Of these, those on which they differ.
    pub(super) differing: usize,
    /// Of these, those on which one of them is guessed.
    pub(super) guessed: usize,
    /// The new policy's cost a request less the old one's, with the price of answers that are not acceptable, in dollars.
    pub(super) objective: Weighted,
    /// The new policy's share of acceptable answers less the old one's.
    pub(super) acceptable: Weighted,
    /// The new policy's share of acceptable answers.
    pub(super) new_acceptable: f64,
}

impl<'a> Replay<'a> {
    /// Replays requests like those of `seen`.
    pub(super) fn new(
        policy: &'a Policy,
        yardstick: &'a BTreeMap<String, Calibration>,
        seen: impl Iterator<Item = &'a Seen>,
    ) -> Self {
        let mut usual = Usual::new();
        for seen in seen {
            for tried in &seen.tries {
                let Some(score) = tried.score.filter(|_| !tried.is_barred) else { continue };
                let (count, cost, acceptable) = usual.entry((tried.model.as_str(), seen.tier)).or_default();
                *count += 1.0;
                *cost += Usd::from_nanos(tried.cost).as_dollars();
                *acceptable += f64::from(read(yardstick, &tried.model, score));
            }
        }
        Self { policy, yardstick, usual }
    }

    /// What `tuning` would have made of the request; `None` when it would have asked a step of which nothing is known.
    pub(super) fn walk(&self, seen: &Seen, tuning: &Tuning) -> Option<Walked> {
        let policy = self.policy.tuned(tuning, 0);
        let steps = router::plan(&seen.circumstances(), &policy);
        let mut walk = Walk { tuning, replay: self, thresholds: policy.quality, cost: 0, best: None, doubted: None };
        for (at, step) in steps.iter().enumerate() {
            let tries: Vec<&Try> = match step {
                Step::Local if seen.answerability < tuning.thresholds.min_answerability => continue,
                Step::Local => seen.tries.iter().filter(|tried| !self.is_paid(&tried.model)).collect(),
                Step::Paid(model) => seen.tries.iter().filter(|tried| tried.model == model.as_str()).collect(),
            };
            if tries.is_empty() {
                return self.guess(walk.cost, step, seen.tier);
            }
            let can_be_doubted = router::can_be_doubted(&steps, at, &policy);
            if let Some(acceptable) = walk.step(&tries, can_be_doubted) {
                return Some(Walked { acceptable, ..Walked::paid(walk.cost) });
            }
        }
        let acceptable = walk.doubted.or(walk.best.map(|(_, acceptable)| acceptable)).unwrap_or(0.0);
        Some(Walked { acceptable, ..Walked::paid(walk.cost) })
    }

    fn guess(&self, cost: i64, step: &Step, tier: Tier) -> Option<Walked> {
        let Step::Paid(model) = step else { return None };
        let (count, costs, acceptable) = self.usual.get(&(model.as_str(), tier))?;
        let before = Walked::paid(cost);
        Some(Walked { cost: before.cost + costs / count, acceptable: acceptable / count, is_guessed: true })
    }

    fn is_paid(&self, model: &str) -> bool {
        Tier::ALL.iter().any(|tier| self.policy.tiers.of(*tier).paid.iter().any(|paid| paid.as_str() == model))
    }

    /// How `new` compares with `old` on the requests that are known of both; `None` when these are fewer than two.
    pub(super) fn compare<'s>(
        &self,
        seen: impl Iterator<Item = &'s Seen>,
        old: &Tuning,
        new: &Tuning,
    ) -> Option<Compared> {
        let wrong = self.policy.learning.wrong_answer_usd.as_dollars();
        let known: Vec<(&Seen, Walked, Walked)> =
            seen.filter_map(|seen| Some((seen, self.walk(seen, old)?, self.walk(seen, new)?))).collect();
        let weights = weights(known.iter().map(|(seen, ..)| &seen.tenant), self.policy.learning.tenant_share);
        let weighted = |value: &dyn Fn(&Walked, &Walked) -> f64| -> Vec<(f64, f64)> {
            weights.iter().zip(&known).map(|(weight, (_, old, new))| (*weight, value(old, new))).collect()
        };
        let objective = |walked: &Walked| walked.cost + wrong * (1.0 - walked.acceptable);
        Some(Compared {
            known: known.len(),
            differing: known.iter().filter(|(_, old, new)| old != new).count(),
            guessed: known.iter().filter(|(_, old, new)| old != new && (old.is_guessed || new.is_guessed)).count(),
            objective: Weighted::of(&weighted(&|old, new| objective(new) - objective(old)))?,
            acceptable: Weighted::of(&weighted(&|old, new| new.acceptable - old.acceptable))?,
            new_acceptable: Weighted::of(&weighted(&|_, new| new.acceptable))?.mean,
        })
    }
}

impl Walked {
    fn paid(cost: i64) -> Self {
        Self { cost: Usd::from_nanos(cost).as_dollars(), acceptable: 0.0, is_guessed: false }
    }
}

fn read(yardstick: &BTreeMap<String, Calibration>, model: &str, score: f32) -> f32 {
    yardstick.get(model).copied().unwrap_or(Calibration::NONE).read(score)
}

/// One walk, as far as it has come.
struct Walk<'a> {
    tuning: &'a Tuning,
    replay: &'a Replay<'a>,
    thresholds: QualityThresholds,
    cost: i64,
    /// The best answer that did not pass, as the policy read it and as it is.
    best: Option<(f32, f64)>,
    /// An answer that passed and was doubted.
    doubted: Option<f64>,
}

impl Walk<'_> {
    /// What is delivered after these tries at a step, if anything is.
    fn step(&mut self, tries: &[&Try], can_be_doubted: bool) -> Option<f64> {
        self.cost += tries.iter().map(|tried| tried.cost).sum::<i64>();
        let judged = tries.iter().filter(|tried| !tried.is_barred).filter_map(|tried| Some((tried, tried.score?)));
        let (tried, raw) = judged.max_by(|one, other| one.1.total_cmp(&other.1))?;
        let score = self.tuning.calibration(&tried.model).read(raw);
        let acceptable = f64::from(read(self.replay.yardstick, &tried.model, raw));
        if score >= self.thresholds.rephrase {
            if tried.is_doubted && can_be_doubted && score > self.thresholds.deliver {
                self.doubted.get_or_insert(acceptable);
                return None;
            }
            return Some(acceptable);
        }
        if score >= self.thresholds.floor && self.best.is_none_or(|(best, _)| score > best) {
            self.best = Some((score, acceptable));
        }
        None
    }
}

#[cfg(test)]
mod tests;
