//! The local models of the registry as verified files.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use farthing_domain::ids::ModelId;
use farthing_domain::ports::{LocalModels, ModelReady, ModelUnavailable};
use farthing_domain::registry::{ModelSpec, Registry};

use super::{ArtifactStore, verify};
use crate::cpu::CpuPool;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Loads a model from its verified files, in the registry's order, and tries it out.
pub type SelfTest = Box<dyn Fn(&[PathBuf]) -> Result<(), BoxError> + Send + Sync>;

/// The registry's local models: their files through an [`ArtifactStore`], and a self-test for each.
pub struct LocalModelFiles {
    registry: Arc<Registry>,
    store: Arc<ArtifactStore>,
    cpu: CpuPool,
    self_tests: HashMap<ModelId, Arc<SelfTest>>,
    loaded: Mutex<BTreeSet<ModelId>>,
}

impl LocalModelFiles {
    /// Models without self-tests yet; a model without one cannot be prepared.
    #[must_use]
    pub fn new(registry: Arc<Registry>, store: Arc<ArtifactStore>, cpu: CpuPool) -> Self {
        Self { registry, store, cpu, self_tests: HashMap::new(), loaded: Mutex::default() }
    }

    /// Tries out `model` with `self_test` when it is prepared. For the encoder that is
    /// [`crate::encoder::self_test`].
    #[must_use]
    pub fn with_self_test(mut self, model: ModelId, self_test: SelfTest) -> Self {
        self.self_tests.insert(model, Arc::new(self_test));
        self
    }

    /// Notes that this process has loaded `model`.
    pub fn note_loaded(&self, model: ModelId) {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).insert(model);
    }

    async fn try_prepare(&self, model: &ModelId) -> Result<ModelReady, BoxError> {
        let spec = self.registry.get(model).ok_or("it is not in the registry")?;
        if spec.api.is_some() {
            return Err("it runs at its provider and has no files".into());
        }
        if !spec.enabled {
            return Err(format!("it is disabled: {}", spec.note.as_deref().unwrap_or("no reason is given")).into());
        }
        let self_test = self.self_tests.get(model).ok_or("no part of this program runs it")?;
        let paths = self.store.get_all(&spec.artifacts).await?;
        let self_test = Arc::clone(self_test);
        self.cpu.run(move || self_test(&paths)).await??;
        self.note_loaded(model.clone());
        let bytes = spec.artifacts.iter().map(|artifact| artifact.bytes).sum();
        Ok(ModelReady { sha256: model_sha256(spec), bytes })
    }
}

#[async_trait]
impl LocalModels for LocalModelFiles {
    async fn prepare(&self, model: &ModelId) -> Result<ModelReady, ModelUnavailable> {
        self.try_prepare(model).await.map_err(|cause| ModelUnavailable { model: model.to_string(), cause })
    }

    fn loaded(&self) -> Vec<ModelId> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// The hash of a model as a whole: SHA-256 over its artifacts' hashes in hex, in order, each with a
/// line feed after it.
#[must_use]
pub fn model_sha256(spec: &ModelSpec) -> String {
    let hashes: String = spec.artifacts.iter().map(|artifact| format!("{}\n", artifact.sha256)).collect();
    verify::sha256_of(hashes.as_bytes())
}
