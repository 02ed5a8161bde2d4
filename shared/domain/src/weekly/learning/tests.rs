use super::super::canary::CanaryReason;
use super::super::sketch::{add, digest, rating, seen, tried};
use super::*;
use crate::policy::{Calibration, usual};
use crate::versions::PolicyVersion;

const CHEAP: &str = "deepseek-chat";

fn week() -> (Week, Timestamp) {
    (Week::parse("2026-W48").unwrap(), Timestamp::from_millis(1_790_000_000_000))
}

fn stay(stage: Stage) -> Decision {
    Decision { stage, reason: Reason::Last, evidence: None }
}

fn trying(standing: &Standing, tuning: Tuning) -> Standing {
    let version = standing.next_version(&usual(), tuning, Timestamp::default(), Author::Owner, "planted");
    Standing { newest: version.number, canary: Some(Canary { version, share: 0.1, weeks: 0 }), ..standing.clone() }
}

/// Requests whose paid answers would be worth their price.
fn worth_a_change() -> Digest {
    digest((0..600).map(|_| seen(0.62, vec![tried("knowledge", 0.62, 0), tried(CHEAP, 0.95, 80_000)])), [])
}

#[test]
fn the_stage_goes_one_step_on_as_a_version_of_its_own() {
    let mut file = usual();
    file.rollout.stage = Stage::Tenth;
    let decision = Decision { stage: Stage::Half, reason: Reason::NoWorse, evidence: None };
    let (next, step) = learn(&Standing::untouched(1), &file, &worth_a_change(), &decision, week());
    assert_eq!((step.from, step.to, step.tried), (1, 2, None), "one step at a time");
    assert_eq!(next.in_force(&file).0.policy.rollout.stage, Stage::Half);
    assert_eq!((next.revision, next.week), (1, Some(week().0)));
    assert_eq!(next.active.map(|version| (version.parent, version.by)), Some((1, Author::Week(week().0))));
}

#[test]
fn what_held_out_outcomes_speak_for_is_tried_out_then_promoted() {
    let file = usual();
    let (next, step) = learn(&Standing::untouched(1), &file, &worth_a_change(), &stay(Stage::Full), week());
    assert_eq!((step.to, step.tried), (1, Some(2)));
    let (active, tried) = next.in_force(&file);
    assert_eq!(active.policy.version, 1);
    assert!((tried.unwrap().1.policy.limits.min_answerability - 0.7).abs() < 1e-6);

    let mut after = Digest::default();
    add(&mut after, 1, 2_000, ("knowledge", 0.65, 0), &[]);
    add(&mut after, 2, 300, (CHEAP, 0.95, 80_000), &[]);
    let (promoted, step) = learn(&next, &file, &after, &stay(Stage::Full), week());
    assert_eq!(step.canary.map(|verdict| verdict.fate), Some(Fate::Promoted));
    assert_eq!((step.to, promoted.active.as_ref().map(|version| version.number)), (2, Some(2)));
    assert!(promoted.canary.is_none());
}

/// However bad a version is that somebody planted, and whatever it says of its own answers, no week makes it hold.
#[test]
fn a_bad_version_that_was_planted_is_never_promoted() {
    let file = usual();
    let mut generous = Tuning::of(&file);
    generous.calibrations.insert("knowledge".to_owned(), Calibration { slope: 4.0, offset: 3.0 });
    let mut wasteful = Tuning::of(&file);
    wasteful.thresholds.min_answerability = 0.95;
    // The one delivers what knowledge should not; the other pays for what knowledge answers.
    for (bad, answered) in [(generous, ("knowledge", 0.45, 0)), (wasteful, ("claude-sonnet", 0.92, 4_000_000))] {
        let mut standing = trying(&Standing::untouched(1), bad.clone());
        for number in 0..6 {
            let mut digest = Digest::default();
            let best: (&str, f32, i64) = ("knowledge", 0.92, 0);
            add(&mut digest, 1, 2_000, best, &[]);
            // Few in some weeks, so that it is not given up at once.
            add(&mut digest, 2, if number % 2 == 0 { 20 } else { 300 }, answered, &[]);
            let (next, step) = learn(&standing, &file, &digest, &stay(Stage::Full), week());
            assert_eq!(step.to, 1, "{:?}", step.words);
            assert!(next.active.is_none());
            standing = next;
        }
        assert!(standing.canary.is_none(), "it is given up");
    }
}

#[test]
fn a_step_back_ends_what_is_tried() {
    let standing = trying(&Standing::untouched(1), Tuning::of(&usual()));
    let decision = Decision { stage: Stage::Most, reason: Reason::ScoreFell, evidence: None };
    let (next, step) = learn(&standing, &usual(), &Digest::default(), &decision, week());
    assert!(next.canary.is_none());
    assert_eq!(next.in_force(&usual()).0.policy.rollout.stage, Stage::Most);
    assert_eq!(step.canary.map(|verdict| verdict.reason), Some(CanaryReason::TooFew));
    assert_eq!((step.to, next.newest), (3, 3));
}

#[test]
fn the_owner_s_word_is_the_last() {
    let standing = trying(&Standing::untouched(1), Tuning::of(&usual()));
    let frozen = standing.with_frozen(true);
    let decision = Decision { stage: Stage::Full, reason: Reason::Frozen, evidence: None };
    let (next, step) = learn(&frozen, &usual(), &worth_a_change(), &decision, week());
    assert_eq!((step.from, step.to, step.tried), (1, 1, None));
    assert!(next.canary.is_none() && next.frozen);

    // Another file: what was made from the former one is tried no more.
    let mut edited = usual();
    edited.limits.min_answerability = 0.7;
    let (next, step) = learn(&standing, &edited, &Digest::default(), &stay(Stage::Full), week());
    assert!(next.canary.is_none() && step.canary.is_none());
    let mut still = usual();
    still.learning.tunes = false;
    let (next, _) = learn(&Standing::untouched(1), &still, &worth_a_change(), &stay(Stage::Full), week());
    assert!(next.canary.is_none() && next.active.is_none());
}

#[test]
fn no_version_is_made_twice() {
    let file = usual();
    let mut standing = Standing::untouched(file.version);
    let mut made: Vec<PolicyVersion> = Vec::new();
    for number in 0..8 {
        let ratings = (0..400).map(|at| rating("knowledge", 0.9, (at * 7 + number) % 10 < 5));
        let (next, _) = learn(&standing, &file, &digest([], ratings), &stay(Stage::Full), week());
        for version in [&next.active, &next.canary.as_ref().map(|canary| canary.version.clone())].into_iter().flatten()
        {
            let kept = made.iter().find(|kept| kept.number == version.number);
            assert!(kept.is_none_or(|kept| kept == version), "a version is never changed");
            made.push(version.clone());
        }
        assert_eq!(next.revision, standing.revision + 1);
        standing = next;
    }
    assert!(!made.is_empty());
}
