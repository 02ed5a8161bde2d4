//! Releases: prepared and activated, loaded, gone without.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::ids::{AgentId, ModelId};
use farthing_domain::ports::{
    ActiveRelease, Analysis, Analyst, Clock, LocalModels, ModelUnavailable, Releases as _, Validation, Validator,
};
use farthing_domain::quality::Quality;
use farthing_domain::registry::Registry;
use farthing_domain::release::{Release, ReleasedKnowledge, ReleasedModel};
use farthing_domain::time::Timestamp;
use farthing_gateway::init::{Activation, GoBackRefused, Init, InitRefused};
use farthing_gateway::loading::{Loading, ReleaseLoader};
use farthing_gateway::{LocalTier, LocalTierSource as _};
use farthing_testkit::plain::Plain;
use farthing_testkit::stores_suite::{OracleReleases, activation, release};
use tokio::sync::Notify;

const START: Timestamp = Timestamp::from_millis(1_796_080_500_000);
const PATIENCE: Duration = Duration::from_secs(8);

/// The world of one process: what can be loaded, what was tried, what time it is.
struct World {
    releases: Arc<OracleReleases>,
    /// The releases that cannot be loaded, by content.
    broken: Mutex<BTreeSet<String>>,
    tried: Mutex<Vec<String>>,
    now: Mutex<Timestamp>,
    /// Loading waits for this, when it is set.
    gate: Mutex<Option<Arc<Notify>>>,
    agent: AgentId,
}

impl World {
    fn new(broken: &[&str]) -> Arc<Self> {
        Arc::new(Self {
            releases: Arc::default(),
            broken: Mutex::new(broken.iter().map(|&content| content.to_owned()).collect()),
            tried: Mutex::default(),
            now: Mutex::new(START),
            gate: Mutex::default(),
            agent: AgentId::parse("rprd").unwrap(),
        })
    }

    /// A process whose own files are the release `own`.
    fn process(self: &Arc<Self>) -> Arc<Loading> {
        Loading::new(self.clone(), self.releases.clone(), release("own"), self.clone())
    }

    async fn activate(&self, contents: &[&str]) {
        let mut before: Option<ActiveRelease> = None;
        for (content, revision) in contents.iter().zip(1..) {
            let next = activation(revision, content, before.as_ref());
            self.releases.activate(&next).await.unwrap();
            before = Some(next);
        }
    }

    fn tried(&self) -> Vec<String> {
        std::mem::take(&mut *self.tried.lock().unwrap())
    }

    fn pass(&self, time: Duration) {
        let mut now = self.now.lock().unwrap();
        *now = now.plus(time);
    }
}

fn content(release: &Release) -> String {
    release.models[0].version.clone()
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }
}

#[async_trait]
impl ReleaseLoader for World {
    async fn load(&self, release: &Release) -> Result<LocalTier, ModelUnavailable> {
        let gate = self.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.notified().await;
        }
        let content = content(release);
        self.tried.lock().unwrap().push(content.clone());
        if self.broken.lock().unwrap().contains(&content) {
            return Err(ModelUnavailable { model: content, cause: "as the test says".into() });
        }
        let named = Arc::new(Named(content));
        Ok(LocalTier {
            analyst: named.clone(),
            matcher: Arc::new(Plain),
            knowledge: Arc::new(Plain),
            grounded: None,
            validator: named,
            rephraser: Arc::new(Plain),
        })
    }
}

/// Models that tell which release they are of.
struct Named(String);

#[async_trait]
impl Analyst for Named {
    async fn analyse(&self, _: &str) -> Result<Analysis, ModelUnavailable> {
        Err(ModelUnavailable { model: self.0.clone(), cause: "nothing is analysed here".into() })
    }

    fn count_tokens(&self, _: &str) -> u64 {
        0
    }
}

#[async_trait]
impl Validator for Named {
    async fn validate(&self, _: Validation<'_>) -> Result<Quality, ModelUnavailable> {
        unreachable!("nothing is judged here")
    }
}

/// Which release the process has.
async fn loaded(process: &Arc<Loading>) -> Option<String> {
    let tier = process.current()?;
    Some(tier.analyst.analyse("").await.unwrap_err().model)
}

/// Waits until everything that was spawned has had its turn.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_active_release_is_loaded_and_kept() {
    let world = World::new(&[]);
    world.activate(&["one", "two"]).await;
    let process = world.process();
    process.begin(PATIENCE).await;
    assert_eq!(loaded(&process).await.as_deref(), Some("two"));
    world.releases.activate(&activation(3, "three", None)).await.unwrap();
    world.pass(Duration::from_secs(3_600));
    assert_eq!(loaded(&process).await.as_deref(), Some("two"), "a process keeps what it has");
    assert_eq!(world.tried(), ["two"]);
    assert_eq!(world.releases.unloaded_until().await.unwrap(), None);
}

#[tokio::test]
async fn what_was_good_before_is_loaded_when_the_active_release_cannot_be() {
    let world = World::new(&["two"]);
    world.activate(&["one", "two"]).await;
    let process = world.process();
    process.begin(PATIENCE).await;
    assert_eq!(loaded(&process).await.as_deref(), Some("one"));
    assert_eq!(world.tried(), ["two", "one"]);
}

#[tokio::test]
async fn the_owners_files_are_followed_until_something_is_activated() {
    let world = World::new(&[]);
    let process = world.process();
    process.begin(PATIENCE).await;
    assert_eq!(loaded(&process).await.as_deref(), Some("own"));

    let world = World::new(&[]);
    world.activate(&["one"]).await;
    world.releases.set_down(true);
    let process = world.process();
    process.begin(PATIENCE).await;
    assert_eq!(loaded(&process).await.as_deref(), Some("own"), "and while nobody can tell what is active");
}

