use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::digest::{AnswerSum, ArmSum, Pair};
use super::super::measures::Histogram;
use super::super::sketch::rating;
use super::*;
use crate::complexity::Tier;
use crate::ids::{RequestId, Tenant};

const RULES: PromotionRules = PromotionRules { min_samples: 200, margin: 0.03, complaints: 0.05, confidence: 0.95 };

fn policy(stage: Stage) -> Policy {
    let mut policy = crate::policy::usual();
    (policy.rollout.stage, policy.rollout.promotion, policy.learning.quality_floor) = (stage, RULES, 0.5);
    policy
}

/// Scores about `mean`, by 0.1 either way.
fn scores(mean: f64, count: u32) -> Moments {
    let mut moments = Moments::default();
    (0..count).for_each(|number| moments.add(if number % 2 == 0 { mean + 0.1 } else { mean - 0.1 }));
    moments
}

/// Answers of which half score so much and half so much, each in the middle of a twentieth.
fn answers((low, high): (f32, f32), count: u32) -> AnswerSum {
    let mut scores = Histogram::default();
    (0..count).for_each(|number| scores.add(if number % 2 == 0 { low } else { high }));
    let scores = BTreeMap::from([("knowledge".to_owned(), scores)]);
    AnswerSum { requests: count.into(), scores, ..AnswerSum::default() }
}

fn arms(local: AnswerSum, paid: AnswerSum) -> Digest {
    let arm = |answers| ArmSum { answers, ..ArmSum::default() };
    Digest { arms: BTreeMap::from([(Arm::Local, arm(local)), (Arm::Paid, arm(paid))]), ..Digest::default() }
}

fn decided(digest: &Digest, changes: &[Change], policy: &Policy) -> Decision {
    decide(digest, changes, &Tuning::of(policy), policy)
}

fn add_ratings(digest: &mut Digest, arm: Arm, count: u32, is_helpful: bool) {
    for number in 0..count {
        let rating = Rating {
            tenant: Tenant::parse(&format!("t{}", number % 9)).unwrap(),
            model: "knowledge".to_owned(),
            score: 0.9,
            is_helpful,
            arm,
            version: 1,
        };
        let name = format!("{:024}{}{}", number, if is_helpful { 1 } else { 0 }, if arm == Arm::Local { 1 } else { 0 });
        digest.ratings.add(&RequestId::parse(&name).unwrap(), || rating);
    }
}

#[track_caller]
fn check(digest: &Digest, stage: Stage, expected: (Stage, Reason)) {
    let decision = decided(digest, &[], &policy(stage));
    assert_eq!((decision.stage, decision.reason), expected, "{:?}", decision.evidence);
}

#[test]
fn one_step_is_taken_when_local_answers_are_shown_to_be_no_worse() {
    let same = arms(answers((0.775, 0.975), 400), answers((0.775, 0.975), 400));
    check(&same, Stage::Tenth, (Stage::Half, Reason::NoWorse));
    check(&same, Stage::Half, (Stage::Most, Reason::NoWorse));
    check(&same, Stage::Most, (Stage::Full, Reason::NoWorse));
    // 0.025 lower, give or take 0.01: within the margin in the mean, but not surely so.
    check(
        &arms(answers((0.775, 0.925), 400), answers((0.775, 0.975), 400)),
        Stage::Half,
        (Stage::Half, Reason::NotShown),
    );
    // With sixteen times as many answers it is sure.
    check(
        &arms(answers((0.775, 0.925), 6_400), answers((0.775, 0.975), 6_400)),
        Stage::Half,
        (Stage::Most, Reason::NoWorse),
    );
}

#[test]
fn one_step_back_is_taken_when_they_are_shown_to_be_worse() {
    let worse = arms(answers((0.675, 0.925), 400), answers((0.775, 0.975), 400));
    check(&worse, Stage::Most, (Stage::Half, Reason::Worse));
    check(&worse, Stage::Tenth, (Stage::Shadow, Reason::Worse));
}

#[test]
fn few_answers_decide_nothing() {
    check(
        &arms(answers((0.125, 0.225), 199), answers((0.875, 0.925), 5_000)),
        Stage::Half,
        (Stage::Half, Reason::TooFew),
    );
    check(
        &arms(answers((0.875, 0.925), 5_000), answers((0.125, 0.225), 199)),
        Stage::Half,
        (Stage::Half, Reason::TooFew),
    );
    check(&Digest::default(), Stage::Shadow, (Stage::Shadow, Reason::TooFew));
}

