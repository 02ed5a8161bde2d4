//! The run that learns beside those that stay at one stage.

use farthing_domain::rollout::{Arm, Stage};
use serde::Serialize;

use super::course::PlayedWeek;
use super::figures::{About, Row, WeekFigures};
use super::plan::Plan;

/// How many weeks at the end are looked at on their own.
const LAST: usize = 4;

/// A run that stays at one stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FixedStage {
    /// Which stage.
    pub stage: Stage,
    /// What its weeks came to.
    pub weeks: Vec<WeekFigures>,
}

/// What a simulation comes to. Money is in dollars, shares are from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The stage that loses least when it is kept: what is paid and what wrong answers cost.
    pub best_stage: Stage,
    /// The cheapest stage of those whose answers are right at least as often as the floor asks; none when there is none.
    pub cheapest_stage: Option<Stage>,
    /// The week, from 1 on, from which on the learning run stood at the best stage or beyond it, up to the end.
    pub at_best_from: Option<usize>,
    /// What was saved against the baseline model, with the same instructions and passages: in all weeks.
    pub saved: f64,
    /// In the last four weeks.
    pub saved_last: f64,
    /// What was saved against the baseline model with the questions alone, in the last four weeks.
    pub saved_last_question_alone: f64,
    /// What the control saved, in the last four weeks.
    pub control_saved_last: f64,
    /// What was paid in the last four weeks, for 1,000 requests.
    pub usd_per_1000_last: f64,
    /// The same of the control.
    pub control_usd_per_1000_last: f64,
    /// How many weeks answers were right less often than the floor asks.
    pub weeks_below_floor: usize,
    /// The longest run of such weeks.
    pub longest_below_floor: usize,
    /// By how much more than the best stage the learning run lost, week by week.
    pub regret_usd: Vec<f64>,
    /// The same in all.
    pub regret_total_usd: f64,
    /// By how much more than the cheapest stage it paid, in all.
    pub cost_regret_usd: Option<f64>,
}

impl FixedStage {
    /// The run that stays at `stage`, of those that stay at the first and at the last one.
    ///
    /// A stage sends each request one way or the other by its name alone, and with a ledger that has money and without a cache no
    /// request meets what another one left: so it ends as it does where all go that way.
    pub(super) fn mixed(stage: Stage, paid: &[PlayedWeek], local: &[PlayedWeek]) -> Self {
        let week = |(paid, local): (&PlayedWeek, &PlayedWeek)| {
            let ways = paid.rows.iter().zip(&local.rows);
            let row = |(paid, local): (&Row, &Row)| {
                let is_local = stage.arm(paid.id.as_str(), 0.0) == Arm::Local;
                if is_local { local.clone() } else { paid.clone() }
            };
            let rows: Vec<Row> = ways.map(row).collect();
            let played = if stage == Stage::Full { local } else { paid };
            let about = About { stage, ..played.about.clone() };
            let is_played = stage == played.about.stage;
            let about =
                if is_played { about } else { About { alarms: Vec::new(), decided: stage, reason: "", ..about } };
            about.figures(&rows)
        };
        Self { stage, weeks: paid.iter().zip(local).map(week).collect() }
    }

    fn sum(&self, of: impl Fn(&WeekFigures) -> f64) -> f64 {
        self.weeks.iter().map(of).sum()
    }
}

impl Summary {
    /// What `learning` comes to beside `fixed`, least rolled out first.
    #[must_use]
    pub fn of(learning: &[WeekFigures], fixed: &[FixedStage]) -> Self {
        let least = |of: fn(&WeekFigures) -> f64, among: &mut dyn Iterator<Item = &FixedStage>| {
            among.min_by(|a, b| a.sum(of).total_cmp(&b.sum(of))).map(|best| best.stage)
        };
        let best_stage = least(|week| week.loss_usd, &mut fixed.iter()).unwrap_or(Stage::Shadow);
        let is_good = |run: &&FixedStage| run.sum(|week| week.right) >= Plan::FLOOR * run.weeks.len() as f64;
        let cheapest_stage = least(|week| week.cost_usd, &mut fixed.iter().filter(is_good));
        let at = |stage: Stage| fixed.iter().find(|run| run.stage == stage).map_or(&[][..], |run| &run.weeks);
        let regret: Vec<f64> =
            learning.iter().zip(at(best_stage)).map(|(own, best)| own.loss_usd - best.loss_usd).collect();
        let control = fixed.first().map_or(&[][..], |run| &run.weeks);
        let below: Vec<bool> = learning.iter().map(|week| week.right < Plan::FLOOR).collect();
        let total = |weeks: &[WeekFigures], of: fn(&WeekFigures) -> f64| weeks.iter().map(of).sum::<f64>();
        let cost: fn(&WeekFigures) -> f64 = |week| week.cost_usd;
        let behind = learning.iter().rposition(|week| week.stage < best_stage).map_or(1, |week| week + 2);
        Self {
            best_stage,
            cheapest_stage,
            at_best_from: (behind <= learning.len()).then_some(behind),
            saved: saved(learning, |week| week.baseline_usd),
            saved_last: saved(last(learning), |week| week.baseline_usd),
            saved_last_question_alone: saved(last(learning), |week| week.question_alone_usd),
            control_saved_last: saved(last(control), |week| week.baseline_usd),
            usd_per_1000_last: per_1000(last(learning)),
            control_usd_per_1000_last: per_1000(last(control)),
            weeks_below_floor: below.iter().filter(|is_below| **is_below).count(),
            longest_below_floor: below.split(|is_below| !is_below).map(<[bool]>::len).max().unwrap_or_default(),
            regret_total_usd: regret.iter().sum(),
            regret_usd: regret,
            cost_regret_usd: cheapest_stage.map(|stage| total(learning, cost) - total(at(stage), cost)),
        }
    }
}

