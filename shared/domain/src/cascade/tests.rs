use proptest::prelude::*;

use super::*;
use crate::quality::HardFail;

const THRESHOLDS: QualityThresholds = QualityThresholds { deliver: 0.8, rephrase: 0.6, floor: 0.4, paid_prior: 0.8 };

fn quality(score: f32) -> Quality {
    Quality { score, relevance: score, coherence: 1.0, groundedness: None, brand: 1.0, toxicity: 0.0, hard_fail: None }
}

/// Feeds `events` to a cascade of `steps` and returns its last action.
fn last_action(steps: usize, events: &[Event]) -> Action {
    let (mut cascade, mut action) = Cascade::start(steps, THRESHOLDS);
    for event in events {
        action = cascade.next(event.clone());
    }
    action
}

#[track_caller]
fn check(steps: usize, events: &[Event], expected: Action) {
    assert_eq!(last_action(steps, events), expected, "{events:?}");
}

const fn deliver(step: usize, rephrased: bool, best_effort: bool) -> Action {
    Action::Deliver { step, rephrased, best_effort }
}

#[test]
fn the_thresholds_are_those_of_the_product() {
    use Event::Answered;
    check(2, &[Answered(quality(0.81))], deliver(0, false, false));
    check(2, &[Answered(quality(0.80))], Action::Rephrase(0));
    check(2, &[Answered(quality(0.60))], Action::Rephrase(0));
    check(2, &[Answered(quality(0.59))], Action::Attempt(1));
}

#[test]
fn an_answer_is_rephrased_once_and_the_better_one_is_delivered() {
    let mid = Event::Answered(quality(0.7));
    check(1, &[mid.clone(), Event::Rephrased(Some(quality(0.75)))], deliver(0, true, false));
    check(1, &[mid.clone(), Event::Rephrased(Some(quality(0.65)))], deliver(0, false, false));
    check(1, &[mid.clone(), Event::Rephrased(Some(quality(0.7)))], deliver(0, false, false));
    check(1, &[mid.clone(), Event::Rephrased(None)], deliver(0, false, false));
    let toxic = Quality { hard_fail: Some(HardFail::Toxic), ..quality(0.99) };
    check(1, &[mid, Event::Rephrased(Some(toxic))], deliver(0, false, false));
}

#[test]
fn a_hard_fail_is_never_delivered() {
    let leak = Quality { hard_fail: Some(HardFail::PromptLeak), ..quality(0.99) };
    check(1, &[Event::Answered(leak.clone())], Action::GiveUp);
    check(2, &[Event::Answered(leak), Event::Failed], Action::GiveUp);
}

#[test]
fn the_end_of_the_chain_delivers_the_best_above_the_floor() {
    let (low, lower) = (Event::Answered(quality(0.55)), Event::Answered(quality(0.45)));
    check(3, &[low.clone(), lower.clone(), Event::Failed], deliver(0, false, true));
    check(3, &[lower, low.clone(), Event::Failed], deliver(1, false, true));
    // Of equals the cheaper one, which comes first.
    check(2, &[low.clone(), low], deliver(0, false, true));
    check(1, &[Event::Answered(quality(0.39))], Action::GiveUp);
    check(1, &[Event::Answered(quality(f32::NAN))], Action::GiveUp);
    check(0, &[], Action::GiveUp);
}

#[test]
fn a_doubted_answer_waits_for_a_better_one() {
    let doubted = Event::Doubted(quality(0.9));
    check(2, std::slice::from_ref(&doubted), Action::Attempt(1));
    check(2, &[doubted.clone(), Event::Answered(quality(0.9))], deliver(1, false, false));
    check(2, &[doubted.clone(), Event::Failed], deliver(0, false, false));
    let low = Event::Answered(quality(0.55));
    check(3, &[doubted.clone(), low.clone(), Event::Failed], deliver(0, false, false));
    check(3, &[low, doubted.clone(), Event::Failed], deliver(1, false, false));
    check(3, &[doubted.clone(), doubted.clone(), Event::Failed], deliver(0, false, false));
    check(1, &[doubted], deliver(0, false, false));
}

#[test]
fn doubt_makes_no_answer_better() {
    check(2, &[Event::Doubted(quality(0.7))], Action::Rephrase(0));
    check(2, &[Event::Doubted(quality(0.5)), Event::Failed], deliver(0, false, true));
    let toxic = Quality { hard_fail: Some(HardFail::Toxic), ..quality(0.99) };
    check(2, &[Event::Doubted(toxic), Event::Failed], Action::GiveUp);
}

proptest! {
    #[test]
    fn a_cascade_ends_and_attempts_each_step_once(
        steps in 0_usize..6,
        scores in proptest::collection::vec(proptest::option::of(0.0_f32..1.0), 0..20),
        doubts in proptest::collection::vec(any::<bool>(), 6),
    ) {
        let (mut cascade, mut action) = Cascade::start(steps, THRESHOLDS);
        let mut attempted = Vec::new();
        let mut events = scores.into_iter();
        let delivered = loop {
            action = match action {
                Action::Attempt(step) => {
                    attempted.push(step);
                    let judged = if doubts[step] { Event::Doubted } else { Event::Answered };
                    let event = events.next().flatten().map_or(Event::Failed, |score| judged(quality(score)));
                    cascade.next(event)
                }
                Action::Rephrase(_) => cascade.next(Event::Rephrased(events.next().flatten().map(quality))),
                Action::Deliver { step, .. } => break Some(step),
                Action::GiveUp => break None,
            };
        };
        prop_assert_eq!(&attempted, &(0..attempted.len()).collect::<Vec<_>>());
        prop_assert!(attempted.len() <= steps);
        prop_assert!(delivered.is_none_or(|step| attempted.contains(&step)));
    }
}
