//! The registry of this working copy.

use std::path::PathBuf;
use std::sync::Arc;

use farthing_domain::registry::{Registry, RegistryFile};

/// The registry of this working copy.
pub(crate) fn read() -> Arc<Registry> {
    let text = std::fs::read_to_string(repository().join("infra/models.toml")).unwrap();
    let file: RegistryFile = toml::from_str(&text).unwrap();
    Arc::new(Registry::parse(file.models).unwrap())
}

/// The working copy's folder.
pub(crate) fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
