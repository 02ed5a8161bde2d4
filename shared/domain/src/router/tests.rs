use super::*;
use crate::policy::usual;

/// A gain that changes nothing under the shipped policy.
fn usual_gain() -> f32 {
    let gain = usual().gain;
    f32::midpoint(gain.cheap_below, gain.strong_from)
}

/// The steps for a query whose tiers have these probabilities, under the shipped policy.
fn steps(probabilities: [f32; 4], answerability: f32, arm: Arm) -> String {
    steps_by_gain(probabilities, answerability, arm, usual_gain())
}

fn steps_by_gain(probabilities: [f32; 4], answerability: f32, arm: Arm, gain: f32) -> String {
    let complexity = ComplexityEstimate::new(probabilities);
    named(&Circumstances { complexity, answerability, gain, can_be_checked: false, arm })
}

fn named(circumstances: &Circumstances) -> String {
    let steps = plan(circumstances, &usual());
    let name = |step: &Step| match step {
        Step::Local => "local".to_owned(),
        Step::Paid(model) => model.to_string(),
    };
    steps.iter().map(name).collect::<Vec<_>>().join(" > ")
}

const SIMPLE: [f32; 4] = [0.9, 0.1, 0.0, 0.0];
const MEDIUM: [f32; 4] = [0.1, 0.8, 0.1, 0.0];
const HIGH: [f32; 4] = [0.0, 0.1, 0.9, 0.0];
const CREATIVE: [f32; 4] = [0.0, 0.0, 0.1, 0.9];

#[test]
fn each_tier_has_its_cascade() {
    assert_eq!(steps(SIMPLE, 0.1, Arm::Local), "local > deepseek-chat > claude-sonnet");
    assert_eq!(steps(MEDIUM, 0.1, Arm::Local), "deepseek-chat > claude-sonnet");
    assert_eq!(steps(MEDIUM, 0.9, Arm::Local), "local > deepseek-chat > claude-sonnet");
    assert_eq!(steps(HIGH, 0.9, Arm::Local), "claude-sonnet > gpt-4o");
    assert_eq!(steps(CREATIVE, 0.9, Arm::Local), "claude-sonnet > gpt-4o");
}

#[test]
fn the_rollout_moves_the_free_step_and_never_drops_it() {
    for arm in [Arm::Paid, Arm::Shadow] {
        assert_eq!(steps(SIMPLE, 0.9, arm), "deepseek-chat > claude-sonnet > local");
        assert_eq!(steps(HIGH, 0.9, arm), "claude-sonnet > gpt-4o");
    }
}

#[test]
fn an_uncertain_query_is_treated_as_one_tier_harder() {
    assert_eq!(steps([0.4, 0.3, 0.2, 0.1], 0.0, Arm::Local), "deepseek-chat > claude-sonnet");
    assert_eq!(steps([0.3, 0.4, 0.2, 0.1], 0.9, Arm::Local), "claude-sonnet > gpt-4o");
}

#[test]
fn of_equally_probable_tiers_the_dearer_counts() {
    assert_eq!(effective_tier(&ComplexityEstimate::new([0.5, 0.5, 0.0, 0.0]), &usual()), Tier::Medium);
}

#[test]
fn where_little_is_gained_a_high_query_begins_at_the_cheap_model() {
    let begins = |gain| steps_by_gain(HIGH, 0.9, Arm::Local, gain);
    let bound = usual().gain.cheap_below;
    assert_eq!(begins(bound - 0.01), "deepseek-chat > claude-sonnet > gpt-4o");
    assert_eq!(begins(bound), "claude-sonnet > gpt-4o");
    assert_eq!(steps_by_gain(CREATIVE, 0.9, Arm::Local, -1.0), "claude-sonnet > gpt-4o");
}

#[test]
fn where_much_is_gained_the_strong_model_comes_first_and_the_cheap_one_stays_behind() {
    let bound = usual().gain.strong_from;
    let begins = |probabilities, gain| steps_by_gain(probabilities, 0.1, Arm::Local, gain);
    assert_eq!(begins(MEDIUM, bound), "claude-sonnet > deepseek-chat");
    assert_eq!(begins(MEDIUM, bound - 0.01), "deepseek-chat > claude-sonnet");
    assert_eq!(begins(SIMPLE, 1.0), "local > claude-sonnet > deepseek-chat");
    assert_eq!(begins(HIGH, 1.0), "claude-sonnet > gpt-4o");
}

#[test]
fn a_gain_that_is_no_number_changes_nothing() {
    for probabilities in [SIMPLE, MEDIUM, HIGH, CREATIVE] {
        let plain = steps(probabilities, 0.1, Arm::Local);
        assert_eq!(steps_by_gain(probabilities, 0.1, Arm::Local, f32::NAN), plain);
    }
}

#[test]
fn only_the_cheap_model_before_a_paid_step_is_doubted() {
    let doubted = |probabilities, arm, gain| {
        let complexity = ComplexityEstimate::new(probabilities);
        let circumstances = Circumstances { complexity, answerability: 0.9, gain, can_be_checked: false, arm };
        let steps = plan(&circumstances, &usual());
        (0..=steps.len()).filter(|&at| can_be_doubted(&steps, at, &usual())).collect::<Vec<_>>()
    };
    assert_eq!(doubted(SIMPLE, Arm::Local, usual_gain()), [1], "never the stored text");
    assert_eq!(doubted(SIMPLE, Arm::Paid, usual_gain()), [0]);
    assert_eq!(doubted(SIMPLE, Arm::Paid, 1.0), [0; 0], "the strong model's answer is not");
    assert_eq!(doubted(HIGH, Arm::Local, -1.0), [0]);
    assert_eq!(doubted(HIGH, Arm::Local, usual_gain()), [0; 0]);
}

#[test]
fn what_can_be_checked_begins_at_the_cheap_model_unless_much_is_gained() {
    let begins = |probabilities, gain| {
        let complexity = ComplexityEstimate::new(probabilities);
        named(&Circumstances { complexity, answerability: 0.1, gain, can_be_checked: true, arm: Arm::Paid })
    };
    let bound = usual().gain.check_below;
    assert_eq!(begins(HIGH, bound - 0.01), "deepseek-chat > claude-sonnet > gpt-4o");
    assert_eq!(begins(HIGH, bound), "claude-sonnet > gpt-4o");
    assert_eq!(begins(MEDIUM, bound - 0.01), "deepseek-chat > claude-sonnet");
    assert_eq!(begins(MEDIUM, bound), "claude-sonnet > deepseek-chat");
}
