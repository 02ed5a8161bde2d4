//! What outcomes come to, in a size that does not grow with their number.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::measures::{Histogram, Moments};
use crate::complexity::Tier;
use crate::money::Usd;
use crate::outcome::{Attempt, Feedback, Origin, Outcome, QuantizedVector};
use crate::policy::QualityThresholds;
use crate::quality::{Quality, Verdict};
use crate::rollout::Arm;
pub use evidence::{AnswerSum, KEPT, Rating, Seen, Try, Versions};
pub use sums::{ArmSum, Day, Pair, TierSum, Work};
use sums::{add_both, is_delivered};
pub use topics::{Bought, BoughtAnswer, BoughtQuestion, Centroid, Sample};

mod evidence;
mod sums;
mod topics;

/// The most tenants that are told apart; the rest count as one.
const MOST_TENANTS: usize = 200;

/// What a stretch of outcomes comes to. Digests of different outcomes can be merged, and however outcomes are split the
/// same comes out, but for tenants beyond the first 200.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Digest {
    /// All requests.
    pub requests: u64,
    /// By day, such as `2026-11-29`.
    pub days: BTreeMap<String, Day>,
    /// What each model did for each tier, attempts that were compared only included.
    pub models: BTreeMap<String, BTreeMap<Tier, Work>>,
    /// What each tier's requests came to.
    pub tiers: BTreeMap<Tier, TierSum>,
    /// What both made of the same query where that was compared on purpose: a sample of all queries.
    pub compared: Pairs,
    /// What both made of the same query where the cheaper one's answer was not delivered: queries that are hard for it.
    pub escalated: Pairs,
    /// By the rollout's way.
    pub arms: BTreeMap<Arm, ArmSum>,
    /// How sure tiers were.
    pub confidences: Histogram,
    /// The scores of delivered answers.
    pub scores: Histogram,
    /// The mean of delivered answers' scores.
    pub score: Moments,
    /// For each twentieth of the score of delivered answers that were rated: helpful and unhelpful.
    pub rated: BTreeMap<u8, [u64; 2]>,
    /// The mean of the queries' embeddings.
    pub centroid: Centroid,
    /// Some of the queries' embeddings.
    pub sample: Sample<QuantizedVector>,
    /// The questions that knowledge did not answer and money did.
    pub bought: Bought,
    /// What several steps made of the same queries.
    pub seen: Sample<Seen, KEPT>,
    /// What callers said.
    pub ratings: Sample<Rating, KEPT>,
    /// What came of each version of the policy.
    pub versions: Versions,
    /// How many requests each tenant made.
    pub tenants: BTreeMap<String, u64>,
}

/// Pairs by cheaper and dearer model and tier.
pub type Pairs = BTreeMap<String, BTreeMap<String, BTreeMap<Tier, Pair>>>;

impl Digest {
    /// Adds an outcome, whose answers are held against `thresholds`.
    pub fn add(&mut self, outcome: &Outcome, thresholds: &QualityThresholds) {
        self.requests += 1;
        self.count_tenant(outcome.tenant.as_str(), 1);
        let delivered = outcome.score.filter(|_| is_new(outcome.origin)).map(f64::from);
        self.versions.add(outcome);
        if let Some(rating) = Rating::of(outcome) {
            self.ratings.add(&outcome.request, || rating);
        }
        let day = self.days.entry(outcome.at.day()).or_default();
        day.requests += 1;
        *day.origins.entry(outcome.origin.as_str().to_owned()).or_default() += 1;
        day.cost += outcome.cost.nanos();
        day.compared_cost += outcome.shadow.as_ref().map_or(0, |compared| compared.cost.nanos());
        day.baseline += outcome.baseline.nanos();
        day.latency.add(outcome.latency_ms);
        let arm = self.arms.entry(outcome.arm).or_default();
        arm.requests += 1;
        arm.cost += outcome.cost.nanos();
        arm.answers.add(outcome);
        if outcome.origin != Origin::Failed {
            arm.answered += 1;
        }
        if let Some(feedback) = outcome.feedback {
            arm.rated[place(feedback)] += 1;
        }
        if let Some(score) = delivered {
            [&mut day.score, &mut arm.score, &mut self.score].into_iter().for_each(|sum| sum.add(score));
            self.scores.add(score as f32);
            if let Some(feedback) = outcome.feedback {
                let bin = crate::outcome::score_bin(score as f32);
                self.rated.entry(u8::try_from(bin).unwrap_or(u8::MAX)).or_default()[place(feedback)] += 1;
            }
        }
        self.add_query(outcome, delivered, thresholds);
    }

