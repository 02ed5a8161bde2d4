use super::*;

#[track_caller]
fn is(found: f32, expected: f32) {
    assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
}

#[test]
fn the_area_counts_ties_half() {
    is(auc(&[0.1, 0.2, 0.3, 0.4], &[false, false, true, true]), 1.0);
    is(auc(&[0.4, 0.3, 0.2, 0.1], &[false, false, true, true]), 0.0);
    is(auc(&[0.5, 0.5, 0.5, 0.5], &[false, true, false, true]), 0.5);
    is(auc(&[0.1, 0.5, 0.5, 0.9], &[false, true, false, true]), 0.875);
    assert!(auc(&[0.1, 0.2], &[true, true]).is_nan(), "one label determines no area");
}

#[test]
fn macro_f1_counts_every_class_the_same() {
    // Class 1 is never found: the mean of 6/7 and 0.
    is(macro_f1(&[0, 0, 0, 0], &[0, 0, 0, 1], 2), 3.0 / 7.0);
    is(accuracy(&[0, 0, 0, 0], &[0, 0, 0, 1]), 0.75);
    assert_eq!(confusion(&[0, 0, 1], &[0, 1, 1], 2), [[1, 0], [1, 1]]);
}

#[test]
fn a_class_that_does_not_occur_is_left_out() {
    // Class 0: precision 1, recall 1/2; class 2: precision 1/2, recall 1. Class 1 is nowhere.
    is(macro_f1(&[0, 2, 2], &[0, 0, 2], 3), 2.0 / 3.0);
}

#[test]
fn calibration_error_is_the_distance_of_sure_from_right() {
    let right = [true, true, true, false];
    is(calibration_error(&[0.75; 4], &right, &[1.0; 4]), 0.0);
    is(calibration_error(&[0.95; 4], &right, &[1.0; 4]), 0.2);
    // Two ranges of two rows: |0.15 − 0.5| and |0.85 − 1|, each with half of the weight.
    is(calibration_error(&[0.12, 0.18, 0.85, 0.85], &[true, false, true, true], &[1.0; 4]), 0.25);
}

#[test]
fn a_threshold_has_two_kinds_of_error() {
    let found = at_threshold(&[0.9, 0.6, 0.6, 0.1], &[true, true, false, false], 0.6);
    is(found.precision, 2.0 / 3.0);
    is(found.recall, 1.0);
    is(found.f1(), 0.8);
    is(found.false_positives, 0.5);
    is(found.accuracy, 0.75);
    is(at_threshold(&[0.1], &[true], 0.6).f1(), 0.0);
}

#[test]
fn spearman_is_the_correlation_of_ranks() {
    is(spearman(&[1.0, 2.0, 3.0, 4.0], &[10.0, 100.0, 1_000.0, 1e9]), 1.0);
    is(spearman(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), -1.0);
    // 1 − 6 · (1 + 1 + 0 + 0 + 0) / (5 · 24).
    is(spearman(&[1.0, 2.0, 3.0, 4.0, 5.0], &[2.0, 1.0, 3.0, 4.0, 5.0]), 0.9);
    // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5 / sqrt(4.5 · 5).
    is(spearman(&[1.0, 2.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 4.0]), 0.948_683_3);
    assert!(spearman(&[1.0, 1.0], &[1.0, 2.0]).is_nan());
}

#[test]
fn average_precision_looks_at_every_right_candidate() {
    // Right ones at ranks 1 and 3: (1/1 + 2/3) / 2.
    let found = ranked(&[0.9, 0.8, 0.7, 0.1], &[true, false, true, false]).unwrap();
    is(found.average_precision, 5.0 / 6.0);
    is(found.reciprocal_rank, 1.0);
    let second = ranked(&[0.9, 0.2], &[false, true]).unwrap();
    is(second.average_precision, 0.5);
    let both = mean_ranked([found, second].iter());
    is(both.average_precision, (5.0 / 6.0 + 0.5) / 2.0);
    is(both.reciprocal_rank, 0.75);
}

