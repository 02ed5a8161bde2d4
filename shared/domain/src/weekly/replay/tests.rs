use super::super::sketch::{seen, tried};
use super::*;
use crate::policy::usual;

const CHEAP: &str = "deepseek-chat";
const STRONG: &str = "claude-sonnet";
const CENT: i64 = 10_000_000;

#[track_caller]
fn check(request: &Seen, tuning: &Tuning, expected: Option<(f64, f64)>) {
    let (policy, yardstick) = (usual(), BTreeMap::new());
    let walked = Replay::new(&policy, &yardstick, std::iter::empty()).walk(request, tuning);
    match (walked, expected) {
        (Some(walked), Some((cost, acceptable))) => {
            assert!((walked.cost - cost).abs() < 1e-9 && (walked.acceptable - acceptable).abs() < 1e-6, "{walked:?}");
        }
        (walked, expected) => assert_eq!(walked.is_some(), expected.is_some(), "{walked:?}"),
    }
}

#[test]
fn a_walk_ends_where_the_cascade_would() {
    let usual = Tuning::of(&usual());
    let good = seen(0.9, vec![tried("knowledge", 0.9, 0), tried(CHEAP, 0.95, CENT)]);
    check(&good, &usual, Some((0.0, 0.9)));
    // A middling answer is delivered, rephrased or not.
    check(&seen(0.7, vec![tried("knowledge", 0.7, 0)]), &usual, Some((0.0, 0.7)));
    let poor = seen(0.3, vec![tried("knowledge", 0.3, 0), tried(CHEAP, 0.95, CENT)]);
    check(&poor, &usual, Some((0.01, 0.95)));
    // Nothing passes: the best above the floor is delivered.
    let end = vec![tried(CHEAP, 0.5, CENT), tried(STRONG, 0.45, 3 * CENT)];
    check(&seen(0.0, end), &usual, Some((0.04, 0.5)));
    check(&seen(0.0, vec![tried(CHEAP, 0.2, CENT), tried(STRONG, 0.1, CENT)]), &usual, Some((0.02, 0.0)));
}

#[test]
fn what_must_not_be_delivered_and_what_is_doubted_goes_on() {
    let usual = Tuning::of(&usual());
    let barred = Try { is_barred: true, ..tried(CHEAP, 0.99, CENT) };
    check(&seen(0.0, vec![barred, tried(STRONG, 0.9, CENT)]), &usual, Some((0.02, 0.9)));
    let doubted = Try { is_doubted: true, ..tried(CHEAP, 0.9, CENT) };
    check(&seen(0.0, vec![doubted.clone(), tried(STRONG, 0.95, CENT)]), &usual, Some((0.02, 0.95)));
    // The better model failed: the doubted answer is delivered.
    let failed = Try { score: None, ..tried(STRONG, 0.0, 0) };
    check(&seen(0.0, vec![doubted, failed]), &usual, Some((0.01, 0.9)));
}

#[test]
fn another_threshold_and_another_reading_take_other_ways() {
    let mut tuning = Tuning::of(&usual());
    let request = seen(0.7, vec![tried("knowledge", 0.7, 0), tried(CHEAP, 0.95, CENT)]);
    tuning.thresholds.min_answerability = 0.75;
    check(&request, &tuning, Some((0.01, 0.95)));
    let mut tuning = Tuning::of(&usual());
    tuning.calibrations.insert("knowledge".to_owned(), Calibration { slope: 1.0, offset: -1.5 });
    // It is measured by the yardstick and not by itself.
    check(&request, &tuning, Some((0.01, 0.95)));
    let only = seen(0.7, vec![tried("knowledge", 0.7, 0)]);
    check(&only, &tuning, None);
}

#[test]
fn a_step_that_nobody_asked_is_as_it_usually_is() {
    let (policy, yardstick) = (usual(), BTreeMap::new());
    let known = [seen(0.0, vec![tried(CHEAP, 0.9, CENT)]), seen(0.0, vec![tried(CHEAP, 0.5, 3 * CENT)])];
    let replay = Replay::new(&policy, &yardstick, known.iter());
    let mut tuning = Tuning::of(&policy);
    tuning.thresholds.min_answerability = 0.75;
    let request = seen(0.7, vec![tried("knowledge", 0.7, 0)]);
    let walked = replay.walk(&request, &tuning).unwrap();
    assert!(walked.is_guessed && (walked.cost - 0.02).abs() < 1e-9 && (walked.acceptable - 0.7).abs() < 1e-6);
    let compared = replay.compare([request.clone(), known[0].clone()].iter(), &Tuning::of(&policy), &tuning).unwrap();
    assert_eq!((compared.known, compared.differing, compared.guessed), (2, 1, 1));
}

#[test]
fn nobody_s_requests_outweigh_the_others() {
    let (policy, yardstick) = (usual(), BTreeMap::new());
    let replay = Replay::new(&policy, &yardstick, std::iter::empty());
    let mut tuning = Tuning::of(&policy);
    tuning.thresholds.min_answerability = 0.75;
    let of = |tenant: String, paid: f32| Seen {
        tenant: crate::ids::Tenant::parse(&tenant).unwrap(),
        ..seen(0.7, vec![tried("knowledge", 0.7, 0), tried(CHEAP, paid, 0)])
    };
    // Nine in ten requests are one tenant's, and for them alone the paid answer is better.
    let rows: Vec<Seen> =
        (0..100).map(|n| if n < 90 { of("loud".to_owned(), 0.9) } else { of(format!("t{n}"), 0.61) }).collect();
    let found = replay.compare(rows.iter(), &Tuning::of(&policy), &tuning).unwrap();
    // 20 for the one and 10 for the others, instead of 90 and 10.
    assert!((found.acceptable.mean - (20.0 * 0.2 - 10.0 * 0.09) / 30.0).abs() < 1e-6, "{found:?}");
}
