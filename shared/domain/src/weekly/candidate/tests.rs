use super::super::digest::{Rating, Seen};
use super::super::sketch::{digest, rating, seen, tried};
use super::*;
use crate::policy::usual;

const CHEAP: &str = "deepseek-chat";

fn active() -> Tuning {
    Tuning::of(&usual())
}

/// Requests that the knowledge half answers, at 0.62, and that a cheap model answers with the score `paid`.
fn middling(paid: f32) -> Vec<Seen> {
    let of = |_| seen(0.62, vec![tried("knowledge", 0.62, 0), tried(CHEAP, paid, 80_000)]);
    (0..600).map(of).collect()
}

fn ratings(model: &str, score: f32, helpful: usize, of: usize) -> Vec<Rating> {
    // 7 has no divisor in common with 10, so that both halves of the sample have the same share.
    (0..of).map(|number| rating(model, score, (number * 7) % 10 < helpful)).collect()
}

#[test]
fn nothing_is_changed_where_nothing_is_known() {
    assert_eq!(candidate(&Digest::default(), &active(), &usual()), Err(NotBetter { what: None, evidence: None }));
    assert!(candidate(&digest(middling(0.95)[..100].to_vec(), []), &active(), &usual()).is_err(), "too few");
}

#[test]
fn a_threshold_is_moved_where_wrong_answers_cost_more_than_better_ones() {
    let found = candidate(&digest(middling(0.95), []), &active(), &usual()).unwrap();
    assert_eq!(found.what, "`min_answerability` goes from 0.6 to 0.7");
    assert!((found.tuning.thresholds.min_answerability - 0.7).abs() < 1e-6);
    // A third more is acceptable, worth $0.0066, for $0.00008.
    assert!((found.evidence.difference + 0.00652).abs() < 1e-4, "{:?}", found.evidence);
    assert!(found.evidence.outcomes > 200 && found.evidence.outcomes == found.evidence.differing);
}

#[test]
fn a_threshold_stays_where_paid_answers_are_no_better() {
    assert!(candidate(&digest(middling(0.62), []), &active(), &usual()).is_err());
}

/// On the half that candidates are made from, paid answers are better; on the other they are worse.
#[test]
fn what_does_not_hold_on_held_out_outcomes_is_not_tried() {
    let both = digest(middling(0.95), []);
    let first: std::collections::BTreeSet<_> = both.seen.half(true).map(|seen| seen.gain.to_bits()).collect();
    assert_eq!(first.len(), 1);
    let mut mixed = Digest::default();
    for number in 0..600 {
        let name = super::super::sketch::request(number);
        let mut one = Digest::default();
        one.seen.add(&name, || middling(0.95)[0].clone());
        let is_first = one.seen.half(true).next().is_some();
        mixed.seen.add(&name, || middling(if is_first { 0.95 } else { 0.61 })[0].clone());
    }
    let found = candidate(&mixed, &active(), &usual()).unwrap_err();
    assert_eq!(found.what.as_deref(), Some("`min_answerability` goes from 0.6 to 0.7"));
    assert!(found.evidence.unwrap().difference > 0.0);
}

#[test]
fn a_change_that_is_mostly_guessed_is_not_tried() {
    let mut rows: Vec<Seen> = middling(0.95);
    for row in rows.iter_mut().step_by(3).chain([]) {
        row.tries.truncate(1);
    }
    assert!(candidate(&digest(rows.clone(), []), &active(), &usual()).is_ok());
    for row in &mut rows {
        if row.tries.len() == 2 && row.tries[1].score == Some(0.95) {
            row.tries.truncate(1);
        }
    }
    assert!(candidate(&digest(rows, []), &active(), &usual()).is_err());
}

#[test]
fn scores_that_promise_too_much_are_read_anew_before_thresholds_are() {
    let rated = ratings("knowledge", 0.9, 5, 400);
    let found = candidate(&digest(middling(0.95), rated), &active(), &usual()).unwrap();
    assert!(found.what.starts_with("scores of `knowledge` are read with slope"), "{}", found.what);
    let calibration = found.tuning.calibration("knowledge");
    assert!(calibration.read(0.9) < 0.88 && calibration.read(0.9) > 0.6, "{calibration:?}: a step and not more");
    assert_eq!(found.tuning.thresholds, active().thresholds);
    assert!(found.evidence.at_most < 0.0);
}

#[test]
fn scores_that_are_right_are_left_alone() {
    assert!(candidate(&digest([], ratings("knowledge", 0.9, 9, 400)), &active(), &usual()).is_err());
}

/// One tenant calls every answer unhelpful, as often as all others together call them helpful.
#[test]
fn a_loud_tenant_does_not_teach_the_others() {
    let mut rated = ratings("knowledge", 0.9, 9, 400);
    for (number, rating) in rated.iter_mut().enumerate() {
        rating.tenant = crate::ids::Tenant::parse(&format!("t{}", number % 40)).unwrap();
    }
    let loud = crate::ids::Tenant::parse("loud").unwrap();
    rated.extend((0..400).map(|_| Rating { tenant: loud.clone(), ..rating("knowledge", 0.9, false) }));
    let mut policy = usual();
    policy.learning.tenant_share = 0.02;
    assert!(candidate(&digest([], rated.clone()), &active(), &policy).is_err());
    policy.learning.tenant_share = 1.0;
    assert!(candidate(&digest([], rated), &active(), &policy).is_ok(), "without the bound it would");
}
