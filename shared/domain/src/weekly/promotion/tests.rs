use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::digest::{ArmSum, Pair};
use super::*;
use crate::complexity::Tier;
use crate::ids::{RequestId, Tenant};

const RULES: PromotionRules = PromotionRules { min_samples: 200, margin: 0.03, complaints: 0.05, confidence: 0.95 };

fn policy(stage: Stage) -> Policy {
    let mut policy = crate::policy::usual();
    (policy.rollout.stage, policy.rollout.promotion) = (stage, RULES);
    policy
}

/// Scores about `mean`, by 0.1 either way.
fn scores(mean: f64, count: u32) -> Moments {
    let mut moments = Moments::default();
    (0..count).for_each(|number| moments.add(if number % 2 == 0 { mean + 0.1 } else { mean - 0.1 }));
    moments
}

fn arms(local: Moments, paid: Moments) -> Digest {
    let arm = |score| ArmSum { score, ..ArmSum::default() };
    Digest { arms: BTreeMap::from([(Arm::Local, arm(local)), (Arm::Paid, arm(paid))]), ..Digest::default() }
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
    let decision = decide(digest, &[], &policy(stage));
    assert_eq!((decision.stage, decision.reason), expected, "{:?}", decision.evidence);
}

#[test]
fn one_step_is_taken_when_local_answers_are_shown_to_be_no_worse() {
    let same = arms(scores(0.85, 400), scores(0.85, 400));
    check(&same, Stage::Tenth, (Stage::Half, Reason::NoWorse));
    check(&same, Stage::Half, (Stage::Most, Reason::NoWorse));
    check(&same, Stage::Most, (Stage::Full, Reason::NoWorse));
    // 0.025 lower, give or take 0.012: within the margin in the mean, but not surely so.
    check(&arms(scores(0.825, 400), scores(0.85, 400)), Stage::Half, (Stage::Half, Reason::NotShown));
    // With sixteen times as many answers it is sure.
    check(&arms(scores(0.825, 6_400), scores(0.85, 6_400)), Stage::Half, (Stage::Most, Reason::NoWorse));
}

#[test]
fn one_step_back_is_taken_when_they_are_shown_to_be_worse() {
    let worse = arms(scores(0.75, 400), scores(0.85, 400));
    check(&worse, Stage::Most, (Stage::Half, Reason::Worse));
    check(&worse, Stage::Tenth, (Stage::Shadow, Reason::Worse));
}

#[test]
fn few_answers_decide_nothing() {
    check(&arms(scores(0.2, 199), scores(0.9, 5_000)), Stage::Half, (Stage::Half, Reason::TooFew));
    check(&arms(scores(0.9, 5_000), scores(0.2, 199)), Stage::Half, (Stage::Half, Reason::TooFew));
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
        let mut digest = arms(scores(0.9, 400), scores(0.85, 400));
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

#[test]
fn the_last_stage_is_left_when_the_score_falls() {
    let fell = Change { measure: Measure::ScoreDrop, size: 0.1, threshold: 0.03, p: 0.0, is_alarm: true };
    let decide = |changes: &[Change]| decide(&Digest::default(), changes, &policy(Stage::Full));
    assert_eq!((decide(&[fell]).stage, decide(&[fell]).reason), (Stage::Most, Reason::ScoreFell));
    assert_eq!(decide(&[Change { is_alarm: false, ..fell }]).reason, Reason::Last);
    assert_eq!(decide(&[Change { measure: Measure::Centroid, ..fell }]).stage, Stage::Full);
}

proptest! {
    /// However the figures are, a step is one, and what is frozen stays.
    #[test]
    fn steps_are_bounded(local in -1.0_f64..1.0, paid in -1.0_f64..1.0, counts in (0_u32..600, 0_u32..600), stage in 0..5_usize, rated in any::<[[u8; 2]; 2]>()) {
        let stage = Stage::ALL[stage];
        let mut digest = arms(scores(local, counts.0), scores(paid, counts.1));
        for (arm, rated) in [Arm::Local, Arm::Paid].into_iter().zip(rated) {
            add_ratings(&mut digest, arm, rated[0].into(), true);
            add_ratings(&mut digest, arm, rated[1].into(), false);
        }
        let place = |stage: Stage| Stage::ALL.iter().position(|other| *other == stage).unwrap();
        let decision = decide(&digest, &[], &policy(stage));
        prop_assert!(place(decision.stage).abs_diff(place(stage)) <= 1);
        let mut frozen_policy = policy(stage);
        frozen_policy.rollout.frozen = true;
        let frozen = decide(&digest, &[], &frozen_policy);
        prop_assert_eq!((frozen.stage, frozen.reason), (stage, Reason::Frozen));
    }
}
