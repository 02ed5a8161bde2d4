//! What a week came to, and what its owner might do about it.

use serde::{Deserialize, Serialize};

use super::digest::{Day, Digest, Pair, Pairs, TierSum};
use super::drift::{Change, Measure};
use super::learning::PolicyStep;
use super::measures::{Latencies, Moments};
use super::promotion::{Decision, decide, sureness};
use super::proposals::ProposalLine;
use super::topics::{Topic, topics};
use crate::complexity::Tier;
use crate::money::Usd;
use crate::outcome::Origin;
use crate::policy::{Policy, Tuning};
use crate::rollout::{Arm, Stage};
use crate::time::Week;

/// The fewest comparisons of which anything is advised.
const LEAST_COMPARED: u64 = 50;
/// The fewest ratings of which anything is said.
const LEAST_RATED: u64 = 20;
/// By how much a cheaper answer's score may be lower, in the mean, and still do.
const MARGIN: f64 = 0.03;
/// How sure advice is, one-sided.
const CONFIDENCE: f64 = 0.95;
/// Weeks in a month, in the mean.
pub(super) const WEEKS: f64 = 365.25 / 12.0 / 7.0;

/// What a week came to. Money is in dollars, shares and scores from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WeeklyReport {
    /// Which week.
    pub week: Week,
    /// The version of the policy that was in force when the report was written.
    pub policy_version: u32,
    /// The stage of the rollout then.
    pub stage: Stage,
    /// The week and those before it, oldest first.
    pub weeks: Vec<Line>,
    /// The week's days.
    pub days: Vec<Line>,
    /// What each model did for each tier.
    pub models: Vec<ModelLine>,
    /// Where the cheaper step would have done, by comparisons on purpose.
    pub compared: Vec<PairLine>,
    /// What asking the dearer step gave where the cheaper one's answer was not delivered.
    pub escalated: Vec<PairLine>,
    /// How often answers of each twentieth of the score were called helpful, and unhelpful.
    pub reliability: Vec<(f64, [u64; 2])>,
    /// The week that this one is held against; none while there is none.
    pub baseline_week: Option<Week>,
    /// How it differs from that.
    pub changes: Vec<Change>,
    /// What was paid for although knowledge might have answered it, by topic.
    pub topics: Vec<Topic>,
    /// Knowledge that paid answers propose, new this week.
    #[serde(default)]
    pub proposals: Vec<ProposalLine>,
    /// How well queries were routed, by tier.
    #[serde(default)]
    pub routing: Vec<RoutingLine>,
    /// What the week says about the rollout.
    pub rollout: Decision,
    /// What it made of the policy.
    #[serde(default)]
    pub policy: PolicyStep,
    /// What the owner might do.
    pub advice: Vec<Advice>,
}

/// The sums of a week or a day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Which one.
    pub period: String,
    /// All requests.
    pub requests: u64,
    /// By the origins of [`Origin::ALL`], in that order.
    pub origins: [u64; 5],
    /// What was paid.
    pub cost_usd: f64,
    /// What the baseline model would have cost.
    pub baseline_usd: f64,
    /// The mean score of the answers that were made.
    pub mean_score: Option<f64>,
    /// Within how many milliseconds half of the requests ended.
    pub p50_ms: Option<u64>,
    /// And nineteen in twenty.
    pub p95_ms: Option<u64>,
}

/// What a model did for a tier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelLine {
    /// The model.
    pub model: String,
    /// The tier.
    pub tier: Tier,
    /// How often it was asked.
    pub attempts: u64,
    /// The share of judged answers that were above the threshold.
    pub passed: Option<f64>,
    /// How often its answer was delivered.
    pub delivered: u64,
    /// What it cost.
    pub cost_usd: f64,
    /// What each delivered answer cost.
    pub cost_per_delivered_usd: Option<f64>,
    /// The mean score.
    pub mean_score: Option<f64>,
    /// Within how many milliseconds nineteen in twenty attempts ended.
    pub p95_ms: Option<u64>,
}

/// What two steps made of the same queries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairLine {
    /// The cheaper model.
    pub cheaper: String,
    /// The dearer model.
    pub dearer: String,
    /// The tier.
    pub tier: Tier,
    /// How many queries.
    pub queries: u64,
    /// The share of them that the cheaper one passed.
    pub cheaper_passed: f64,
    /// The share that the dearer one passed.
    pub dearer_passed: f64,
    /// The cheaper one's score less the dearer one's, in the mean where the cheaper one passed.
    pub difference: Option<f64>,
    /// The bound above which that difference is with 95 % confidence.
    pub at_least: Option<f64>,
    /// What the dearer one cost.
    pub cost_usd: f64,
    /// For how many of the queries the dearer one's answer was delivered.
    #[serde(default)]
    pub dearer_delivered: u64,
}

