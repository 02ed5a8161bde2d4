//! What a week of one run came to.

use farthing_domain::ids::RequestId;
use farthing_domain::money::Usd;
use farthing_domain::outcome::Origin;
use farthing_domain::rollout::Stage;
use farthing_domain::time::Week;
use farthing_domain::weekly::WeeklyReport;
use farthing_gateway::receipt::total_cost;
use serde::Serialize;

use super::course::Standing;
use super::plan::Plan;
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
    /// What was paid, for answers that were compared only, too.
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

/// What became of one request.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: RequestId,
    origin: Origin,
    is_right: bool,
    score: Option<f64>,
    cost: Usd,
    baseline: (f64, f64),
}

/// What is known of a week beside its requests.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub(super) week: Week,
    pub(super) number: usize,
    pub(super) stage: Stage,
    pub(super) policy_version: u32,
    pub(super) entries: usize,
    pub(super) alarms: Vec<String>,
    pub(super) decided: Stage,
    pub(super) reason: &'static str,
    pub(super) news: Vec<String>,
    /// What answers cost that were compared only, in dollars.
    pub(super) compared_usd: f64,
}

impl Row {
    /// A request, whose answer was right or not, and which would have cost so much, in dollars, with the baseline model: with
    /// instructions and passages, and the question alone.
    pub(super) fn of(id: RequestId, told: &Told, is_right: bool, baseline: (f64, f64)) -> Self {
        let judged = told.answer.as_ref().and_then(|answer| answer.quality.as_ref());
        Self {
            id,
            origin: origin_of(told),
            is_right,
            score: judged.map(|judged| f64::from(judged.score)),
            cost: total_cost(&told.attempts),
            baseline,
        }
    }
}

/// What was paid for these requests, in dollars.
fn cost_of(rows: &[Row]) -> f64 {
    rows.iter().map(|row| row.cost).sum::<Usd>().as_dollars()
}

/// How a request ended.
fn origin_of(told: &Told) -> Origin {
    let Some(answer) = &told.answer else { return Origin::Failed };
    match (&answer.quality, &answer.route.cache) {
        (_, Some(_)) => Origin::Cached,
        (None, None) => Origin::Refused,
        (Some(_), None) if answer.route.provider == "local" => Origin::Local,
        (Some(_), None) => Origin::Paid,
    }
}

impl About {
    /// A week that went by `standing`, came to `report` and had these news.
    pub(super) fn of(number: usize, standing: &Standing, report: &WeeklyReport, news: Vec<String>) -> Self {
        let alarms = report.changes.iter().filter(|change| change.is_alarm);
        Self {
            week: report.week,
            number,
            stage: standing.policy.rollout.stage,
            policy_version: standing.policy.version,
            entries: standing.knowledge.len(),
            alarms: alarms.map(|change| format!("{:?}", change.measure)).collect(),
            decided: report.rollout.stage,
            reason: report.rollout.reason.as_str(),
            news,
            compared_usd: 0.0,
        }
    }

    /// With what answers cost that were compared only: all that the week's report has beside these requests.
    pub(super) fn with_compared(self, report: &WeeklyReport, rows: &[Row]) -> Self {
        let all = report.weeks.last().map_or(0.0, |line| line.cost_usd);
        Self { compared_usd: (all - cost_of(rows)).max(0.0), ..self }
    }

    /// The week's figures, when these are its requests.
    pub(super) fn figures(self, rows: &[Row]) -> WeekFigures {
        let Self { week, number, stage, policy_version, entries, alarms, decided, reason, news, compared_usd } = self;
        let part = |count: usize, whole: usize| (whole > 0).then(|| count as f64 / whole as f64);
        let count = |holds: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| holds(row)).count();
        let share = |origin| part(count(&|row| row.origin == origin), rows.len()).unwrap_or_default();
        let (right, local) = (count(&|row| row.is_right), count(&|row| row.origin == Origin::Local));
        let local_right = count(&|row| row.is_right && row.origin == Origin::Local);
        let scores: Vec<f64> = rows.iter().filter_map(|row| row.score).collect();
        let cost = cost_of(rows) + compared_usd;
        let baseline: f64 = rows.iter().map(|row| row.baseline.0).sum();
        WeekFigures {
            week,
            number,
            stage,
            policy_version,
            entries,
            requests: rows.len(),
            local: share(Origin::Local),
            paid: share(Origin::Paid),
            cached: share(Origin::Cached),
            refused: share(Origin::Refused),
            failed: share(Origin::Failed),
            cost_usd: cost,
            baseline_usd: baseline,
            question_alone_usd: rows.iter().map(|row| row.baseline.1).sum(),
            saved: 1.0 - cost / baseline,
            right: part(right, rows.len()).unwrap_or_default(),
            local_right: part(local_right, local),
            score: (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64),
            loss_usd: cost + (rows.len() - right) as f64 * Plan::WRONG_USD,
            alarms,
            decided,
            reason,
            news,
        }
    }
}
