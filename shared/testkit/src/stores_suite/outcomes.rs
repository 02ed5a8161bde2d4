//! What became of requests.

use std::time::Duration;

use farthing_domain::complexity::Tier;
use farthing_domain::ids::{AgentId, ModelId, RequestId};
use farthing_domain::money::Usd;
use farthing_domain::outcome::{Origin, Outcome, Summary};
use farthing_domain::ports::OutcomeLog;
use farthing_domain::time::{Month, Timestamp};
use futures::future::join_all;

/// The last evening of November 2026.
const NOW: Timestamp = Timestamp::from_millis(1_796_080_500_000);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Checks an empty outcome log.
///
/// # Panics
/// When it does not keep the port's guarantees.
pub async fn check_outcome_log(log: &dyn OutcomeLog) {
    let november = NOW.month();
    assert_eq!(summary(log, november).await, Summary::default());

    let local = outcome(1, NOW);
    assert!(!has(log, &local).await);
    record(log, &local).await;
    assert!(has(log, &local).await);
    assert!(!has(log, &outcome(2, NOW)).await);
    let mut expected = Summary {
        total: 1,
        local: 1,
        by_tier: [1, 0, 0, 0],
        cost: Usd::from_nanos(1_234),
        baseline: Usd::from_nanos(4_120_001),
        score_millis: 912,
        scored: 1,
        ..Summary::default()
    };
    expected.score_histogram[18] = 1;
    assert_eq!(summary(log, november).await, expected);

    // Told again, even with other figures, it counts once.
    record(log, &local).await;
    record(log, &Outcome { cost: Usd::from_nanos(9), ..local.clone() }).await;
    join_all((0..8).map(|_| record(log, &local))).await;
    assert_eq!(summary(log, november).await, expected);

    // Every origin, tier and day of the month adds up; other months do not.
    let origins = [Origin::Paid, Origin::Cached, Origin::Refused, Origin::Failed];
    for (number, origin) in (2..).zip(origins) {
        let failed = Outcome { origin, tier: None, score: None, error: Some("no_answer"), ..outcome(number, NOW) };
        record(log, &failed).await;
    }
    let first = november.start();
    for (number, at) in (10..).zip([first, first.plus(DAY), first.plus(17 * DAY), november.resets_at().minus(DAY)]) {
        let tier = Tier::ALL.into_iter().nth(number as usize % 4);
        record(log, &Outcome { tier, score: Some(1.0), ..outcome(number, at) }).await;
    }
    record(log, &Outcome { score: Some(f32::NAN), confidence: f32::NAN, ..outcome(20, NOW) }).await;
    record(log, &outcome(30, first.minus(Duration::from_millis(1)))).await;
    record(log, &outcome(31, november.resets_at())).await;
    expected.total += 9;
    expected.local += 5;
    (expected.paid, expected.cached, expected.refused, expected.failed) = (1, 1, 1, 1);
    expected.by_tier = [3, 1, 1, 1];
    expected.cost = Usd::from_nanos(10 * 1_234);
    expected.baseline = Usd::from_nanos(10 * 4_120_001);
    expected.score_millis += 4_000;
    expected.scored += 4;
    expected.score_histogram[19] = 4;
    assert_eq!(summary(log, november).await, expected);
    assert_eq!(summary(log, november.next()).await.total, 1);
}

async fn record(log: &dyn OutcomeLog, outcome: &Outcome) {
    log.record(outcome).await.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause));
}

async fn has(log: &dyn OutcomeLog, outcome: &Outcome) -> bool {
    let found = log.has(&outcome.at.day(), &outcome.request).await;
    found.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause))
}

async fn summary(log: &dyn OutcomeLog, month: Month) -> Summary {
    log.summary(month).await.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause))
}

fn outcome(number: u32, at: Timestamp) -> Outcome {
    Outcome {
        request: RequestId::parse(&format!("{number:026}")).unwrap_or_else(|error| panic!("{error}")),
        at,
        agent: AgentId::parse("agent").unwrap_or_else(|error| panic!("{error}")),
        tier: Some(Tier::Simple),
        confidence: 0.93,
        origin: Origin::Local,
        model: ModelId::parse("knowledge").ok(),
        score: Some(0.912),
        escalated: false,
        shadow_score: None,
        cost: Usd::from_nanos(1_234),
        baseline: Usd::from_nanos(4_120_001),
        latency_ms: 12,
        error: None,
    }
}