#[test]
fn at_the_shadow_stage_answers_to_the_same_questions_are_compared() {
    let compared = |difference: f64| {
        let pair = Pair { difference: scores(difference, 300), ..Pair::default() };
        let by_tier = BTreeMap::from([(Tier::Simple, pair)]);
        let by_dearer = BTreeMap::from([("deepseek-chat".to_owned(), by_tier)]);
        Digest { compared: BTreeMap::from([("knowledge".to_owned(), by_dearer)]), ..Digest::default() }
    };
    check(&compared(0.0), Stage::Shadow, (Stage::Tenth, Reason::NoWorse));
    check(&compared(-0.2), Stage::Shadow, (Stage::Shadow, Reason::Worse));
}

#[test]
fn complaints_take_a_step_back_whatever_scores_say() {
    let rated = |local: [u32; 2], paid: [u32; 2]| {
        let mut digest = arms(answers((0.825, 0.975), 400), answers((0.775, 0.975), 400));
        for (arm, [helpful, unhelpful]) in [(Arm::Local, local), (Arm::Paid, paid)] {
            add_ratings(&mut digest, arm, helpful, true);
            add_ratings(&mut digest, arm, unhelpful, false);
        }
        digest
    };
    check(&rated([60, 40], [90, 10]), Stage::Half, (Stage::Tenth, Reason::Complaints));
    check(&rated([85, 15], [90, 10]), Stage::Half, (Stage::Most, Reason::NoWorse));
    check(&rated([0, 29], [90, 10]), Stage::Half, (Stage::Most, Reason::NoWorse));
}

/// What callers say of answers that score well makes them worth what they are.
#[test]
fn answers_are_read_as_callers_say_they_are_to_be_read() {
    let mut digest = arms(answers((0.875, 0.925), 600), AnswerSum::default());
    let paid = Histogram::default();
    let mut sum = answers((0.875, 0.925), 600);
    sum.scores = BTreeMap::from([("deepseek-chat".to_owned(), sum.scores.remove("knowledge").unwrap_or(paid))]);
    digest.arms.entry(Arm::Paid).or_default().answers = sum;
    check(&digest, Stage::Half, (Stage::Most, Reason::NoWorse));
    // Of the local ones, three in ten help.
    for number in 0..100 {
        let name = RequestId::parse(&format!("{number:026}")).unwrap();
        digest.ratings.add(&name, || rating("knowledge", 0.9, number % 10 < 3));
    }
    check(&digest, Stage::Half, (Stage::Tenth, Reason::BelowFloor));
    check(&digest, Stage::Full, (Stage::Most, Reason::BelowFloor));
    let mut content = policy(Stage::Half);
    content.learning.quality_floor = 0.2;
    let decision = decided(&digest, &[], &content);
    assert_eq!((decision.stage, decision.reason), (Stage::Tenth, Reason::Worse));
}

#[test]
fn the_last_stage_is_left_when_the_score_falls() {
    let fell = Change { measure: Measure::ScoreDrop, size: 0.1, threshold: 0.03, p: 0.0, is_alarm: true };
    let decide = |changes: &[Change]| decided(&Digest::default(), changes, &policy(Stage::Full));
    assert_eq!((decide(&[fell]).stage, decide(&[fell]).reason), (Stage::Most, Reason::ScoreFell));
    assert_eq!(decide(&[Change { is_alarm: false, ..fell }]).reason, Reason::Last);
    assert_eq!(decide(&[Change { measure: Measure::Centroid, ..fell }]).stage, Stage::Full);
}

proptest! {
    /// However the figures are, a step is one, and what is frozen stays.
    #[test]
    fn steps_are_bounded(local in any::<(f32, f32)>(), paid in any::<(f32, f32)>(), counts in (0_u32..600, 0_u32..600), stage in 0..5_usize, rated in any::<[[u8; 2]; 2]>()) {
        let stage = Stage::ALL[stage];
        let mut digest = arms(answers(local, counts.0), answers(paid, counts.1));
        for (arm, rated) in [Arm::Local, Arm::Paid].into_iter().zip(rated) {
            add_ratings(&mut digest, arm, rated[0].into(), true);
            add_ratings(&mut digest, arm, rated[1].into(), false);
        }
        let place = |stage: Stage| Stage::ALL.iter().position(|other| *other == stage).unwrap();
        let decision = decided(&digest, &[], &policy(stage));
        prop_assert!(place(decision.stage).abs_diff(place(stage)) <= 1);
        let mut frozen_policy = policy(stage);
        frozen_policy.rollout.frozen = true;
        let frozen = decided(&digest, &[], &frozen_policy);
        prop_assert_eq!((frozen.stage, frozen.reason), (stage, Reason::Frozen));
    }
}
