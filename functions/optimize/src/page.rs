//! A week's report for people, as a page with plots that needs no other file.

use std::fmt::Write as _;

use farthing_domain::outcome::Origin;
use farthing_domain::weekly::report::{Line, WeeklyReport};

use pulldown_cmark::{Options, Parser, html};

use crate::markdown;
use crate::plots::{self, Series};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}\
    table{border-collapse:collapse;font-size:.85rem;margin-bottom:1.5rem}td,th{padding:.2rem .6rem;text-align:right;border-bottom:1px solid #ddd}\
    td:first-child,th:first-child{text-align:left}figure{margin:1rem 0}svg{max-width:100%;height:auto}";

/// Up to where drift is drawn, in parts of what matters.
const MOST_DRIFT: f64 = 10.0;

/// The page.
pub(crate) fn of(report: &WeeklyReport) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Farthing, {week}</title><style>{STYLE}</style></head><body>\n",
        week = report.week
    );
    let text = markdown::of(report);
    let (head, rest) = text.split_once("## Weeks").unwrap_or((&text, ""));
    html_of(&mut page, head);
    for (title, plot) in plots_of(report) {
        match plot {
            Ok(Some(svg)) => {
                let _ = writeln!(page, "<figure><figcaption>{title}</figcaption>\n{svg}</figure>");
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(error = &*error as &dyn std::error::Error, "the plot `{title}` was left out"),
        }
    }
    if !rest.is_empty() {
        html_of(&mut page, &format!("## Weeks{rest}"));
    }
    page.push_str("</body></html>\n");
    page
}

type Plot = (&'static str, Result<Option<String>, Box<dyn std::error::Error + Send + Sync>>);

fn plots_of(report: &WeeklyReport) -> Vec<Plot> {
    let weeks: Vec<&str> = report.weeks.iter().map(|line| line.period.as_str()).collect();
    let of = |name, value: &dyn Fn(&Line) -> Option<f64>| Series {
        is_joined: true,
        name,
        values: report.weeks.iter().map(value).collect(),
    };
    let share = |origin: Origin| {
        move |line: &Line| {
            let place = Origin::ALL.iter().position(|other| *other == origin)?;
            (line.requests > 0).then(|| 100.0 * line.origins[place] as f64 / line.requests as f64)
        }
    };
    let helpful = report
        .reliability
        .iter()
        .map(|(from, [helpful, unhelpful])| (from + 0.025, *helpful as f64 / (helpful + unhelpful).max(1) as f64));
    let changes: Vec<String> = report.changes.iter().map(|change| format!("{:?}", change.measure)).collect();
    let changes: Vec<&str> = changes.iter().map(String::as_str).collect();
    let sizes = report.changes.iter().map(|change| Some((change.size / change.threshold).clamp(0.0, MOST_DRIFT)));
    let limit = report.changes.iter().map(|_| Some(1.0));
    vec![
        (
            "Spent, and what the baseline model would have cost",
            plots::lines(
                &weeks,
                "dollars a week",
                &[of("spent", &|line| Some(line.cost_usd)), of("baseline", &|line| Some(line.baseline_usd))],
            ),
        ),
        (
            "Who answered",
            plots::lines(
                &weeks,
                "percent of requests",
                &[
                    of("local", &share(Origin::Local)),
                    of("cached", &share(Origin::Cached)),
                    of("paid", &share(Origin::Paid)),
                    of("failed", &share(Origin::Failed)),
                ],
            ),
        ),
        ("Quality", plots::lines(&weeks, "mean score", &[of("score", &|line| line.mean_score)])),
        (
            "Time",
            plots::lines(
                &weeks,
                "milliseconds",
                &[
                    of("half within", &|line| line.p50_ms.map(|ms| ms as f64)),
                    of("nineteen in twenty within", &|line| line.p95_ms.map(|ms| ms as f64)),
                ],
            ),
        ),
        ("What callers called helpful, by score", plots::reliability(&helpful.collect::<Vec<_>>())),
        (
            "Drift, in parts of what matters (10 and more as 10)",
            plots::lines(
                &changes,
                "change / threshold",
                &[
                    Series { name: "change", is_joined: false, values: sizes.collect() },
                    Series { name: "matters", is_joined: true, values: limit.collect() },
                ],
            ),
        ),
    ]
}

/// Our own Markdown as HTML.
fn html_of(page: &mut String, text: &str) {
    html::push_html(page, Parser::new_ext(text, Options::ENABLE_TABLES));
}
