use super::super::sketch::add;
use super::*;
use crate::outcome::Feedback;
use crate::policy::usual;
use crate::time::Timestamp;
use crate::versions::{Author, Standing};

const CHEAP: &str = "deepseek-chat";

fn canary(tuning: Tuning, weeks: u32) -> Canary {
    let standing = Standing::untouched(1);
    let version = standing.next_version(&usual(), tuning, Timestamp::default(), Author::Owner, "a test's");
    Canary { version, share: 0.1, weeks }
}

fn verdict(digest: &Digest, weeks: u32) -> (Fate, CanaryReason) {
    let tuning = Tuning::of(&usual());
    let found = judge(digest, &canary(tuning.clone(), weeks), (1, &tuning), &usual());
    (found.fate, found.reason)
}

#[test]
fn what_costs_no_more_and_is_no_worse_is_promoted() {
    let mut digest = Digest::default();
    add(&mut digest, 1, 2_000, (CHEAP, 0.9, 80_000), &[]);
    add(&mut digest, 2, 300, ("knowledge", 0.9, 0), &[]);
    assert_eq!(verdict(&digest, 0), (Fate::Promoted, CanaryReason::NoWorse));
}

#[test]
fn what_gives_worse_answers_or_costs_more_is_given_up() {
    let mut worse = Digest::default();
    add(&mut worse, 1, 2_000, (CHEAP, 0.9, 80_000), &[]);
    add(&mut worse, 2, 300, ("knowledge", 0.5, 0), &[]);
    assert_eq!(verdict(&worse, 0), (Fate::RolledBack, CanaryReason::WorseAnswers));
    let mut dearer = Digest::default();
    add(&mut dearer, 1, 2_000, ("knowledge", 0.9, 0), &[]);
    add(&mut dearer, 2, 300, (CHEAP, 0.9, 80_000), &[]);
    assert_eq!(verdict(&dearer, 0), (Fate::RolledBack, CanaryReason::Dearer));
}

#[test]
fn too_few_requests_tell_nothing_and_no_version_is_tried_for_ever() {
    let mut digest = Digest::default();
    add(&mut digest, 1, 2_000, (CHEAP, 0.9, 80_000), &[]);
    add(&mut digest, 2, 100, ("knowledge", 0.9, 0), &[]);
    assert_eq!(verdict(&digest, 0), (Fate::Held, CanaryReason::TooFew));
    assert_eq!(verdict(&digest, MOST_WEEKS - 1), (Fate::RolledBack, CanaryReason::TooLong));
    assert_eq!(verdict(&Digest::default(), 0), (Fate::Held, CanaryReason::TooFew));
}

#[test]
fn complaints_end_it_whatever_scores_say() {
    let mut digest = Digest::default();
    add(&mut digest, 1, 400, (CHEAP, 0.9, 80_000), &[Feedback::Helpful; 80]);
    add(&mut digest, 2, 300, ("knowledge", 0.95, 0), &[Feedback::Unhelpful; 40]);
    assert_eq!(verdict(&digest, 0), (Fate::RolledBack, CanaryReason::Complaints));
}

/// A version that believes every answer measures itself by its own reading no better than any other would.
#[test]
fn a_version_is_not_measured_by_its_own_reading() {
    let mut flattering = Tuning::of(&usual());
    flattering.calibrations.insert("knowledge".to_owned(), Calibration { slope: 1.0, offset: 3.0 });
    let mut digest = Digest::default();
    add(&mut digest, 1, 2_000, (CHEAP, 0.9, 80_000), &[]);
    add(&mut digest, 2, 300, ("knowledge", 0.4, 0), &[]);
    let found = judge(&digest, &canary(flattering, 0), (1, &Tuning::of(&usual())), &usual());
    assert_eq!((found.fate, found.reason), (Fate::RolledBack, CanaryReason::WorseAnswers));
}