/// How well a tier's queries were routed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoutingLine {
    /// The tier.
    pub tier: Tier,
    /// Its requests.
    pub requests: u64,
    /// The share of them that were answered locally.
    pub local: Option<f64>,
    /// The share of them that a later step than the first answered: where a cheap step failed.
    pub escalated: Option<f64>,
    /// What was paid for them.
    pub cost_usd: f64,
    /// Of this, what was paid for answers that were not delivered.
    pub wasted_usd: f64,
    /// How many of them a dearer step answered and a cheaper one was tried for comparison.
    pub compared: u64,
    /// The share of these in which the cheaper step would have done.
    pub cheaper_would_do: Option<f64>,
}

/// What the owner might do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Advice {
    /// What to do and why, in plain words.
    pub text: String,
    /// What it would save in a month, if that can be told.
    pub saves_usd_a_month: Option<f64>,
}

/// The report of `week`, whose outcomes came to `digest`, under `policy` with what was tuned of it. `before` are the weeks before, oldest first;
/// `baseline` and `changes` are what the week is held against, and how it differs.
#[must_use]
pub fn report(
    week: Week,
    digest: &Digest,
    (policy, tuning): (&Policy, &Tuning),
    before: Vec<Line>,
    baseline: Option<Week>,
    changes: Vec<Change>,
) -> WeeklyReport {
    let mut weeks = before;
    weeks.push(line(&week.to_string(), digest.days.values()));
    let bins = digest.rated.iter().map(|(bin, counts)| (f64::from(*bin) / 20.0, *counts));
    let mut report = WeeklyReport {
        week,
        policy_version: policy.version,
        stage: policy.rollout.stage,
        weeks,
        days: digest.days.iter().map(|(day, sums)| line(day, [sums])).collect(),
        models: models(digest),
        compared: pairs(&digest.compared),
        escalated: pairs(&digest.escalated),
        reliability: bins.collect(),
        baseline_week: baseline,
        topics: topics(&digest.bought),
        proposals: Vec::new(),
        routing: routing(digest),
        policy: PolicyStep::default(),
        rollout: decide(digest, &changes, tuning, policy),
        changes,
        advice: Vec::new(),
    };
    report.advice = advice(digest, &report, policy);
    report
}

fn line<'a>(period: &str, days: impl IntoIterator<Item = &'a Day>) -> Line {
    let (mut requests, mut origins, mut cost, mut baseline) = (0, [0; 5], 0, 0);
    let (mut score, mut latency) = (Moments::default(), Latencies::default());
    for day in days {
        requests += day.requests;
        for (sum, origin) in origins.iter_mut().zip(Origin::ALL) {
            *sum += day.origins.get(origin.as_str()).unwrap_or(&0);
        }
        cost += day.cost + day.compared_cost;
        baseline += day.baseline;
        score.merge(&day.score);
        latency.merge(&day.latency);
    }
    Line {
        period: period.to_owned(),
        requests,
        origins,
        cost_usd: dollars(cost),
        baseline_usd: dollars(baseline),
        mean_score: score.mean(),
        p50_ms: latency.quantile(0.5),
        p95_ms: latency.quantile(0.95),
    }
}

