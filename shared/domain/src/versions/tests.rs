use super::*;
use crate::policy::usual;
use crate::rollout::Stage;

fn tuned(stage: Stage, min_answerability: f32) -> Tuning {
    let mut tuning = Tuning::of(&usual());
    (tuning.stage, tuning.thresholds.min_answerability) = (stage, min_answerability);
    tuning
}

fn version(standing: &Standing, tuning: Tuning) -> PolicyVersion {
    standing.next_version(&usual(), tuning, Timestamp::from_millis(0), Author::Owner, "a test's")
}

#[test]
fn the_owner_s_file_holds_until_something_is_changed() {
    let (active, tried) = Standing::untouched(1).in_force(&usual());
    assert_eq!((active, tried), (InForce::file(&usual()), None));
}

#[test]
fn a_version_holds_until_the_file_says_something_else() {
    let standing = Standing::untouched(1);
    let standing = standing.activating(version(&standing, tuned(Stage::Half, 0.7)));
    let (active, _) = standing.in_force(&usual());
    assert_eq!((active.policy.version, active.policy.rollout.stage), (2, Stage::Half));
    assert!((active.policy.limits.min_answerability - 0.7).abs() < f32::EPSILON);

    let mut edited = usual();
    edited.quality.deliver = 0.85;
    assert_eq!(standing.in_force(&edited).0.policy.version, 2, "what weeks do not change is the file's anyway");
    edited.limits.min_answerability = 0.65;
    assert_eq!(standing.in_force(&edited).0, InForce::file(&edited));
    assert_eq!(
        standing.next_version(&edited, tuned(Stage::Full, 0.65), Timestamp::default(), Author::Owner, "").number,
        3
    );
}

#[test]
fn a_canary_follows_the_stage_of_all() {
    let standing = Standing::untouched(1);
    let mut standing = standing.activating(version(&standing, tuned(Stage::Tenth, 0.6)));
    standing.canary = Some(Canary { version: version(&standing, tuned(Stage::Full, 0.7)), share: 0.1, weeks: 0 });
    let (_, tried) = standing.in_force(&usual());
    let (share, tried) = tried.unwrap();
    assert!((share - 0.1).abs() < 1e-12);
    assert_eq!((tried.policy.version, tried.policy.rollout.stage, tried.tuning.stage), (3, Stage::Tenth, Stage::Tenth));
    assert!((tried.policy.limits.min_answerability - 0.7).abs() < f32::EPSILON);

    let frozen = standing.with_frozen(true);
    assert!(frozen.frozen && frozen.canary.is_none() && frozen.active == standing.active);
    assert_eq!(frozen.revision, standing.revision + 1);
}

#[test]
fn a_share_of_requests_tries_a_canary_whichever_way_they_go() {
    let names: Vec<String> = (0..20_000).map(|n| n.to_string()).collect();
    let trying: Vec<&String> = names.iter().filter(|name| tries_canary(name, 0.1)).collect();
    let local = trying.iter().filter(|name| Stage::Half.arm(name, 0.0) == crate::rollout::Arm::Local).count();
    let (share, local) = (trying.len() as f64 / 20_000.0, local as f64 / trying.len() as f64);
    assert!((share - 0.1).abs() < 0.01 && (local - 0.5).abs() < 0.04, "{share} {local}");
}
