//! What became of requests.

use std::time::Duration;

use farthing_domain::cache::CacheHit;
use farthing_domain::complexity::Tier;
use farthing_domain::ids::{AgentId, ModelId, RequestId, Tenant};
use farthing_domain::money::Usd;
use farthing_domain::outcome::{
    Attempt, Feedback, KnowledgeRecord, Origin, Outcome, QuantizedVector, QueryRecord, Summary, Words,
};
use farthing_domain::ports::{OutcomeLog, Rated, SHARDS};
use farthing_domain::quality::{HardFail, Quality};
use farthing_domain::rollout::Arm;
use farthing_domain::router::Step;
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
    assert_eq!(day(log, NOW).await, []);
    record(log, &local).await;
    assert_eq!(day(log, NOW).await, std::slice::from_ref(&local));
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

    // Told again, even with other figures, it counts once, and the first figures hold.
    record(log, &local).await;
    record(log, &Outcome { cost: Usd::from_nanos(9), ..local.clone() }).await;
    join_all((0..8).map(|_| record(log, &local))).await;
    assert_eq!(summary(log, november).await, expected);
    assert_eq!(day(log, NOW).await, std::slice::from_ref(&local));

    // Every origin, tier and day of the month adds up; other months do not.
    let origins = [Origin::Paid, Origin::Cached, Origin::Refused, Origin::Failed];
    for (number, origin) in (2..).zip(origins) {
        record(log, &Outcome { origin, ..bare(number, NOW) }).await;
    }
    let first = november.start();
    for (number, at) in (10..).zip([first, first.plus(DAY), first.plus(17 * DAY), november.resets_at().minus(DAY)]) {
        let tier = Tier::ALL[number as usize % 4];
        let query = outcome(number, at).query.map(|query| QueryRecord { tier, ..query });
        record(log, &Outcome { query, score: Some(1.0), ..outcome(number, at) }).await;
    }
    record(log, &Outcome { score: Some(f32::NAN), ..outcome(20, NOW) }).await;
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
    what_was_recorded_is_read_again(log).await;
    callers_say_whether_it_helped(log).await;
}

/// On a day of its own, each outcome comes back as it was, once, in the order of names.
async fn what_was_recorded_is_read_again(log: &dyn OutcomeLog) {
    let at = NOW.plus(90 * DAY);
    let mut recorded = vec![bare(1, at), full(2, at)];
    recorded.extend((3..60).map(|number| outcome(number, at)));
    join_all(recorded.iter().map(|outcome| record(log, outcome))).await;
    recorded.sort_by(|one, other| one.request.cmp(&other.request));
    assert_eq!(day(log, at).await, recorded);

    // No more than what fits is kept, and what JSON cannot hold is left out.
    let at = NOW.plus(91 * DAY);
    let bad = Quality { relevance: f32::NAN, ..quality() };
    let odd = Attempt { score: Some(f32::INFINITY), ..Attempt::skipped("knowledge", "low_score") };
    let attempts = vec![Attempt::skipped("deepseek-chat", "low_score").judged(Some(&bad)), odd];
    let many = Outcome { attempts: [attempts, vec![Attempt::skipped("m", "no_key"); 20]].concat(), ..bare(1, at) };
    record(log, &many).await;
    let found = day(log, at).await.pop().unwrap_or_else(|| panic!("it is kept"));
    assert_eq!(found.attempts.len(), Outcome::MOST_ATTEMPTS);
    assert_eq!((found.attempts[0].score, &found.attempts[0].quality), (Some(0.91), &None));
    assert_eq!(found.attempts[1].score, None);
}

async fn callers_say_whether_it_helped(log: &dyn OutcomeLog) {
    let at = NOW.plus(150 * DAY);
    let rated = outcome(1, at);
    // Its request was made before midnight, and ended after.
    let midnight = day_start(at);
    let late =
        Outcome { at: midnight.plus(Duration::from_secs(9)), ..outcome(2, midnight.minus(Duration::from_millis(1))) };
    for outcome in [&rated, &late, &outcome(3, at)] {
        record(log, outcome).await;
    }
    let (mine, other) = (tenant("shop"), tenant("other"));
    assert_eq!(rate(log, &other, &rated.request, Feedback::Helpful).await, Rated::Unknown, "it is not theirs");
    assert_eq!(rate(log, &mine, &outcome(9, at).request, Feedback::Helpful).await, Rated::Unknown);
    assert_eq!(rate(log, &mine, &request("UUUUUUUUUUUUUUUUUUUUUUUUUU"), Feedback::Helpful).await, Rated::Unknown);
    let all = join_all((0..6).map(|_| rate(log, &mine, &rated.request, Feedback::Unhelpful))).await;
    assert_eq!(all, [Rated::Noted; 6]);
    assert_eq!(rate(log, &mine, &rated.request, Feedback::Helpful).await, Rated::Otherwise);
    assert_eq!(rate(log, &mine, &late.request, Feedback::Helpful).await, Rated::Noted);
    let sum = summary(log, at.month()).await;
    assert_eq!((sum.total, sum.helpful, sum.unhelpful), (3, 1, 1));
    let said: Vec<_> = day(log, at).await.into_iter().map(|outcome| (outcome.request, outcome.feedback)).collect();
    let mut expected = [
        (rated.request.clone(), Some(Feedback::Unhelpful)),
        (late.request.clone(), Some(Feedback::Helpful)),
        (outcome(3, at).request, None),
    ];
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(said, expected);
    // A request that is told again after that loses nothing.
    record(log, &rated).await;
    assert_eq!(summary(log, at.month()).await, sum);
}

