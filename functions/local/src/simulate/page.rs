//! A simulation for people, as a page with plots that needs no other file.

use std::fmt::Write as _;

use farthing_evaluation::weeks::{WeekFigures, Weeks};
use farthing_optimize::plots::{self, Series};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#222}\
    pre{font-size:.8rem;overflow-x:auto}figure{margin:1rem 0}svg{max-width:100%;height:auto}";

type Of = fn(&WeekFigures) -> Option<f64>;

/// The page.
pub(super) fn of(weeks: &Weeks) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Farthing, weeks simulated</title><style>{STYLE}</style></head><body>\n\
         <h1>{} weeks of {} requests, simulated</h1>\n",
        weeks.plan.weeks, weeks.plan.requests
    );
    for (title, unit, series) in plots_of(weeks) {
        let places: Vec<String> = weeks.learning.iter().map(|week| week.number.to_string()).collect();
        let places: Vec<&str> = places.iter().map(String::as_str).collect();
        match plots::lines(&places, unit, &series) {
            Ok(Some(svg)) => {
                let _ = writeln!(page, "<figure><figcaption>{title}</figcaption>\n{svg}</figure>");
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(error = &*error as &dyn std::error::Error, "the plot `{title}` was left out"),
        }
    }
    let words = weeks.to_string().replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(page, "<pre>{words}</pre>\n</body></html>");
    page
}

type Plot<'a> = (&'static str, &'static str, Vec<Series<'a>>);

fn plots_of(weeks: &Weeks) -> Vec<Plot<'_>> {
    let learning = weeks.learning.as_slice();
    let control = weeks.fixed.first().map_or(&[][..], |run| &run.weeks);
    let best = weeks.fixed.iter().find(|run| run.stage == weeks.summary.best_stage).map_or(&[][..], |run| &run.weeks);
    let of = |name, weeks: &[WeekFigures], value: Of| joined(name, weeks.iter().map(value).collect());
    let level = |name, value: f64| joined(name, learning.iter().map(|_| Some(value)).collect());
    let lost = |name, weeks: &[WeekFigures]| {
        let so_far = weeks.iter().scan(0.0, |sum, week| {
            *sum += week.loss_usd;
            Some(Some(*sum))
        });
        joined(name, so_far.collect())
    };
    let per_1000: Of = |week| Some(1_000.0 * week.cost_usd / week.requests as f64);
    vec![
        (
            "What 1,000 requests cost",
            "dollars",
            vec![
                of("learning", learning, per_1000),
                of("control", control, per_1000),
                of("best stage, kept", best, per_1000),
                of("baseline", learning, |week| Some(1_000.0 * week.baseline_usd / week.requests as f64)),
            ],
        ),
        (
            "How far local answers are rolled out, and how many were given",
            "percent of requests",
            vec![
                of("rolled out", learning, |week| Some(100.0 * week.stage.local_share())),
                of("local", learning, |week| Some(100.0 * week.local)),
            ],
        ),
        (
            "Requests that got a right answer, and what the validator says",
            "share and mean score",
            vec![
                of("right", learning, |week| Some(week.right)),
                of("right in the control", control, |week| Some(week.right)),
                of("score", learning, |week| week.score),
                level("floor", farthing_evaluation::weeks::Plan::FLOOR),
            ],
        ),
        (
            "Paid, and lost by wrong answers, in all so far",
            "dollars",
            vec![lost("learning", learning), lost("best stage, kept", best)],
        ),
        ("What the agent knows", "entries", vec![of("entries", learning, |week| Some(week.entries as f64))]),
    ]
}

const fn joined(name: &str, values: Vec<Option<f64>>) -> Series<'_> {
    Series { name, is_joined: true, values }
}
