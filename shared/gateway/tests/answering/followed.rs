//! Versions of the policy, as requests follow them.

use std::sync::Arc;

use farthing_domain::money::Usd;
use farthing_domain::outcome::Outcome;
use farthing_domain::policy::{Calibration, Tuning};
use farthing_domain::ports::{Clock as _, PolicyVersions as _};
use farthing_domain::rollout::{Arm, Stage};
use farthing_domain::versions::{Author, Canary, Standing, tries_canary};
use farthing_gateway::Answer;
use farthing_gateway::versions::{VersionAdmin, VersionRefused};
use farthing_testkit::ledger_suite::OracleLedger;
use farthing_testkit::plain::Plain;
use farthing_testkit::stores_suite::OracleVersions;

use crate::parts::{Ask, FIVE_CENTS, Good, NOW, id, policy, provider};
use crate::written::{STORED, local, tier};

struct World {
    versions: Arc<OracleVersions>,
    admin: VersionAdmin,
}

impl World {
    fn new() -> Self {
        let versions = Arc::new(OracleVersions::default());
        let admin = VersionAdmin { versions: versions.clone(), policy: policy(), clock: Arc::new(Good::default()) };
        Self { versions, admin }
    }

    /// Makes a version of this tuning hold.
    async fn activate(&self, tuning: Tuning) {
        let standing = self.admin.standing().await.unwrap();
        let version = standing.next_version(&policy(), tuning, NOW, Author::Owner, "a test's");
        self.versions.stand(&standing.activating(version)).await.unwrap();
    }

    /// Asks request `number`, whose knowledge answers with this probability and score.
    async fn ask(&self, number: u32, answerability: f32, stored: f32) -> (Answer, Outcome) {
        let deepseek = provider("deepseek");
        deepseek.push_text("a paid answer", 1_000, 100);
        let mut policy = policy();
        policy.rollout.compare_sample = 0.0;
        let ask = Ask {
            id: id(number),
            versions: Some(self.versions.clone()),
            learned: None,
            policy,
            keeps_words: false,
            ledger: Arc::new(OracleLedger::new(Usd::from_nanos(1_000_000_000), 95)),
            local: Arc::new(tier(&Arc::new(local(answerability, Some(stored), 0.0)))),
            rules: Arc::new(Plain),
            providers: vec![deepseek],
            max_cost: FIVE_CENTS,
        };
        let (answer, outcome) = ask.run().await;
        (answer.unwrap(), outcome)
    }
}

fn usual() -> Tuning {
    Tuning::of(&policy())
}

#[tokio::test]
async fn a_stage_and_a_threshold_that_a_version_changes_are_followed() {
    let world = World::new();
    let (answer, outcome) = world.ask(1, 0.7, 0.7).await;
    assert_eq!((answer.text.as_str(), outcome.policy, outcome.arm), (STORED, 1, Arm::Local));

    let mut tuning = usual();
    tuning.thresholds.min_answerability = 0.75;
    world.activate(tuning.clone()).await;
    let (answer, outcome) = world.ask(1, 0.7, 0.7).await;
    assert_eq!((answer.route.provider.as_str(), outcome.policy), ("deepseek", 2));
    world.activate(Tuning { stage: Stage::Shadow, ..usual() }).await;
    let (answer, outcome) = world.ask(1, 0.9, 0.9).await;
    assert_eq!((answer.route.provider.as_str(), outcome.policy), ("deepseek", 3));
    assert_ne!(outcome.arm, Arm::Local);
}

#[tokio::test]
async fn scores_are_read_as_the_version_says_and_kept_as_they_were() {
    let world = World::new();
    let doubt = Calibration { slope: 1.0, offset: -2.0 };
    world.activate(Tuning { calibrations: [("knowledge".to_owned(), doubt)].into(), ..usual() }).await;
    let (answer, outcome) = world.ask(1, 0.9, 0.85).await;
    assert_eq!(answer.route.provider, "deepseek", "0.85 is read as less than 0.6");
    let tried = &outcome.attempts[0];
    assert_eq!((tried.model.as_str(), tried.raw_score), ("knowledge", Some(0.85)));
    assert!(tried.score.is_some_and(|score| (score - doubt.read(0.85)).abs() < 1e-6 && score < 0.6));
    assert_eq!(outcome.attempts[1].score, outcome.attempts[1].raw_score, "other models are believed");
}

#[tokio::test]
async fn a_share_of_requests_tries_the_canary() {
    let world = World::new();
    let standing = Standing::untouched(1);
    let mut strict = usual();
    strict.thresholds.min_answerability = 0.95;
    let version = standing.next_version(&policy(), strict, NOW, Author::Owner, "a test's");
    let canary = Some(Canary { version, share: 0.3, weeks: 0 });
    world.versions.stand(&Standing { revision: 1, newest: 2, canary, ..standing }).await.unwrap();
    for number in 0..40 {
        let (answer, outcome) = world.ask(number, 0.9, 0.9).await;
        let expected = if tries_canary(id(number).as_str(), 0.3) { ("deepseek", 2) } else { ("local", 1) };
        assert_eq!((answer.route.provider.as_str(), outcome.policy), expected, "request {number}");
    }
}

#[tokio::test]
async fn while_versions_cannot_be_read_what_is_known_is_followed() {
    let world = World::new();
    world.activate(Tuning { stage: Stage::Shadow, ..usual() }).await;
    world.versions.set_down(true);
    let (answer, outcome) = world.ask(1, 0.9, 0.9).await;
    assert_eq!((answer.text.as_str(), outcome.policy), (STORED, 1), "a new process knows the file alone");
}

#[tokio::test]
async fn the_owner_goes_back_compares_and_freezes() {
    let world = World::new();
    let refused = world.admin.roll_back(None).await.unwrap_err();
    assert!(matches!(refused, VersionRefused::NothingBefore), "{refused}");
    for stage in [Stage::Half, Stage::Most] {
        world.activate(Tuning { stage, ..usual() }).await;
    }
    let back = world.admin.roll_back(None).await.unwrap();
    assert_eq!((back.number, back.parent, back.tuning.stage, back.by), (4, 3, Stage::Half, Author::Owner));
    let refused = world.admin.roll_back(Some(9)).await.unwrap_err().to_string();
    assert_eq!(refused, "there is no version 9 of the policy: there are 1, 2, 3, 4");
    let found = world.admin.diff(3, None).await.unwrap();
    let told: Vec<_> =
        found.iter().map(|found| (found.name.as_str(), found.one.as_str(), found.other.as_str())).collect();
    assert_eq!(told, [("rollout.stage", "most", "half")]);
    assert_eq!(world.admin.roll_back(Some(1)).await.unwrap().tuning, usual(), "what the file says");
    assert_eq!(world.admin.history().await.unwrap().len(), 4, "every version is kept");
    for frozen in [true, true, false] {
        world.admin.freeze(frozen).await.unwrap();
        assert_eq!(world.admin.standing().await.unwrap().frozen, frozen);
    }
    world.versions.set_down(true);
    assert!(matches!(world.admin.freeze(true).await, Err(VersionRefused::Store(_))));
    assert_eq!(Good::default().now(), NOW);
}
