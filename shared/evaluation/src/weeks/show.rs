//! A simulation in words and as JSON.

use std::fmt;

use serde_json::{Value, json};

use super::figures::WeekFigures;
use super::plan::Plan;
use super::simulation::Weeks;

impl Weeks {
    /// One JSON object. It holds no time of the machine's, so that the same plan gives the same bytes.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "plan": {
                "weeks": self.plan.weeks,
                "requests": self.plan.requests,
                "seed": self.plan.seed,
                "floor": Plan::FLOOR,
                "wrong_usd": Plan::WRONG_USD,
                "rated": Plan::RATED,
                "noise": Plan::NOISE,
            },
            "overrides": self.overrides,
            "baseline": {"model": self.baseline, "right": self.baseline_right},
            "learning": self.learning,
            "fixed": self.fixed,
            "summary": self.summary,
        })
    }
}

impl fmt::Display for Weeks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "The run that learns\n")?;
        table(f, &self.learning)?;
        for week in &self.learning {
            week.news.iter().try_for_each(|news| writeln!(f, "week {:>2}: {news}", week.number))?;
        }
        if let Some(control) = self.fixed.first() {
            writeln!(f, "\nThe control: the same traffic, with learning off\n")?;
            table(f, &control.weeks)?;
        }
        self.stages(f)?;
        self.summary(f)?;
        writeln!(f, "\nSet aside of the owner's files for this:")?;
        self.overrides.iter().try_for_each(|(key, said)| writeln!(f, "  {key}: {said}"))?;
        write!(
            f,
            "\nPaid models are played: how often each is right is assumed, by model and tier, and so are the ratings of callers \
             ({:.0} % of the answers, {:.0} % of these ratings wrong).",
            100.0 * Plan::RATED,
            100.0 * Plan::NOISE
        )
    }
}

const HEAD: [(&str, usize); 14] = [
    ("week", 8),
    ("stage", 7),
    ("policy", 7),
    ("entries", 8),
    ("local", 7),
    ("cached", 7),
    ("failed", 7),
    ("cost", 9),
    ("baseline", 9),
    ("saved", 8),
    ("right", 8),
    ("of local", 9),
    ("score", 7),
    ("next", 7),
];

fn table(f: &mut fmt::Formatter<'_>, weeks: &[WeekFigures]) -> fmt::Result {
    HEAD.iter().try_for_each(|(title, width)| write!(f, "{title:>width$}"))?;
    writeln!(f, "  drift")?;
    for week in weeks {
        let cells = [
            week.week.to_string(),
            week.stage.as_str().to_owned(),
            week.policy_version.to_string(),
            week.entries.to_string(),
            percent(week.local),
            percent(week.cached),
            percent(week.failed + week.refused),
            format!("${:.3}", week.cost_usd),
            format!("${:.3}", week.baseline_usd),
            percent(week.saved),
            percent(week.right),
            week.local_right.map_or_else(|| "–".to_owned(), percent),
            week.score.map_or_else(|| "–".to_owned(), |score| format!("{score:.3}")),
            week.decided.as_str().to_owned(),
        ];
        cells.iter().zip(HEAD).try_for_each(|(cell, (_, width))| write!(f, "{cell:>width$}"))?;
        writeln!(f, "  {}", week.alarms.join(", "))?;
    }
    writeln!(f)
}

impl Weeks {
    /// Every stage that is kept, beside the run that learns.
    fn stages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "All weeks together, at stages that are kept, and learning\n")?;
        writeln!(f, "{:>9}{:>10}{:>9}{:>9}{:>9}{:>12}", "", "cost", "saved", "local", "right", "lost in all")?;
        let learning = ("learning", self.learning.as_slice());
        let kept = self.fixed.iter().map(|run| (run.stage.as_str(), run.weeks.as_slice()));
        for (name, weeks) in kept.chain([learning]) {
            let sum = |of: fn(&WeekFigures) -> f64| weeks.iter().map(of).sum::<f64>();
            let mean = |of: fn(&WeekFigures) -> f64| percent(sum(of) / weeks.len() as f64);
            let (cost, saved) =
                (sum(|week| week.cost_usd), 1.0 - sum(|week| week.cost_usd) / sum(|week| week.baseline_usd));
            writeln!(
                f,
                "{name:>9}{:>10}{:>9}{:>9}{:>9}{:>12}",
                format!("${cost:.3}"),
                percent(saved),
                mean(|week| week.local),
                mean(|week| week.right),
                format!("${:.2}", sum(|week| week.loss_usd))
            )?;
        }
        let wrong = Plan::WRONG_USD;
        writeln!(f, "\nLost is what was paid, and ${wrong} for every request without a right answer.")?;
        writeln!(f, "{} alone is right about {} of the questions.", self.baseline, percent(self.baseline_right))
    }

    fn summary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let summary = &self.summary;
        let best = summary.best_stage.as_str();
        match summary.at_best_from {
            Some(week) => writeln!(f, "\nIt stands at the best stage, {best}, or beyond it from week {week} on.")?,
            None => writeln!(f, "\nIt does not end at the best stage, {best}, or beyond it.")?,
        }
        writeln!(
            f,
            "In the last four weeks it saves {} against {} with the same instructions and passages ({} against the questions \
             alone), the control {}; 1,000 requests cost ${:.3}, in the control ${:.3}.",
            percent(summary.saved_last),
            self.baseline,
            percent(summary.saved_last_question_alone),
            percent(summary.control_saved_last),
            summary.usd_per_1000_last,
            summary.control_usd_per_1000_last
        )?;
        writeln!(
            f,
            "In {} of {} weeks fewer than {:.0} % of the requests got a right answer; at most {} of them in a row.",
            summary.weeks_below_floor,
            self.learning.len(),
            100.0 * Plan::FLOOR,
            summary.longest_below_floor
        )?;
        let (regret, more) = more_or_less(summary.regret_total_usd);
        writeln!(f, "Against the stage {best}, kept from the start, it lost ${regret:.2} {more} in all.")?;
        match summary.cheapest_stage.zip(summary.cost_regret_usd) {
            Some((stage, regret)) => {
                let (regret, more) = more_or_less(regret);
                let stage = stage.as_str();
                writeln!(
                    f,
                    "Against {stage}, the cheapest stage that is right often enough, it paid ${regret:.3} {more} in all."
                )
            }
            None => writeln!(f, "No stage is right often enough."),
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// How much, and whether that is more or less.
const fn more_or_less(regret: f64) -> (f64, &'static str) {
    (regret.abs(), if regret < 0.0 { "less" } else { "more" })
}