fn dollars(nanos: i64) -> f64 {
    Usd::from_nanos(nanos).as_dollars()
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn models(digest: &Digest) -> Vec<ModelLine> {
    let all = digest.models.iter().flat_map(|(model, tiers)| tiers.iter().map(move |(tier, work)| (model, tier, work)));
    all.map(|(model, tier, work)| ModelLine {
        model: model.clone(),
        tier: *tier,
        attempts: work.attempts,
        passed: share(work.passed, work.judged),
        delivered: work.delivered,
        cost_usd: dollars(work.cost),
        cost_per_delivered_usd: share(1, work.delivered).map(|of_one| dollars(work.cost) * of_one),
        mean_score: work.score.mean(),
        p95_ms: work.latency.quantile(0.95),
    })
    .collect()
}

fn routing(digest: &Digest) -> Vec<RoutingLine> {
    let line = |(tier, sum): (&Tier, &TierSum)| RoutingLine {
        tier: *tier,
        requests: sum.requests,
        local: share(sum.local, sum.requests),
        escalated: share(sum.escalated, sum.requests),
        cost_usd: dollars(sum.cost),
        wasted_usd: dollars(sum.wasted),
        compared: sum.compared,
        cheaper_would_do: share(sum.cheaper_would_do, sum.compared),
    };
    digest.tiers.iter().map(line).collect()
}

fn pairs(pairs: &Pairs) -> Vec<PairLine> {
    let mut lines = Vec::new();
    for (cheaper, by_dearer) in pairs {
        for (dearer, by_tier) in by_dearer {
            lines.extend(by_tier.iter().filter_map(|(tier, pair)| pair_line(cheaper, dearer, *tier, pair)));
        }
    }
    lines
}

fn pair_line(cheaper: &str, dearer: &str, tier: Tier, pair: &Pair) -> Option<PairLine> {
    let queries = pair.total();
    Some(PairLine {
        cheaper: cheaper.to_owned(),
        dearer: dearer.to_owned(),
        tier,
        queries,
        cheaper_passed: share(pair.both + pair.cheaper, queries)?,
        dearer_passed: share(pair.both + pair.dearer, queries)?,
        difference: pair.difference.mean(),
        at_least: lower_bound(&pair.difference),
        cost_usd: dollars(pair.cost),
        dearer_delivered: pair.dearer_delivered,
    })
}

/// The bound above which the mean is with [`CONFIDENCE`], as of many numbers.
fn lower_bound(moments: &Moments) -> Option<f64> {
    Some(moments.mean()? - sureness(CONFIDENCE)? * moments.standard_error()?)
}

fn advice(digest: &Digest, report: &WeeklyReport, policy: &Policy) -> Vec<Advice> {
    let told = |text: String| Advice { text, saves_usd_a_month: None };
    let mut advice = Vec::new();
    for pair in report.compared.iter().filter(|pair| pair.queries >= LEAST_COMPARED) {
        // Where the cheaper one's answers were delivered it need not answer more.
        let is_of_dearer = 2 * pair.dearer_delivered >= pair.queries;
        let would_do = is_of_dearer && pair.at_least.is_some_and(|least| least > -MARGIN) && pair.cheaper_passed > 0.0;
        if would_do {
            let paid = digest.tiers.get(&pair.tier).map_or(0.0, |tier| dollars(tier.cost));
            advice.push(Advice {
                text: format!(
                    "Let `{}` answer more {} questions: of {} that `{}` answered it would have passed {:.0} %, and its \
                     score is not lower by {MARGIN} or more.",
                    pair.cheaper,
                    pair.tier,
                    pair.queries,
                    pair.dearer,
                    100.0 * pair.cheaper_passed
                ),
                saves_usd_a_month: Some(paid * pair.cheaper_passed * WEEKS),
            });
        }
    }
    for pair in report.escalated.iter().filter(|pair| pair.queries >= LEAST_COMPARED && pair.dearer_passed < 0.5) {
        advice.push(Advice {
            text: format!(
                "Asking `{}` after `{}` seldom helps {} questions: of {} it passed {:.0} %.",
                pair.dearer,
                pair.cheaper,
                pair.tier,
                pair.queries,
                100.0 * pair.dearer_passed
            ),
            saves_usd_a_month: Some(pair.cost_usd * WEEKS),
        });
    }
    if let Some(topic) = report.topics.first() {
        let about = topic.example.as_ref().map_or_else(String::new, |example| format!(", such as \"{example}\""));
        advice.push(Advice {
            text: format!(
                "Write knowledge of `{}` for the topics that were paid for: the largest has about {} questions{about}.",
                topic.agent, topic.questions
            ),
            saves_usd_a_month: Some(report.topics.iter().map(|topic| topic.cost_usd).sum::<f64>() * WEEKS),
        });
    }
    for change in report.changes.iter().filter(|change| change.is_alarm) {
        advice.push(told(format!(
            "{} ({:.3}, {:.3} matters).",
            what_changed(change.measure),
            change.size,
            change.threshold
        )));
    }
    for (arm, sums) in &digest.arms {
        let [helpful, unhelpful] = sums.rated;
        if helpful + unhelpful >= LEAST_RATED && unhelpful > helpful {
            let way = if *arm == Arm::Local { "with local answers first" } else { "with paid answers first" };
            advice
                .push(told(format!("Callers called {unhelpful} of {} answers {way} unhelpful.", helpful + unhelpful)));
        }
    }
    let failed = digest.of_origin(Origin::Failed);
    if failed * 100 > digest.requests {
        advice.push(told(format!("{failed} of {} requests failed: see their codes in the log.", digest.requests)));
    }
    let spent = digest.cost().as_dollars() * WEEKS;
    if spent > policy.budget.stop_line().as_dollars() {
        advice.push(told(format!(
            "At this week's rate a month costs ${spent:.2}, and paid answers stop at ${:.2}.",
            policy.budget.stop_line().as_dollars()
        )));
    }
    advice
}

fn what_changed(measure: Measure) -> &'static str {
    match measure {
        Measure::Confidences => "Questions are classified with another confidence than in the baseline week",
        Measure::Scores => "Answers score differently than in the baseline week",
        Measure::Centroid => "Questions are about other things than in the baseline week",
        Measure::NewTopics => {
            "More questions are on new topics than in the baseline week: knowledge for them may be missing"
        }
        Measure::ScoreDrop => "Answers score lower than in the baseline week",
    }
}

#[cfg(test)]
mod tests;
