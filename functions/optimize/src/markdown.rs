//! A week's report for people, in Markdown.

use std::fmt::Write as _;

use farthing_domain::knowledge::EntryState;
use farthing_domain::weekly::promotion::{Decision, Evidence};
use farthing_domain::weekly::proposals::ProposalLine;
use farthing_domain::weekly::report::{Advice, Line, ModelLine, PairLine, RoutingLine, WeeklyReport};
use farthing_domain::weekly::topics::Topic;

/// The report in words.
pub(crate) fn of(report: &WeeklyReport) -> String {
    let Decision { stage, reason, evidence } = report.rollout;
    let mut text = format!(
        "# {}\n\nPolicy {}, rollout stage `{}`; for next week `{}`: {}.",
        report.week,
        report.policy_version,
        report.stage.as_str(),
        stage.as_str(),
        reason.as_str()
    );
    if let Some(Evidence { samples, difference, at_least, at_most }) = evidence {
        let _ = write!(
            text,
            " Of {samples} answers of either way the local ones' score is {difference:+.3} beside the paid ones' ({at_least:+.3} to \
             {at_most:+.3})."
        );
    }
    text.push_str("\n\n");
    let words = report.policy.words.iter().map(|words| format!("- {words}"));
    section(&mut text, "What was done", words, "Nothing.");
    section(
        &mut text,
        "What to do",
        report.advice.iter().map(advice),
        "Nothing that the week's figures would support.",
    );
    if !report.proposals.is_empty() {
        section(&mut text, "Knowledge that paid answers propose", report.proposals.iter().map(proposal), "");
    }
    let header = "| | Requests | Local | Cached | Paid | Refused | Failed | Cost | Saved | Score | p50 | p95 |\n|---|---|---|---|---|---|---|---|---|---|---|---|";
    table(&mut text, "Weeks", header, report.weeks.iter().map(line));
    table(&mut text, "Days", header, report.days.iter().map(line));
    let header = "| Agent | Questions | Cost | Nearest passage | For example |\n|---|---|---|---|---|";
    table(&mut text, "Paid for, by topic: what to write knowledge about", header, report.topics.iter().map(topic));
    let header = "| Model | Tier | Asked | Passed | Delivered | Cost | Each delivered | Score | p95 |\n|---|---|---|---|---|---|---|---|---|";
    table(&mut text, "Models", header, report.models.iter().map(model));
    let header = "| Tier | Requests | Local | Escalated | Cost | For answers not delivered | Compared | A cheaper step would do |\n|---|---|---|---|---|---|---|---|";
    table(&mut text, "Routing", header, report.routing.iter().map(routing));
    let header = "| Cheaper | Dearer | Tier | Queries | Cheaper passed | Dearer passed | Score difference, at least | Dearer cost |\n|---|---|---|---|---|---|---|---|";
    table(&mut text, "Compared on purpose", header, report.compared.iter().map(pair));
    table(&mut text, "Escalated", header, report.escalated.iter().map(pair));
    if let Some(week) = report.baseline_week {
        let header = "| Measure | Change | Matters from | By chance | |\n|---|---|---|---|---|";
        let changes = report.changes.iter().map(|change| {
            let alarm = if change.is_alarm { "**alarm**" } else { "" };
            let name = change.measure.as_str().replace('_', " ");
            format!("| {name} | {:.3} | {:.3} | {:.4} | {alarm} |", change.size, change.threshold, change.p)
        });
        table(&mut text, &format!("Drift against {week}"), header, changes);
    }
    let header = "| Score from | Helpful | Unhelpful |\n|---|---|---|";
    let rated = report.reliability.iter();
    let rated = rated.map(|(from, [helpful, unhelpful])| format!("| {from:.2} | {helpful} | {unhelpful} |"));
    table(&mut text, "What callers said", header, rated);
    text
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>, otherwise: &str) {
    let mut lines = lines.peekable();
    let _ = writeln!(text, "## {title}\n");
    if lines.peek().is_none() {
        let _ = writeln!(text, "{otherwise}");
    }
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    text.push('\n');
}

/// A table, unless it has no rows.
fn table(text: &mut String, title: &str, header: &str, rows: impl Iterator<Item = String>) {
    let mut rows = rows.peekable();
    if rows.peek().is_some() {
        section(text, title, std::iter::once(header.to_owned()).chain(rows), "");
    }
}

fn advice(advice: &Advice) -> String {
    let saves = advice.saves_usd_a_month.map_or_else(String::new, |saves| format!(" Up to ${saves:.2} a month."));
    format!("- {}{saves}", advice.text)
}

fn proposal(proposal: &ProposalLine) -> String {
    let ProposalLine { id, agent, question, questions, saves_usd_a_month, state } = proposal;
    let command = match state {
        EntryState::Accepted => "accepted; if it is wrong: `farthing knowledge withdraw",
        _ => "`farthing knowledge approve",
    };
    format!(
        "- {question} ({agent}; about {questions} questions, up to ${saves_usd_a_month:.2} a month): {command} {id}`"
    )
}

fn line(line: &Line) -> String {
    let [local, paid, cached, refused, failed] = line.origins.map(|count| share(count, line.requests));
    let saved = if line.baseline_usd > 0.0 { percent(1.0 - line.cost_usd / line.baseline_usd) } else { none() };
    format!(
        "| {} | {} | {local} | {cached} | {paid} | {refused} | {failed} | ${:.4} | {saved} | {} | {} | {} |",
        line.period,
        line.requests,
        line.cost_usd,
        number(line.mean_score),
        time(line.p50_ms),
        time(line.p95_ms)
    )
}

fn topic(topic: &Topic) -> String {
    let passage = topic.nearest_passage.clone().unwrap_or_else(none);
    let example = topic.example.clone().unwrap_or_else(none);
    format!("| {} | {} | ${:.4} | {passage} | {example} |", topic.agent, topic.questions, topic.cost_usd)
}

fn model(line: &ModelLine) -> String {
    format!(
        "| {} | {} | {} | {} | {} | ${:.4} | {} | {} | {} |",
        line.model,
        line.tier,
        line.attempts,
        line.passed.map_or_else(none, percent),
        line.delivered,
        line.cost_usd,
        line.cost_per_delivered_usd.map_or_else(none, |cost| format!("${cost:.6}")),
        number(line.mean_score),
        time(line.p95_ms)
    )
}

fn routing(line: &RoutingLine) -> String {
    format!(
        "| {} | {} | {} | {} | ${:.4} | ${:.4} | {} | {} |",
        line.tier,
        line.requests,
        line.local.map_or_else(none, percent),
        line.escalated.map_or_else(none, percent),
        line.cost_usd,
        line.wasted_usd,
        line.compared,
        line.cheaper_would_do.map_or_else(none, percent)
    )
}

fn pair(line: &PairLine) -> String {
    format!(
        "| {} | {} | {} | {} | {} | {} | {}, {} | ${:.4} |",
        line.cheaper,
        line.dearer,
        line.tier,
        line.queries,
        percent(line.cheaper_passed),
        percent(line.dearer_passed),
        number(line.difference),
        number(line.at_least),
        line.cost_usd
    )
}

fn share(part: u64, whole: u64) -> String {
    if whole == 0 { none() } else { percent(part as f64 / whole as f64) }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(none, |value| format!("{value:.3}"))
}

fn time(ms: Option<u64>) -> String {
    ms.map_or_else(none, |ms| format!("{ms} ms"))
}

fn none() -> String {
    "–".to_owned()
}
