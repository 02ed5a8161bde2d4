//! The step of the policy, when its store fails or somebody else changes it.

use farthing_domain::ports::{ActivationRefused, PolicyVersions};
use farthing_domain::rollout::Stage;
use farthing_domain::versions::{PolicyVersion, Standing};

use super::*;

/// Versions whose store fails at the moment when the week's step is taken: before it is, or once it was.
struct Failing {
    versions: Arc<OracleVersions>,
    is_done: bool,
    left: AtomicUsize,
}

#[async_trait]
impl PolicyVersions for Failing {
    async fn standing(&self) -> Result<Option<Standing>, StoreError> {
        self.versions.standing().await
    }

    async fn stand(&self, next: &Standing) -> Result<(), ActivationRefused> {
        let fails = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if !fails || self.is_done {
            self.versions.stand(next).await?;
        }
        if fails { Err(StoreError { store: "policy", cause: "cut off".into() }.into()) } else { Ok(()) }
    }

    async fn history(&self) -> Result<Vec<PolicyVersion>, StoreError> {
        self.versions.history().await
    }
}

#[tokio::test]
async fn a_run_that_is_cut_off_at_its_step_takes_it_once() {
    for is_done in [false, true] {
        let world = World::new(100);
        let versions = Arc::new(Failing { versions: world.versions.clone(), is_done, left: 1.into() });
        let mut policy = world.optimize().policy;
        policy.rollout.stage = Stage::Shadow;
        let optimize = || Optimize { versions: versions.clone(), policy: policy.clone(), ..world.optimize() };
        assert!(matches!(handle(&optimize()).await, Err(OptimizeFailed::Store(_))));
        let documents = world.documents();
        world.pass(Duration::from_millis(1));
        let made = handle(&optimize()).await.unwrap();
        assert_eq!((&made["state"], &made["result"]["policy"]["to"]), (&json!("made"), &json!(2)), "{made}");
        let reports = |documents: BTreeMap<String, Vec<u8>>| {
            documents.into_iter().filter(|(name, _)| name.contains("report")).collect::<Vec<_>>()
        };
        assert_eq!(reports(world.documents()), reports(documents));
        let standing = world.versions.standing().await.unwrap().unwrap();
        assert_eq!((standing.revision, standing.active.unwrap().tuning.stage), (1, Stage::Tenth));
    }
}

#[tokio::test]
async fn a_change_of_the_owner_s_meanwhile_goes_before_the_week_s() {
    let world = World::new(20);
    let standing = Standing::untouched(1);
    let frozen = standing.with_frozen(true);
    let versions = Arc::new(Failing { versions: world.versions.clone(), is_done: false, left: 0.into() });
    let stale = Stale { versions: versions.clone(), seen: standing };
    world.versions.stand(&frozen).await.unwrap();
    let optimize = Optimize { versions: Arc::new(stale), ..world.optimize() };
    assert!(matches!(handle(&optimize).await, Err(OptimizeFailed::PolicyChanged)));
    world.pass(Duration::from_millis(1));
    let made = handle(&Optimize { versions, ..world.optimize() }).await.unwrap();
    assert_eq!(made["result"]["policy"]["words"], json!(["The owner froze the policy: nothing is changed."]));
}

/// Versions that were looked at before somebody changed them.
struct Stale {
    versions: Arc<Failing>,
    seen: Standing,
}

#[async_trait]
impl PolicyVersions for Stale {
    async fn standing(&self) -> Result<Option<Standing>, StoreError> {
        Ok(Some(self.seen.clone()))
    }

    async fn stand(&self, next: &Standing) -> Result<(), ActivationRefused> {
        self.versions.stand(next).await
    }

    async fn history(&self) -> Result<Vec<PolicyVersion>, StoreError> {
        self.versions.history().await
    }
}
