use proptest::prelude::*;

use super::super::sketch::{self, judged};
use super::*;
use crate::ids::{AgentId, Tenant};
use crate::outcome::{QueryRecord, Words};
use crate::time::Timestamp;

const THRESHOLDS: QualityThresholds = QualityThresholds { deliver: 0.8, rephrase: 0.6, floor: 0.4, paid_prior: 0.8 };
/// 2026-11-30, 23:15.
const MONDAY: i64 = 1_796_080_500_000;

/// A simple question that DeepSeek answers.
fn paid(number: u32) -> Outcome {
    let vector: Vec<f32> = (0..8).map(|at| ((number + at) % 5) as f32 / 10.0).collect();
    sketch::paid(number, &vector)
}

fn digest(outcomes: &[Outcome]) -> Digest {
    let mut digest = Digest::default();
    outcomes.iter().for_each(|outcome| digest.add(outcome, &THRESHOLDS));
    digest
}

#[test]
fn an_escalation_is_told_apart_from_a_comparison() {
    let attempts =
        vec![judged("deepseek-chat", "low_score", 0.5, 1_000), judged("claude-sonnet", "delivered", 0.9, 8_000)];
    let escalated = Outcome { attempts, escalated: true, cost: Usd::from_nanos(9_000), ..paid(1) };
    let compared =
        |score| Outcome { shadow: Some(judged("knowledge", "compared", score, 0)), arm: Arm::Shadow, ..paid(2) };
    let found = digest(&[escalated, compared(0.85), compared(0.3), paid(3)]);

    let pair = &found.escalated["deepseek-chat"]["claude-sonnet"][&Tier::Simple];
    assert_eq!((pair.both, pair.cheaper, pair.dearer, pair.neither, pair.cost), (0, 0, 1, 0, 8_000));
    let pair = &found.compared["knowledge"]["deepseek-chat"][&Tier::Simple];
    assert_eq!((pair.both, pair.dearer, pair.total(), pair.cost), (1, 1, 2, 2_000));
    assert!(
        (pair.difference.mean().unwrap() + 0.05).abs() < 1e-6,
        "where the local answer would not be delivered does not count"
    );
    assert_eq!((found.escalated.len(), found.compared.len()), (1, 1));

    let work = &found.models["deepseek-chat"][&Tier::Simple];
    assert_eq!((work.attempts, work.judged, work.passed, work.delivered, work.cost), (4, 4, 3, 3, 4_000));
    let work = &found.models["knowledge"][&Tier::Simple];
    assert_eq!((work.attempts, work.passed, work.delivered, work.cost), (2, 1, 0, 0));
    let tier = &found.tiers[&Tier::Simple];
    assert_eq!((tier.requests, tier.local, tier.escalated, tier.cost, tier.baseline), (4, 0, 1, 12_000, 36_000));
    assert_eq!((found.arms[&Arm::Shadow].requests, found.arms[&Arm::Local].requests), (2, 2));
}

#[test]
fn a_comparison_tells_which_step_answered() {
    let local = vec![judged("knowledge", "delivered", 0.85, 0)];
    let usual = paid(1);
    let cheap_too = Outcome {
        attempts: local,
        origin: Origin::Local,
        cost: Usd::ZERO,
        shadow: Some(judged("deepseek-chat", "compared", 0.9, 1_000)),
        ..usual
    };
    let local_too = Outcome { shadow: Some(judged("knowledge", "compared", 0.9, 0)), ..paid(2) };
    let nothing_local = Outcome { shadow: Some(Attempt::skipped("knowledge", "not_in_knowledge")), ..paid(3) };
    let failed = judged("claude-sonnet", "low_score", 0.3, 8_000);
    let wasteful =
        Outcome { attempts: [vec![failed], paid(4).attempts].concat(), cost: Usd::from_nanos(9_000), ..paid(4) };
    let found = digest(&[cheap_too, local_too, nothing_local, wasteful]);

    let pair = &found.compared["knowledge"]["deepseek-chat"][&Tier::Simple];
    assert_eq!((pair.total(), pair.both, pair.dearer_delivered, pair.cost), (2, 2, 1, 2_000));
    let tier = &found.tiers[&Tier::Simple];
    assert_eq!((tier.compared, tier.cheaper_would_do, tier.wasted), (1, 1, 8_000));
    let day = &found.days.values().next().unwrap();
    assert_eq!((day.cost, day.compared_cost, found.cost().nanos()), (11_000, 1_000, 12_000));
    assert_eq!(found.seen.iter().count(), 3, "also that there was nothing to compare is known");
}

#[test]
fn ratings_and_versions_tell_scores_as_they_were_given() {
    let mut read = paid(1);
    read.attempts[0].raw_score = Some(0.95);
    let rated = Outcome { feedback: Some(Feedback::Unhelpful), policy: 7, ..read };
    let failed = Outcome { origin: Origin::Failed, attempts: Vec::new(), policy: 7, ..paid(2) };
    let cached = Outcome { origin: Origin::Cached, feedback: Some(Feedback::Helpful), policy: 7, ..paid(3) };
    let found = digest(&[rated, failed, cached, paid(4)]);
    let ratings: Vec<&Rating> = found.ratings.iter().collect();
    assert_eq!(ratings.len(), 1, "what was said of a kept answer is said of another request's");
    assert_eq!((ratings[0].model.as_str(), ratings[0].score, ratings[0].is_helpful), ("deepseek-chat", 0.95, false));
    let sum = found.versions.get(7).unwrap();
    assert_eq!((sum.requests, sum.unanswered, sum.scores["deepseek-chat"].counts()[19]), (2, 1, 1));
    assert_eq!(found.versions.get(1).unwrap().requests, 1);
}

