use super::*;

fn policy() -> Policy {
    toml::from_str(include_str!("../../../../infra/policy.toml")).unwrap()
}

/// The steps for a query whose tiers have these probabilities, under the shipped policy.
fn steps(probabilities: [f32; 4], answerability: f32, arm: Arm) -> String {
    let complexity = ComplexityEstimate::new(probabilities);
    let steps = plan(&Circumstances { complexity, answerability, arm }, &policy());
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
    assert_eq!(effective_tier(&ComplexityEstimate::new([0.5, 0.5, 0.0, 0.0]), &policy()), Tier::Medium);
}