fn last(weeks: &[WeekFigures]) -> &[WeekFigures] {
    &weeks[weeks.len().saturating_sub(LAST)..]
}

/// The share that was saved of what would otherwise have been paid.
fn saved(weeks: &[WeekFigures], otherwise: fn(&WeekFigures) -> f64) -> f64 {
    let [paid, otherwise] = [|week: &WeekFigures| week.cost_usd, otherwise].map(|of| weeks.iter().map(of).sum::<f64>());
    1.0 - paid / otherwise
}

fn per_1000(weeks: &[WeekFigures]) -> f64 {
    let requests: usize = weeks.iter().map(|week| week.requests).sum();
    1_000.0 * weeks.iter().map(|week| week.cost_usd).sum::<f64>() / requests as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn week(number: usize, stage: Stage, cost_usd: f64, right: f64) -> WeekFigures {
        WeekFigures {
            week: Plan::first(),
            number,
            stage,
            policy_version: 1,
            entries: 35,
            requests: 100,
            local: 0.0,
            paid: 1.0,
            cached: 0.0,
            refused: 0.0,
            failed: 0.0,
            cost_usd,
            baseline_usd: 10.0,
            question_alone_usd: 5.0,
            saved: 1.0 - cost_usd / 10.0,
            right,
            local_right: None,
            score: None,
            loss_usd: cost_usd + 100.0 * (1.0 - right) * Plan::WRONG_USD,
            alarms: Vec::new(),
            decided: stage,
            reason: "",
            news: Vec::new(),
        }
    }

    fn fixed(stage: Stage, weeks: [(f64, f64); 3]) -> FixedStage {
        let weeks = weeks.into_iter().enumerate().map(|(at, (cost, right))| week(at + 1, stage, cost, right));
        FixedStage { stage, weeks: weeks.collect() }
    }

    #[test]
    fn regret_counts_what_wrong_answers_cost() {
        // The full stage is cheapest, and wrong so often that the half stage loses less.
        let fixed = [
            fixed(Stage::Shadow, [(4.0, 1.0); 3]),
            fixed(Stage::Half, [(2.0, 0.9); 3]),
            fixed(Stage::Full, [(1.0, 0.3); 3]),
        ];
        let learning =
            [week(1, Stage::Shadow, 4.0, 1.0), week(2, Stage::Half, 2.0, 0.7), week(3, Stage::Half, 2.0, 0.9)];
        let found = Summary::of(&learning, &fixed);
        assert_eq!((found.best_stage, found.cheapest_stage), (Stage::Half, Some(Stage::Half)));
        assert_eq!(found.at_best_from, Some(2));
        let is = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        is(found.regret_usd[0], 4.0 - 2.2);
        is(found.regret_total_usd, (4.0 - 2.2) + (2.6 - 2.2));
        is(found.cost_regret_usd.unwrap(), 2.0);
        is(found.saved_last, 1.0 - 8.0 / 30.0);
        is(found.control_saved_last, 0.6);
        is(found.usd_per_1000_last, 8.0 / 0.3);
        assert_eq!((found.weeks_below_floor, found.longest_below_floor), (1, 1));
    }

    #[test]
    fn whoever_ends_before_the_best_stage_is_never_there() {
        let fixed = [fixed(Stage::Shadow, [(4.0, 1.0); 3]), fixed(Stage::Full, [(1.0, 1.0); 3])];
        let learning = [(1, Stage::Full), (2, Stage::Full), (3, Stage::Most)];
        let learning = learning.map(|(number, stage)| week(number, stage, 1.0, 0.5));
        let found = Summary::of(&learning, &fixed);
        assert_eq!((found.best_stage, found.at_best_from), (Stage::Full, None));
        assert_eq!((found.weeks_below_floor, found.longest_below_floor), (3, 3));
    }
}