#[test]
fn what_was_not_made_for_the_request_has_no_new_score() {
    let cached = Outcome { origin: Origin::Cached, cost: Usd::ZERO, attempts: Vec::new(), ..paid(1) };
    let failed = Outcome { origin: Origin::Failed, score: None, query: None, ..paid(2) };
    let skipped = Outcome { attempts: vec![Attempt::skipped("gpt-4o", "no_key")], ..paid(3) };
    let found = digest(&[cached, failed, skipped]);
    assert_eq!((found.requests, found.score.count(), found.scores.total()), (3, 1, 1));
    assert_eq!(
        (found.of_origin(Origin::Cached), found.of_origin(Origin::Failed), found.of_origin(Origin::Paid)),
        (1, 1, 1)
    );
    assert!(found.models.is_empty(), "a model without a key did no work");
    assert_eq!((found.centroid.count(), found.arms[&Arm::Local].answered), (2, 2));
    assert_eq!((found.cost().nanos(), found.baseline().nanos()), (2_000, 27_000));
}

#[test]
fn feedback_is_counted_by_score_and_by_way() {
    let said = |number, feedback, score| Outcome { feedback: Some(feedback), score: Some(score), ..paid(number) };
    let found = digest(&[
        said(1, Feedback::Helpful, 0.93),
        said(2, Feedback::Unhelpful, 0.94),
        said(3, Feedback::Unhelpful, 0.61),
        paid(4),
    ]);
    assert_eq!(found.arms[&Arm::Local].rated, [1, 2]);
    assert_eq!(found.rated, BTreeMap::from([(12, [0, 1]), (18, [1, 1])]));
}

#[test]
fn beyond_so_many_tenants_are_not_told_apart() {
    let outcomes: Vec<Outcome> = (0..300)
        .map(|number| Outcome { tenant: Tenant::parse(&format!("t-{number}")).unwrap(), ..paid(number) })
        .collect();
    let found = digest(&outcomes);
    assert_eq!((found.tenants.len(), found.tenants[OTHERS]), (201, 100));
}

/// Different outcomes by their number.
fn any_outcome(number: u32) -> Outcome {
    let usual = paid(number);
    let at = Timestamp::from_millis(MONDAY + i64::from(number % 7) * 86_400_000);
    let score = Some((number * 37 % 100) as f32 / 100.0);
    let feedback = [None, Some(Feedback::Helpful), Some(Feedback::Unhelpful)][number as usize % 3];
    let arm = [Arm::Local, Arm::Paid, Arm::Shadow][number as usize % 3];
    let origin = Origin::ALL[number as usize % 5];
    let query = usual.query.clone().map(|query| QueryRecord { tier: Tier::ALL[number as usize % 4], ..query });
    let shadow = number.is_multiple_of(4).then(|| judged("knowledge", "compared", (number % 10) as f32 / 10.0, 0));
    let more = judged("claude-sonnet", "delivered", 0.9, 8_000);
    let attempts =
        if number.is_multiple_of(2) { [usual.attempts.clone(), vec![more]].concat() } else { usual.attempts.clone() };
    let (policy, latency_ms) = (1 + number % 3, u64::from(number * 91));
    let tenant = Tenant::parse(["shop", "bank", "school"][number as usize % 3]).unwrap();
    let words = number.is_multiple_of(2).then(|| Words::new(&format!("question {number}"), "answer"));
    Outcome { at, policy, score, feedback, arm, origin, query, shadow, attempts, latency_ms, tenant, words, ..usual }
}

proptest! {
    /// A run that is cut off goes on from what it has, so that where it is cut must make no difference.
    #[test]
    fn however_outcomes_are_split_the_same_comes_out(numbers in proptest::collection::btree_set(0_u32..5_000, 1..400), cut in any::<prop::sample::Index>()) {
        let outcomes: Vec<Outcome> = numbers.into_iter().map(any_outcome).collect();
        let whole = digest(&outcomes);
        let (first, second) = outcomes.split_at(cut.index(outcomes.len()));
        let mut merged = digest(second);
        merged.merge(&digest(first));
        prop_assert_eq!(&merged, &whole);
    }
}

#[test]
fn an_answer_is_kept_whole_or_not_at_all() {
    let kept = |words: Words| {
        let found = digest(&[Outcome { words: Some(words), ..paid(1) }]);
        found.bought.sample.iter().next().unwrap().answered.is_some()
    };
    let long = |chars: usize| "é".repeat(chars);
    assert!(kept(Words::new(&long(200), &long(1_000))));
    assert!(!kept(Words::new(&long(201), &long(1_000))) && !kept(Words::new(&long(200), &long(1_001))));
    let follow_up = Words { is_follow_up: true, ..Words::new("And that?", "Yes.") };
    assert!(!kept(follow_up), "it means nothing alone");
}

#[test]
fn it_is_known_whether_several_tenants_ask_an_agent() {
    let of = |number, tenant| Outcome { tenant: Tenant::parse(tenant).unwrap(), origin: Origin::Local, ..paid(number) };
    let agent = AgentId::parse("rprd").unwrap();
    let found = digest(&[of(1, "shop"), of(2, "shop")]);
    assert!(!found.bought.has_several_tenants(&agent));
    let outcomes = [of(1, "shop"), of(2, "bank"), of(3, "school"), of(4, "airline")];
    let found = digest(&outcomes);
    assert!(found.bought.has_several_tenants(&agent), "also of questions that nothing was paid for");
    assert_eq!(found.bought.tenants["rprd"].len(), 2, "no more are told apart");
}
