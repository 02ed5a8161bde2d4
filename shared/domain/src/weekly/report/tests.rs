use std::collections::BTreeMap;

use super::super::digest::TierSum;
use super::*;
use crate::policy::usual;

/// A cheaper step that passes so many of 100 queries, its score by `difference` from the dearer one's.
fn pair(cheaper: u64, dearer: u64, difference: f64) -> Pairs {
    let both = cheaper.min(dearer);
    let mut pair =
        Pair { both, cheaper: cheaper - both, dearer: dearer - both, cost: 2_000_000_000, ..Pair::default() };
    (pair.neither, pair.dearer_delivered) = (100 - pair.total(), 100);
    for number in 0..100 {
        pair.difference.add(difference + if number % 2 == 0 { 0.05 } else { -0.05 });
    }
    BTreeMap::from([("cheap".to_owned(), BTreeMap::from([("dear".to_owned(), BTreeMap::from([(Tier::High, pair)]))]))])
}

fn advised(digest: &Digest) -> Vec<Advice> {
    let week = Week::parse("2026-W48").unwrap();
    report(week, digest, (&usual(), &Tuning::of(&usual())), Vec::new(), None, Vec::new()).advice
}

#[test]
fn a_cheaper_step_is_advised_where_its_answers_are_as_good() {
    let digest = |difference: f64| Digest {
        compared: pair(80, 90, difference),
        tiers: BTreeMap::from([(Tier::High, TierSum { requests: 100, cost: 4_000_000_000, ..TierSum::default() })]),
        ..Digest::default()
    };
    let advice = advised(&digest(-0.01));
    assert!(advice[0].text.contains("Let `cheap` answer more high questions: of 100"), "{advice:?}");
    let saved = 4.0 * 0.8 * 365.25 / 12.0 / 7.0;
    assert!((advice[0].saves_usd_a_month.unwrap() - saved).abs() < 1e-9, "{advice:?}");
    // The mean is within the margin, but it is not sure enough that it is: 0.025 + 1.645 · 0.005 > 0.03.
    assert_eq!(advised(&digest(-0.025)), []);
    assert_eq!(advised(&digest(-0.2)), []);
    let mut done = digest(-0.01);
    let pairs = done.compared.values_mut().flat_map(BTreeMap::values_mut).flat_map(BTreeMap::values_mut);
    pairs.for_each(|pair| pair.dearer_delivered = 10);
    assert_eq!(advised(&done), [], "its answers are delivered already");
}

#[test]
fn few_comparisons_support_no_advice() {
    let mut compared = pair(90, 90, 0.1);
    for pair in compared.values_mut().flat_map(BTreeMap::values_mut).flat_map(BTreeMap::values_mut) {
        (pair.both, pair.neither) = (30, 0);
    }
    assert_eq!(advised(&Digest { compared, ..Digest::default() }), []);
}

#[test]
fn what_a_dearer_step_seldom_mends_is_told_with_its_cost() {
    let advice = advised(&Digest { escalated: pair(0, 20, 0.0), ..Digest::default() });
    assert!(advice[0].text.contains("Asking `dear` after `cheap` seldom helps high questions: of 100 it passed 20 %"));
    assert!((advice[0].saves_usd_a_month.unwrap() - 2.0 * 365.25 / 12.0 / 7.0).abs() < 1e-9);
    assert_eq!(advised(&Digest { escalated: pair(0, 80, 0.0), ..Digest::default() }), []);
}

#[test]
fn what_is_spent_too_fast_and_what_callers_dislike_is_told() {
    let day = Day { requests: 10, cost: 60_000_000_000, ..Day::default() };
    let mut digest =
        Digest { requests: 10, days: BTreeMap::from([("2026-11-23".to_owned(), day)]), ..Digest::default() };
    digest.arms.entry(Arm::Local).or_default().rated = [5, 20];
    let texts: Vec<String> = advised(&digest).into_iter().map(|advice| advice.text).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].contains("20 of 25 answers with local answers first unhelpful"), "{texts:?}");
    assert!(texts[1].contains("$260.89") && texts[1].contains("$190.00"), "{texts:?}");
}