fn day_start(at: Timestamp) -> Timestamp {
    let day = i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(at.millis() / day * day)
}

async fn record(log: &dyn OutcomeLog, outcome: &Outcome) {
    log.record(outcome).await.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause));
}

/// All outcomes of the day of `at`, in the order of names, read in small pages.
async fn day(log: &dyn OutcomeLog, at: Timestamp) -> Vec<Outcome> {
    let mut found = Vec::new();
    for shard in 0..SHARDS {
        let mut after = None;
        loop {
            let page = log.page(&at.day(), shard, after.as_ref(), 2).await;
            let page = page.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause));
            assert!(page.len() <= 2, "no more than was asked for");
            let Some(last) = page.last() else { break };
            after = Some(last.request.clone());
            found.extend(page);
        }
    }
    found.sort_by(|one, other| one.request.cmp(&other.request));
    found
}

async fn rate(log: &dyn OutcomeLog, tenant: &Tenant, request: &RequestId, feedback: Feedback) -> Rated {
    let rated = log.rate(tenant, request, feedback).await;
    rated.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause))
}

async fn summary(log: &dyn OutcomeLog, month: Month) -> Summary {
    log.summary(month).await.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause))
}

fn request(text: &str) -> RequestId {
    RequestId::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn tenant(text: &str) -> Tenant {
    Tenant::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn model(text: &str) -> ModelId {
    ModelId::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The name of the request with this number that was made at `at`.
fn request_at(number: u32, at: Timestamp) -> RequestId {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let millis = at.millis().unsigned_abs();
    let time: String = (0..10).rev().map(|place| char::from(DIGITS[(millis >> (5 * place)) as usize & 31])).collect();
    request(&format!("{time}{number:016}"))
}

/// What is the least that can be said: the query was never read.
fn bare(number: u32, at: Timestamp) -> Outcome {
    Outcome {
        query: None,
        plan: Vec::new(),
        attempts: Vec::new(),
        model: None,
        score: None,
        error: Some("no_answer".to_owned()),
        ..outcome(number, at)
    }
}

/// Everything that can be said.
fn full(number: u32, at: Timestamp) -> Outcome {
    let query = outcome(number, at).query.map(|query| QueryRecord {
        knowledge: Some(KnowledgeRecord { passage: "pricing#p-2".to_owned(), answerability: 0.731 }),
        ..query
    });
    let failed = Quality { groundedness: None, hard_fail: Some(HardFail::PromptLeak), ..quality() };
    Outcome {
        arm: Arm::Shadow,
        query,
        plan: vec![Step::Paid(model("deepseek-chat")), Step::Paid(model("claude-sonnet")), Step::Local],
        attempts: vec![
            Attempt { cost: Usd::from_nanos(59_000), ..Attempt::skipped("deepseek-chat", "prompt_leak") }
                .judged(Some(&failed)),
            Attempt { latency_ms: 2_310, ..Attempt::skipped("claude-sonnet", "delivered") }.judged(Some(&quality())),
        ],
        cache: Some(CacheHit::Semantic),
        origin: Origin::Paid,
        model: Some(model("claude-sonnet")),
        escalated: true,
        shadow: Some(Attempt::skipped("knowledge", "compared").judged(Some(&quality()))),
        error: Some("no_answer".to_owned()),
        feedback: Some(Feedback::Helpful),
        words: Some(Words { is_follow_up: true, ..Words::new("What does it cost? “é”", &"long ".repeat(600)) }),
        ..outcome(number, at)
    }
}

fn quality() -> Quality {
    let (relevance, coherence, groundedness) = (0.62, 0.735_11, Some(0.9));
    Quality { score: 0.91, relevance, coherence, groundedness, brand: 1.0, toxicity: 0.001, hard_fail: None }
}

fn outcome(number: u32, at: Timestamp) -> Outcome {
    let vector: Vec<f32> = (0_u32..384).map(|place| ((place * 7 + number) % 13) as f32 / 100.0 - 0.06).collect();
    Outcome {
        request: request_at(number, at),
        at,
        tenant: tenant("shop"),
        agent: AgentId::parse("agent").unwrap_or_else(|error| panic!("{error}")),
        policy: 7,
        arm: Arm::Local,
        query: Some(QueryRecord {
            tier: Tier::Simple,
            confidence: 0.93,
            embedding: QuantizedVector::of(&vector),
            injection: 0.004,
            toxicity: 0.01,
            gain: -0.07,
            can_be_checked: true,
            tokens: 9,
            knowledge: None,
        }),
        plan: vec![Step::Local, Step::Paid(model("deepseek-chat"))],
        attempts: vec![
            Attempt { latency_ms: 11, ..Attempt::skipped("knowledge", "delivered") }.judged(Some(&quality())),
        ],
        cache: None,
        origin: Origin::Local,
        model: Some(model("knowledge")),
        score: Some(0.912),
        escalated: false,
        shadow: None,
        cost: Usd::from_nanos(1_234),
        baseline: Usd::from_nanos(4_120_001),
        latency_ms: 12,
        error: None,
        feedback: None,
        words: None,
    }
}
