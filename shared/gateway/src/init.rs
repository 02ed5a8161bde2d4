//! The use case that prepares the local models: fetch, verify, self-test, activate.

use std::error::Error;
use std::sync::Arc;

use farthing_domain::ports::{ActivationRefused, ActiveModel, ActiveModels, LocalModels, StoreError};
use farthing_domain::registry::{ModelSpec, Registry};

/// The use case that prepares the local models.
pub struct Init {
    /// The known models.
    pub registry: Registry,
    /// The models as files.
    pub files: Arc<dyn LocalModels>,
    /// Which versions are active.
    pub active: Arc<dyn ActiveModels>,
}

/// What became of one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// Which model.
    pub model: String,
    /// What became of it.
    pub state: PreparedState,
}

/// What became of one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreparedState {
    /// This version is now active.
    Activated(ActiveModel),
    /// This version was active already.
    Unchanged(ActiveModel),
    /// It is not ready, for this reason; what was active stays active.
    Failed(String),
}

impl Init {
    /// Prepares every enabled local model, one after the other.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be told which versions are active.
    pub async fn run(&self) -> Result<Vec<Prepared>, StoreError> {
        let local: Vec<&ModelSpec> =
            self.registry.models().iter().filter(|model| model.enabled && model.api.is_none()).collect();
        let ids: Vec<_> = local.iter().map(|model| model.id.clone()).collect();
        let active = self.active.list(&ids).await?;
        let mut prepared = Vec::new();
        for spec in local {
            let current = active.iter().find(|active| active.id == spec.id);
            let state = match self.prepare(spec, current).await {
                Ok(state) => state,
                Err(error) => {
                    tracing::error!(model.id = %spec.id, error = error.as_ref(), "model `{}` is not ready", spec.id);
                    PreparedState::Failed(chain(error.as_ref()))
                }
            };
            prepared.push(Prepared { model: spec.id.to_string(), state });
        }
        Ok(prepared)
    }

    async fn prepare(
        &self,
        spec: &ModelSpec,
        current: Option<&ActiveModel>,
    ) -> Result<PreparedState, Box<dyn Error + Send + Sync>> {
        let ready = self.files.prepare(&spec.id).await?;
        if let Some(current) = current.filter(|current| current.sha256 == ready.sha256) {
            return Ok(PreparedState::Unchanged(current.clone()));
        }
        let next = ActiveModel {
            id: spec.id.clone(),
            version: spec.version.clone(),
            sha256: ready.sha256,
            bytes: ready.bytes,
            previous: current.map(|current| current.sha256.clone()),
            revision: current.map_or(1, |current| current.revision + 1),
        };
        match self.active.activate(&next).await {
            Ok(()) => Ok(PreparedState::Activated(next)),
            Err(ActivationRefused::Conflict) => {
                // Another initialisation was quicker; what it activated went through the same checks.
                let now_active = self.active.list(std::slice::from_ref(&spec.id)).await?;
                Ok(now_active.into_iter().next().map_or_else(
                    || PreparedState::Failed("another activation came first".to_owned()),
                    PreparedState::Unchanged,
                ))
            }
            Err(ActivationRefused::Store(error)) => Err(error.into()),
        }
    }
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