#[test]
fn questions_with_one_kind_of_candidate_are_left_out() {
    assert_eq!(ranked(&[0.9, 0.1], &[false, false]), None);
    assert_eq!(ranked(&[0.9, 0.1], &[true, true]), None);
    assert_eq!(ranked(&[], &[]), None);
}

#[test]
fn equal_scores_earn_nothing() {
    is(ranked(&[0.5, 0.5, 0.5], &[true, false, false]).unwrap().average_precision, 1.0 / 3.0);
}

/// Ten requests; the strong model is right where the weak one is wrong in the last two.
const WEAK: [f32; 10] = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0];
const STRONG: [f32; 10] = [1.0; 10];

#[test]
fn the_gap_is_recovered_by_sending_the_right_requests() {
    let best: Vec<f32> = (0..10).map(|i| i as f32).collect();
    let found = routed(&best, &WEAK, &STRONG);
    // 0, 1/2, then 1 nine times: trapezoids 0.025 + 0.075 + 8 · 0.1.
    is(found.apgr, 0.9);
    is(found.cpt50, 0.1);
    is(found.cpt80, 0.16);
    is(found.weak, 0.8);
    is(found.strong, 1.0);
    let worst: Vec<f32> = (0..10).map(|i| -(i as f32)).collect();
    is(routed(&worst, &WEAK, &STRONG).apgr, 0.1);
}

#[test]
fn gains_that_are_all_equal_are_as_good_as_chance() {
    let found = routed(&[0.3; 10], &WEAK, &STRONG);
    is(found.apgr, 0.5);
    is(found.cpt50, 0.5);
    is(found.cpt80, 0.8);
}

#[test]
fn a_gap_may_be_more_than_recovered_on_the_way() {
    // The first call gains 1, the second loses 1, the third gains 1: a gap of 1.
    let found = routed(&[3.0, 2.0, 1.0], &[0.0, 1.0, 0.0], &[1.0, 0.0, 1.0]);
    // At the thirds the gap recovered is 1, 0, 1; read at the tenths in between.
    is(found.cpt80, 0.266_666_67);
    assert!(routed(&[1.0, 2.0], &[1.0, 1.0], &[1.0, 1.0]).apgr.is_nan(), "there is no gap");
}

#[test]
fn an_interval_holds_the_figure_and_is_the_same_for_its_seed() {
    let values: Vec<f32> = (0..200).map(|i| if i % 4 == 0 { 1.0 } else { 0.0 }).collect();
    let of = |seed| interval(values.len(), seed, |drawn| mean(drawn.iter().map(|&i| values[i]))).unwrap();
    let (low, high) = of(7);
    assert_eq!(of(7), (low, high));
    assert_ne!(of(8), (low, high));
    // A share of 0.25 of 200 has a standard error of 0.0306: 1.96 of them on either side.
    assert!((low - 0.19).abs() < 0.015 && (high - 0.31).abs() < 0.015, "{low} {high}");
}

#[test]
fn strata_keep_their_shares() {
    // Half of the rows are 0 and half 1: without strata their mean would vary.
    let strata = [(0..50).collect::<Vec<_>>(), (50..100).collect()];
    let of = |drawn: &[usize]| mean(drawn.iter().map(|&row| if row < 50 { 0.0 } else { 1.0 }));
    assert_eq!(interval_in_strata(&strata, 5, of), Some((0.5, 0.5)));
    assert_eq!(interval_in_strata(&[vec![], vec![]], 5, of), None);
}

#[test]
fn what_no_draw_determines_has_no_interval() {
    assert_eq!(interval(3, 1, |_| f32::NAN), None);
    assert_eq!(interval(0, 1, |_| 1.0), None);
    assert_eq!(interval(1, 1, |_| 0.5), Some((0.5, 0.5)));
}

#[test]
fn random_numbers_are_spread() {
    let mut random = Random::new(3);
    let mut counts = [0; 10];
    (0..10_000).for_each(|_| counts[random.below(10)] += 1);
    assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    assert!((0..100).all(|_| (0.0..1.0).contains(&random.unit())));
}
