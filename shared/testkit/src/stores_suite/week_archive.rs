//! What weeks came to.

use farthing_domain::ports::WeekArchive;
use farthing_domain::rollout::Stage;
use farthing_domain::time::Week;
use farthing_domain::weekly::learning::PolicyStep;
use farthing_domain::weekly::promotion::{Decision, Reason};
use farthing_domain::weekly::{Baseline, Checkpoint, Digest, Line, Pages, WeeklyReport};

/// Checks an empty archive.
///
/// # Panics
/// When it does not keep the port's guarantees.
pub async fn check_week_archive(archive: &dyn WeekArchive) {
    let (week, other) = (week("2026-W53"), week("2027-W01"));
    assert!(archive.checkpoint(week).await.is_ok_and(|found| found.is_none()), "it is empty");
    assert!(archive.baseline().await.is_ok_and(|found| found.is_none()));
    assert!(archive.weeks().await.is_ok_and(|found| found.is_empty()));
    assert!(archive.report(week).await.is_ok_and(|found| found.is_none()));

    for days in [1, 2, 2] {
        let checkpoint = Checkpoint { days, digest: Digest { requests: 10 * u64::from(days), ..Digest::default() } };
        archive.keep_checkpoint(week, &checkpoint).await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(archive.checkpoint(week).await.ok().flatten(), Some(checkpoint), "the last one holds");
    }
    assert!(archive.checkpoint(other).await.is_ok_and(|found| found.is_none()), "weeks are told apart");

    for requests in [7, 9] {
        let baseline = Baseline { week, stage: Some(Stage::Half), digest: Digest { requests, ..Digest::default() } };
        archive.keep_baseline(&baseline).await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(archive.baseline().await.ok().flatten(), Some(baseline));
    }

    let (first, second) = (report(week, &["2026-W53"]), report(other, &["2026-W53", "2027-W01"]));
    let pages = |name: &str| Pages { markdown: format!("# {name}"), html: format!("<h1>{name} “é”</h1>") };
    for (report, name) in [(&first, "first"), (&second, "second")] {
        archive.keep_report(report.week, report, &pages(name)).await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(archive.report(report.week).await.ok().flatten(), Some((report.clone(), pages(name))));
        assert_eq!(archive.weeks().await.ok(), Some(report.weeks.clone()), "those of the last report");
    }
    assert_eq!(archive.report(week).await.ok().flatten(), Some((first, pages("first"))));
}

fn week(text: &str) -> Week {
    Week::parse(text).unwrap_or_else(|| panic!("{text}"))
}

fn report(week: Week, weeks: &[&str]) -> WeeklyReport {
    let line = |period: &&str| Line {
        period: (*period).to_owned(),
        requests: 3,
        origins: [1, 1, 1, 0, 0],
        cost_usd: 0.1 + 0.2,
        baseline_usd: 1.0 / 3.0,
        mean_score: None,
        p50_ms: Some(12),
        p95_ms: None,
    };
    WeeklyReport {
        week,
        policy_version: 3,
        stage: Stage::Most,
        weeks: weeks.iter().map(line).collect(),
        days: Vec::new(),
        models: Vec::new(),
        compared: Vec::new(),
        escalated: Vec::new(),
        reliability: vec![(0.85, [3, 1])],
        baseline_week: None,
        changes: Vec::new(),
        routing: Vec::new(),
        policy: PolicyStep::default(),
        topics: Vec::new(),
        proposals: Vec::new(),
        rollout: Decision { stage: Stage::Half, reason: Reason::Worse, evidence: None },
        advice: Vec::new(),
    }
}
