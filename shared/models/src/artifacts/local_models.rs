//! The local models of the registry as verified files.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use farthing_domain::ids::{AgentId, ModelId};
use farthing_domain::ports::{LocalModels, ModelUnavailable};
use farthing_domain::registry::Registry;
use farthing_domain::release::{ReleasedKnowledge, ReleasedModel};

use super::ArtifactStore;
use crate::cpu::CpuPool;
use crate::knowledge::KnowledgeFiles;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Loads a model from its verified files, in the registry's order, and tries it out.
pub type SelfTest = Box<dyn Fn(&[PathBuf]) -> Result<(), BoxError> + Send + Sync>;

/// The registry's local models: their files through an [`ArtifactStore`], and a self-test for each.
pub struct LocalModelFiles {
    registry: Arc<Registry>,
    store: Arc<ArtifactStore>,
    cpu: CpuPool,
    self_tests: HashMap<ModelId, Arc<SelfTest>>,
    knowledge: Option<KnowledgeFiles>,
}

impl LocalModelFiles {
    /// Models without self-tests yet; a model without one cannot be prepared.
    #[must_use]
    pub fn new(registry: Arc<Registry>, store: Arc<ArtifactStore>, cpu: CpuPool) -> Self {
        Self { registry, store, cpu, self_tests: HashMap::new(), knowledge: None }
    }

    /// Tries out `model` with `self_test` when it is prepared. For the encoder that is
    /// [`crate::encoder::self_test`].
    #[must_use]
    pub fn with_self_test(mut self, model: ModelId, self_test: SelfTest) -> Self {
        self.self_tests.insert(model, Arc::new(self_test));
        self
    }

    /// Prepares agents' knowledge from `knowledge`.
    #[must_use]
    pub fn with_knowledge(self, knowledge: KnowledgeFiles) -> Self {
        Self { knowledge: Some(knowledge), ..self }
    }

    async fn try_prepare(&self, model: &ModelId) -> Result<ReleasedModel, BoxError> {
        let spec = self.registry.get(model).ok_or("it is not in the registry")?;
        if spec.api.is_some() {
            return Err("it runs at its provider and has no files".into());
        }
        if !spec.enabled {
            return Err(format!("it is disabled: {}", spec.note.as_deref().unwrap_or("no reason is given")).into());
        }
        let self_test = self.self_tests.get(model).ok_or("no part of this program runs it")?;
        let paths = self.store.get_model(spec).await?;
        let self_test = Arc::clone(self_test);
        self.cpu.run(move || self_test(&paths)).await??;
        Ok(ReleasedModel::from(spec))
    }
}

#[async_trait]
impl LocalModels for LocalModelFiles {
    async fn prepare(&self, model: &ModelId) -> Result<ReleasedModel, ModelUnavailable> {
        self.try_prepare(model).await.map_err(|cause| ModelUnavailable { model: model.to_string(), cause })
    }

    async fn prepare_knowledge(&self, agent: &AgentId) -> Result<ReleasedKnowledge, ModelUnavailable> {
        let prepared = match &self.knowledge {
            Some(knowledge) => knowledge.prepare(agent).await,
            None => Err("no part of this program reads knowledge".into()),
        };
        prepared.map_err(|cause| ModelUnavailable { model: format!("knowledge of {agent}"), cause })
    }
}
