//! The real encoder for tests, fetched on first use.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use farthing_domain::ids::ModelId;
use farthing_models::artifacts::{ArtifactConfig, ArtifactStore};
use farthing_models::encoder::MiniLm;

pub(crate) mod registry;

/// The encoder on its real weights, which are fetched when they are missing. Loaded once.
pub(crate) fn encoder() -> &'static MiniLm {
    static ENCODER: OnceLock<MiniLm> = OnceLock::new();
    ENCODER.get_or_init(|| {
        let [model, tokenizer, ..] = &encoder_files()[..] else { panic!("the encoder has four files") };
        MiniLm::load(model, tokenizer).unwrap()
    })
}

/// The encoder's model and tokenizer.
pub(crate) fn encoder_files() -> Vec<PathBuf> {
    let registry = registry::read();
    let spec = registry.get(&encoder_id()).unwrap();
    // On a thread of its own, so that async tests can call this too.
    std::thread::scope(|scope| {
        let fetch = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(store().get_all(&spec.artifacts)).unwrap()
        };
        scope.spawn(fetch).join().unwrap()
    })
}

/// The encoder's name in the registry.
pub(crate) fn encoder_id() -> ModelId {
    ModelId::parse("all-minilm-l6-v2").unwrap()
}

/// The store of this working copy.
pub(crate) fn store() -> Arc<ArtifactStore> {
    Arc::new(ArtifactStore::new(ArtifactConfig::of_working_copy(&registry::repository())))
}
