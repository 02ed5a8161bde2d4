//! The use case that prepares the local models: fetch, verify, self-test, activate.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use farthing_domain::ids::AgentId;
use farthing_domain::ports::{
    ActivationRefused, ActiveRelease, Clock, LocalModels, ModelUnavailable, Releases, StoreError,
};
use farthing_domain::registry::Registry;
use farthing_domain::release::{Release, ReleasedKnowledge, ReleasedModel};
use tokio::sync::Mutex;

/// The use case that prepares the local models.
pub struct Init {
    registry: Registry,
    agents: Vec<AgentId>,
    files: Arc<dyn LocalModels>,
    releases: Arc<dyn Releases>,
    clock: Arc<dyn Clock>,
    /// Held by the one who prepares.
    flight: Mutex<()>,
}

/// What was prepared, or the reason why it is not ready.
pub type Prepared<T> = Result<T, String>;

/// What came of an initialisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Initialised {
    /// Every enabled local model, by its name.
    pub models: Vec<(String, Prepared<ReleasedModel>)>,
    /// The knowledge of every agent, by its name.
    pub knowledge: Vec<(String, Prepared<ReleasedKnowledge>)>,
    /// What became of them together.
    pub activation: Activation,
}

/// What became of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activation {
    /// It is now active.
    Activated(ActiveRelease),
    /// It was active already.
    Unchanged(ActiveRelease),
    /// A part of it is not ready; what was active stays active.
    Failed,
}

/// Why nothing was activated.
#[derive(Debug, thiserror::Error)]
pub enum InitRefused {
    /// Somebody else is at it.
    #[error("the models are being prepared by another call")]
    InProgress,
    /// It is not known which release is active.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the release before was not activated.
#[derive(Debug, thiserror::Error)]
pub enum GoBackRefused {
    /// There is nothing to go back to.
    #[error("no release was active before this one")]
    NothingBefore,
    /// As for every activation.
    #[error(transparent)]
    Init(#[from] InitRefused),
}

impl Init {
    /// The use case for these models and the knowledge of these agents.
    #[must_use]
    pub fn new(
        registry: Registry,
        agents: Vec<AgentId>,
        files: Arc<dyn LocalModels>,
        releases: Arc<dyn Releases>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { registry, agents, files, releases, clock, flight: Mutex::default() }
    }

    /// Prepares every enabled local model and every agent's knowledge, one after the other, and
    /// activates them together when all are ready.
    ///
    /// # Errors
    /// [`InitRefused`] when another call is at it, or it cannot be told or changed what is active.
    pub async fn run(&self) -> Result<Initialised, InitRefused> {
        let _flight = self.flight.try_lock().map_err(|_| InitRefused::InProgress)?;
        let (mut models, mut knowledge) = (Vec::new(), Vec::new());
        for spec in self.registry.models().iter().filter(|model| model.enabled && model.api.is_none()) {
            models.push((spec.id.to_string(), ready(&spec.id, self.files.prepare(&spec.id).await)));
        }
        for agent in &self.agents {
            knowledge.push((agent.to_string(), ready(agent, self.files.prepare_knowledge(agent).await)));
        }
        let activation = match release_of(&models, &knowledge) {
            Some(release) => self.activate(release).await?,
            None => Activation::Failed,
        };
        Ok(Initialised { models, knowledge, activation })
    }

    /// Activates the release that was active before, and keeps the present one to go back to.
    ///
    /// # Errors
    /// [`GoBackRefused`].
    pub async fn go_back(&self) -> Result<ActiveRelease, GoBackRefused> {
        let current = self.releases.active().await.map_err(InitRefused::from)?;
        let current = current.ok_or(GoBackRefused::NothingBefore)?;
        let before = current.previous.clone().ok_or(GoBackRefused::NothingBefore)?;
        let next = self.after(Some(&current), before);
        match self.releases.activate(&next).await {
            Ok(()) => Ok(next),
            Err(ActivationRefused::Conflict) => Err(InitRefused::InProgress.into()),
            Err(ActivationRefused::Store(error)) => Err(InitRefused::from(error).into()),
        }
    }

    async fn activate(&self, release: Release) -> Result<Activation, InitRefused> {
        let current = self.releases.active().await?;
        if let Some(current) = current.as_ref().filter(|current| current.release == release) {
            return Ok(Activation::Unchanged(current.clone()));
        }
        let next = self.after(current.as_ref(), release);
        match self.releases.activate(&next).await {
            Ok(()) => Ok(Activation::Activated(next)),
            Err(ActivationRefused::Conflict) => match self.releases.active().await? {
                // Another call was quicker with the same files.
                Some(active) if active.release == next.release => Ok(Activation::Unchanged(active)),
                _ => Err(InitRefused::InProgress),
            },
            Err(ActivationRefused::Store(error)) => Err(error.into()),
        }
    }

    fn after(&self, current: Option<&ActiveRelease>, release: Release) -> ActiveRelease {
        ActiveRelease {
            release,
            previous: current.map(|current| current.release.clone()),
            revision: current.map_or(1, |current| current.revision + 1),
            since: self.clock.now(),
        }
    }
}

fn ready<T>(name: &impl fmt::Display, prepared: Result<T, ModelUnavailable>) -> Prepared<T> {
    prepared.map_err(|error| {
        tracing::error!(model.id = %name, error = &error as &dyn Error, "`{name}` is not ready");
        chain(&error)
    })
}

/// The release that these make, when all are ready.
fn release_of(
    models: &[(String, Prepared<ReleasedModel>)],
    knowledge: &[(String, Prepared<ReleasedKnowledge>)],
) -> Option<Release> {
    let models = models.iter().map(|(_, model)| model.clone().ok()).collect::<Option<_>>()?;
    let knowledge = knowledge.iter().map(|(_, knowledge)| knowledge.clone().ok()).collect::<Option<_>>()?;
    Some(Release { models, knowledge })
}

/// The message of `error` with those of its causes.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