    fn add_query(&mut self, outcome: &Outcome, delivered: Option<f64>, thresholds: &QualityThresholds) {
        let Some(query) = &outcome.query else { return };
        self.confidences.add(query.confidence);
        self.centroid.add(&query.embedding);
        self.sample.add(&outcome.request, || query.embedding.clone());
        self.bought.add(outcome, query);
        if let Some(seen) = Seen::of(outcome, query) {
            self.seen.add(&outcome.request, || seen);
        }
        let tier = self.tiers.entry(query.tier).or_default();
        tier.requests += 1;
        tier.local += u64::from(outcome.origin == Origin::Local);
        tier.escalated += u64::from(outcome.escalated);
        tier.cost += outcome.cost.nanos();
        let was_delivered = |attempt: &Attempt| is_delivered(&attempt.outcome);
        tier.wasted +=
            outcome.attempts.iter().filter(|one| !was_delivered(one)).map(|one| one.cost.nanos()).sum::<i64>();
        tier.baseline += outcome.baseline.nanos();
        tier.confidence.add(query.confidence.into());
        if let Some(score) = delivered {
            tier.score.add(score);
        }
        for attempt in outcome.attempts.iter().chain(&outcome.shadow).filter(|attempt| was_made(attempt)) {
            let of_model = self.models.entry(attempt.model.clone()).or_default();
            of_model.entry(query.tier).or_default().add(attempt, thresholds);
        }
        let judged: Vec<&Attempt> = outcome.attempts.iter().filter(|attempt| attempt.quality.is_some()).collect();
        if let (Some(compared), Some(delivered)) = (&outcome.shadow, judged.last()) {
            let delivered: &Attempt = delivered;
            if compared.cost > delivered.cost {
                add_pair(&mut self.compared, query.tier, (delivered, compared), false, thresholds);
            } else if let Some(quality) = &compared.quality {
                tier.compared += 1;
                tier.cheaper_would_do += u64::from(passes(quality, thresholds));
                add_pair(&mut self.compared, query.tier, (compared, delivered), true, thresholds);
            }
        }
        if let [cheaper, .., dearer] = judged[..] {
            add_pair(&mut self.escalated, query.tier, (cheaper, dearer), true, thresholds);
        }
    }

    fn count_tenant(&mut self, tenant: &str, by: u64) {
        let is_known = self.tenants.contains_key(tenant);
        let name = if is_known || self.tenants.len() < MOST_TENANTS { tenant } else { OTHERS };
        *self.tenants.entry(name.to_owned()).or_default() += by;
    }

    /// Adds what `other` is of: outcomes that are not in this one.
    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        each(&mut self.days, &other.days, Day::merge);
        each(&mut self.models, &other.models, |models, other| each(models, other, Work::merge));
        each(&mut self.tiers, &other.tiers, TierSum::merge);
        merge_pairs(&mut self.compared, &other.compared);
        merge_pairs(&mut self.escalated, &other.escalated);
        each(&mut self.arms, &other.arms, ArmSum::merge);
        self.confidences.merge(&other.confidences);
        self.scores.merge(&other.scores);
        self.score.merge(&other.score);
        each(&mut self.rated, &other.rated, add_both);
        self.centroid.merge(&other.centroid);
        self.sample.merge(&other.sample);
        self.bought.merge(&other.bought);
        self.seen.merge(&other.seen);
        self.ratings.merge(&other.ratings);
        self.versions.merge(&other.versions);
        other.tenants.iter().for_each(|(tenant, count)| self.count_tenant(tenant, *count));
    }

    /// What was paid.
    #[must_use]
    pub fn cost(&self) -> Usd {
        Usd::from_nanos(self.days.values().map(|day| day.cost + day.compared_cost).sum())
    }

    /// What the baseline would have cost.
    #[must_use]
    pub fn baseline(&self) -> Usd {
        Usd::from_nanos(self.days.values().map(|day| day.baseline).sum())
    }

    /// How many requests had this origin.
    #[must_use]
    pub fn of_origin(&self, origin: Origin) -> u64 {
        self.days.values().filter_map(|day| day.origins.get(origin.as_str())).sum()
    }
}

/// Stands for the tenants that are not told apart; no tenant has this name.
const OTHERS: &str = "(others)";

/// Whether the answer was made for this request, and not kept from another or refused.
fn is_new(origin: Origin) -> bool {
    matches!(origin, Origin::Local | Origin::Paid)
}

const fn place(feedback: Feedback) -> usize {
    match feedback {
        Feedback::Helpful => 0,
        Feedback::Unhelpful => 1,
    }
}

fn passes(quality: &Quality, thresholds: &QualityThresholds) -> bool {
    quality.verdict(thresholds) == Verdict::Deliver
}

fn add_pair(
    pairs: &mut Pairs,
    tier: Tier,
    (cheaper, dearer): (&Attempt, &Attempt),
    is_dearer_delivered: bool,
    thresholds: &QualityThresholds,
) {
    let (Some(one), Some(other)) = (&cheaper.quality, &dearer.quality) else { return };
    let by_tier = pairs.entry(cheaper.model.clone()).or_default().entry(dearer.model.clone()).or_default();
    let pair = by_tier.entry(tier).or_default();
    let count = match (passes(one, thresholds), passes(other, thresholds)) {
        (true, true) => &mut pair.both,
        (true, false) => &mut pair.cheaper,
        (false, true) => &mut pair.dearer,
        (false, false) => &mut pair.neither,
    };
    *count += 1;
    if one.verdict(thresholds) != Verdict::Escalate {
        pair.difference.add(f64::from(one.score) - f64::from(other.score));
    }
    pair.cost += dearer.cost.nanos();
    pair.dearer_delivered += u64::from(is_dearer_delivered);
}

fn merge_pairs(pairs: &mut Pairs, others: &Pairs) {
    each(pairs, others, |by_dearer, other| {
        each(by_dearer, other, |by_tier, other| each(by_tier, other, Pair::merge));
    });
}

/// Whether the model was asked at all.
fn was_made(attempt: &Attempt) -> bool {
    attempt.quality.is_some() || attempt.cost > Usd::ZERO
}

fn each<K: Ord + Clone, V: Default>(sums: &mut BTreeMap<K, V>, others: &BTreeMap<K, V>, merge: impl Fn(&mut V, &V)) {
    others.iter().for_each(|(key, other)| merge(sums.entry(key.clone()).or_default(), other));
}

#[cfg(test)]
mod tests;
