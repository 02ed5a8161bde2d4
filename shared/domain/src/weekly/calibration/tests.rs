use super::super::sketch::rating;
use super::*;
use crate::policy::usual;

/// Answers that score from 0.6 to 0.98, of which `share` of those with each score help.
fn rated(count: u32, share: impl Fn(f32) -> f64) -> Vec<Rating> {
    let score = |number: u32| 0.6 + 0.02 * (number % 20) as f32;
    // Spread over the numbers evenly: of any stretch the right share helps.
    let helps = |number: u32, score: f32| f64::from(number / 20 % 50) / 50.0 < share(score);
    (0..count).map(|number| rating("knowledge", score(number), helps(number, score(number)))).collect()
}

fn fit(ratings: &[Rating], known: &Tuning) -> Calibration {
    fitted(&weigh(ratings.iter(), 1.0), known, 30).get("knowledge").copied().unwrap_or(Calibration::NONE)
}

#[test]
fn scores_that_are_right_are_read_as_they_are() {
    let found = fit(&rated(2_000, f64::from), &Tuning::of(&usual()));
    for score in [0.65, 0.8, 0.95] {
        assert!((found.read(score) - score).abs() < 0.04, "{found:?} reads {score} as {}", found.read(score));
    }
}

#[test]
fn scores_that_promise_too_much_are_read_as_what_they_are() {
    let found = fit(&rated(2_000, |_| 0.5), &Tuning::of(&usual()));
    for score in [0.65, 0.8, 0.95] {
        assert!((found.read(score) - 0.5).abs() < 0.08, "{found:?} reads {score} as {}", found.read(score));
    }
}

#[test]
fn few_ratings_change_little_and_fewer_nothing() {
    let usual = Tuning::of(&usual());
    let bad: Vec<Rating> = (0..40).map(|_| rating("knowledge", 0.9, false)).collect();
    let (some, few) = (fit(&bad, &usual), fit(&bad[..29], &usual));
    assert_eq!(few, Calibration::NONE);
    assert!(some.read(0.9) < 0.9 && some.read(0.9) > 0.05, "{some:?}");
}

#[test]
fn a_week_moves_a_calibration_by_a_step() {
    let found = step(Calibration::NONE, Calibration { slope: 0.2, offset: -3.0 });
    assert_eq!(found, Calibration { slope: 0.75, offset: -0.5 });
    let again = step(found, Calibration { slope: 0.2, offset: -3.0 });
    assert_eq!(again, Calibration { slope: 0.5, offset: -1.0 });
}

#[test]
fn the_better_reading_has_the_smaller_loss() {
    let ratings = rated(1_000, |_| 0.5);
    let rows = weigh(ratings.iter(), 1.0);
    let halved = Calibration { slope: 0.25, offset: -0.5 };
    let found = loss_difference(&rows, Calibration::NONE, halved).unwrap();
    assert!(found.mean + 3.0 * found.error < 0.0, "{found:?}");
    assert!(loss_difference(&rows, halved, Calibration::NONE).unwrap().mean > 0.0);
    assert_eq!(loss_difference(&rows[..1], halved, Calibration::NONE), None);
}