#[tokio::test]
async fn without_models_it_is_noted_and_tried_again_while_requests_come() {
    let world = World::new(&["one"]);
    world.activate(&["one"]).await;
    let process = world.process();
    process.begin(PATIENCE).await;
    assert_eq!(loaded(&process).await, None);
    let noted = world.releases.unloaded_until().await.unwrap().unwrap();
    assert!(noted > world.now(), "the status has it");

    // Nothing is tried within the pause, however many requests come.
    world.broken.lock().unwrap().clear();
    world.pass(Duration::from_secs(29));
    assert_eq!(loaded(&process).await, None);
    settle().await;
    assert_eq!(world.tried(), ["one"]);

    // The request that comes first afterwards starts a try, and goes on without it.
    world.pass(Duration::from_secs(2));
    assert_eq!(loaded(&process).await, None);
    assert_eq!(loaded(&process).await, None);
    settle().await;
    assert_eq!(loaded(&process).await.as_deref(), Some("one"));
    assert_eq!(world.tried(), ["one"], "one try, not one for each request");
    assert!(world.releases.unloaded_until().await.unwrap().unwrap() <= world.now(), "the note is taken back");
}

#[tokio::test(start_paused = true)]
async fn loading_that_takes_too_long_goes_on_while_requests_are_answered() {
    let world = World::new(&[]);
    let gate = Arc::new(Notify::new());
    *world.gate.lock().unwrap() = Some(gate.clone());
    let process = world.process();
    process.begin(PATIENCE).await;
    assert_eq!(loaded(&process).await, None);
    assert!(world.releases.unloaded_until().await.unwrap().is_some());
    gate.notify_one();
    settle().await;
    assert_eq!(loaded(&process).await.as_deref(), Some("own"));
}

/// The files of one model and one agent: the version of the model, or why it is not ready.
struct Files {
    model: Mutex<Result<String, &'static str>>,
    gate: Option<Arc<Notify>>,
}

#[async_trait]
impl LocalModels for Files {
    async fn prepare(&self, model: &ModelId) -> Result<ReleasedModel, ModelUnavailable> {
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        let ready = self.model.lock().unwrap().clone();
        let content = ready.map_err(|cause| ModelUnavailable { model: model.to_string(), cause: cause.into() })?;
        Ok(release(&content).models[0].clone())
    }

    async fn prepare_knowledge(&self, _: &AgentId) -> Result<ReleasedKnowledge, ModelUnavailable> {
        Ok(release("knowledge").knowledge[0].clone())
    }
}

fn init(world: &Arc<World>, files: &Arc<Files>) -> Init {
    let models: toml::Value = toml::from_str(
        r#"[[models]]
        id = "head"
        kind = "classifier"
        role = "a test"
        version = "1"
        licence = "MIT"
        memory_mb = 1
        enabled = true
        artifacts = [{ file = "a", sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", bytes = 1, source = { repository = { path = "a" } } }]
        "#,
    )
    .unwrap();
    let registry = Registry::parse(models["models"].clone().try_into().unwrap()).unwrap();
    Init::new(registry, vec![world.agent.clone()], files.clone(), world.releases.clone(), world.clone())
}

async fn active(world: &World) -> Option<(String, u64)> {
    let active = world.releases.active().await.unwrap()?;
    Some((content(&active.release), active.revision))
}

#[tokio::test]
async fn what_is_ready_is_activated_together_and_what_was_active_can_be_had_back() {
    let world = World::new(&[]);
    let files = Arc::new(Files { model: Mutex::new(Ok("one".to_owned())), gate: None });
    let init = init(&world, &files);
    assert!(matches!(init.go_back().await.unwrap_err(), GoBackRefused::NothingBefore));
    assert!(matches!(init.run().await.unwrap().activation, Activation::Activated(_)));
    assert!(matches!(init.run().await.unwrap().activation, Activation::Unchanged(_)));
    assert_eq!(active(&world).await, Some(("one".to_owned(), 1)));
    assert!(matches!(init.go_back().await.unwrap_err(), GoBackRefused::NothingBefore));

    *files.model.lock().unwrap() = Err("its scores are off");
    let failed = init.run().await.unwrap();
    assert_eq!(failed.activation, Activation::Failed);
    assert!(failed.models[0].1.as_ref().unwrap_err().contains("its scores are off"));
    assert_eq!(active(&world).await, Some(("one".to_owned(), 1)), "what was active stays active");

    *files.model.lock().unwrap() = Ok("two".to_owned());
    init.run().await.unwrap();
    assert_eq!(active(&world).await, Some(("two".to_owned(), 2)));
    init.go_back().await.unwrap();
    assert_eq!(active(&world).await, Some(("one".to_owned(), 3)));
    init.go_back().await.unwrap();
    assert_eq!(active(&world).await, Some(("two".to_owned(), 4)), "and forth again");

    world.releases.set_down(true);
    assert!(matches!(init.run().await.unwrap_err(), InitRefused::Store(_)));
}

#[tokio::test]
async fn one_call_at_a_time_prepares() {
    let world = World::new(&[]);
    let gate = Arc::new(Notify::new());
    let files = Arc::new(Files { model: Mutex::new(Ok("one".to_owned())), gate: Some(gate.clone()) });
    let init = Arc::new(init(&world, &files));
    let first = tokio::spawn({
        let init = init.clone();
        async move { init.run().await }
    });
    settle().await;
    assert!(matches!(init.run().await.unwrap_err(), InitRefused::InProgress));
    gate.notify_one();
    assert!(matches!(first.await.unwrap().unwrap().activation, Activation::Activated(_)));
    gate.notify_one();
    assert!(init.run().await.is_ok(), "it is free again");
}
