//! What a week of one run came to.

use farthing_domain::outcome::Origin;
use farthing_domain::rollout::Stage;
use farthing_domain::time::Week;
use farthing_domain::weekly::WeeklyReport;
use serde::Serialize;

use super::plan::Plan;
use super::steering::Standing;
use crate::asking::Told;

/// What a week came to. Shares, truth and scores are from 0 to 1, money is in dollars.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WeekFigures {
    /// Which week.
    pub week: Week,
    /// Its number, from 1 on.
    pub number: usize,
    /// The stage of the rollout.
    pub stage: Stage,
    /// The version of the policy.
    pub policy_version: u32,
    /// How many entries the agent knew.
    pub entries: usize,
    /// How many requests there were.
    pub requests: usize,
    /// The share that was answered locally.
    pub local: f64,
    /// The share that a paid model answered.
    pub paid: f64,
    /// The share that was answered from the cache.
    pub cached: f64,
    /// The share that was politely refused.
    pub refused: f64,
    /// The share without an answer.
    pub failed: f64,
    /// What was paid.
    pub cost_usd: f64,
    /// What the baseline model would have cost for everything, with the same instructions and passages.
    pub baseline_usd: f64,
    /// The same with the questions alone.
    pub question_alone_usd: f64,
    /// The share of `baseline_usd` that was saved.
    pub saved: f64,
    /// The share of requests that got a right answer. What was refused or failed did not.
    pub right: f64,
    /// The share of local answers that were right; none while there are none.
    pub local_right: Option<f64>,
    /// The validator's mean score of what was delivered.
    pub score: Option<f64>,
    /// What was paid, and what wrong answers cost beside it.
    pub loss_usd: f64,
    /// The measures of drift that raised an alarm.
    pub alarms: Vec<String>,
    /// The stage that the weekly run would have next.
    pub decided: Stage,
    /// Why.
    pub reason: &'static str,
    /// What happened to the bank.
    pub news: Vec<String>,
}

/// The sums of a week while it is played.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    requests: usize,
    origins: [usize; 5],
    right: usize,
    local_right: usize,
    scores: Vec<f64>,
    nanos: i64,
    baseline: f64,
    question_alone: f64,
}

/// How a request ended.
pub(super) fn origin_of(told: &Told) -> Origin {
    let Some(answer) = &told.answer else { return Origin::Failed };
    match (&answer.quality, &answer.route.cache) {
        (_, Some(_)) => Origin::Cached,
        (None, None) => Origin::Refused,
        (Some(_), None) if answer.route.provider == "local" => Origin::Local,
        (Some(_), None) => Origin::Paid,
    }
}

impl Sums {
    /// Adds a request, whose answer was right or not, and which would have cost so much, in dollars, with the baseline model:
    /// with instructions and passages, and the question alone.
    pub(super) fn add(&mut self, told: &Told, is_right: bool, (baseline, question_alone): (f64, f64)) {
        let origin = origin_of(told);
        self.requests += 1;
        self.origins[place(origin)] += 1;
        self.right += usize::from(is_right);
        self.local_right += usize::from(is_right && origin == Origin::Local);
        let judged = told.answer.as_ref().and_then(|answer| answer.quality.as_ref());
        self.scores.extend(judged.map(|judged| f64::from(judged.score)));
        self.nanos += farthing_gateway::receipt::total_cost(&told.attempts).nanos();
        self.baseline += baseline;
        self.question_alone += question_alone;
    }

    /// The figures of the week with this number, which went by `standing`, came to `report` and had these news.
    pub(super) fn figures(
        &self,
        number: usize,
        standing: &Standing,
        report: &WeeklyReport,
        news: Vec<String>,
    ) -> WeekFigures {
        let requests = self.requests as f64;
        let share = |origin| self.origins[place(origin)] as f64 / requests;
        let local = self.origins[place(Origin::Local)];
        let cost = farthing_domain::money::Usd::from_nanos(self.nanos).as_dollars();
        let wrong = (self.requests - self.right) as f64;
        let alarms = report.changes.iter().filter(|change| change.is_alarm).map(|change| change.measure);
        WeekFigures {
            week: report.week,
            number,
            stage: standing.policy.rollout.stage,
            policy_version: standing.policy.version,
            entries: standing.knowledge.len(),
            requests: self.requests,
            local: share(Origin::Local),
            paid: share(Origin::Paid),
            cached: share(Origin::Cached),
            refused: share(Origin::Refused),
            failed: share(Origin::Failed),
            cost_usd: cost,
            baseline_usd: self.baseline,
            question_alone_usd: self.question_alone,
            saved: 1.0 - cost / self.baseline,
            right: self.right as f64 / requests,
            local_right: (local > 0).then(|| self.local_right as f64 / local as f64),
            score: (!self.scores.is_empty()).then(|| self.scores.iter().sum::<f64>() / self.scores.len() as f64),
            loss_usd: cost + wrong * Plan::WRONG_USD,
            alarms: alarms.map(|measure| format!("{measure:?}")).collect(),
            decided: report.rollout.stage,
            reason: report.rollout.reason.as_str(),
            news,
        }
    }
}

fn place(origin: Origin) -> usize {
    Origin::ALL.iter().position(|other| *other == origin).unwrap_or_default()
}
