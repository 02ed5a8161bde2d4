//! Knowledge that one machine publishes and another one loads, on the encoder's real weights.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use farthing_domain::hex::hex;
use farthing_domain::ids::AgentId;
use farthing_domain::ports::{Fetched, ModelStore, StoreError};
use farthing_domain::release::ReleasedKnowledge;
use farthing_models::artifacts::{ArtifactConfig, ArtifactStore, NoProgress};
use farthing_models::cpu::CpuPool;
use farthing_models::knowledge::KnowledgeFiles;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::common;

/// A model store in a folder.
struct Folder(PathBuf);

#[async_trait]
impl ModelStore for Folder {
    async fn fetch(&self, key: &str, to: PathBuf) -> Result<Option<Fetched>, StoreError> {
        let Ok(content) = std::fs::read(self.0.join(key)) else { return Ok(None) };
        std::fs::write(to, &content).unwrap();
        Ok(Some(Fetched { sha256: hex(&Sha256::digest(&content)), bytes: content.len() as u64 }))
    }

    async fn publish(&self, key: &str, from: PathBuf) -> Result<(), StoreError> {
        let to = self.0.join(key);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
        Ok(())
    }
}

/// Two machines with the same agents' folder, and the bucket between them.
pub(super) struct Place(TempDir);

impl Place {
    pub(super) fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("Twelve euros a day.");
        place
    }

    pub(super) fn write(&self, answer: &str) {
        let folder = self.path("agents/bikes/knowledge");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("rental.md"), format!("# Bikes\n\n## What does a bike cost?\n{answer}\n")).unwrap();
    }

    pub(super) fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    pub(super) fn bucket(&self) -> Arc<dyn ModelStore> {
        Arc::new(Folder(self.path("bucket")))
    }

    /// The owner's machine, which has the weights and builds.
    pub(super) fn owner(&self) -> KnowledgeFiles {
        self.machine("owner", common::store(), None)
    }

    /// A function, which has nothing but the bucket.
    pub(super) fn function(&self) -> KnowledgeFiles {
        let config = ArtifactConfig {
            root: self.path("function"),
            repository_root: self.path("none"),
            offline: true,
            pythons: Vec::new(),
        };
        let artifacts = Arc::new(ArtifactStore::new(config).with_remote(self.bucket()));
        self.machine("function", artifacts, Some(self.bucket()))
    }

    fn machine(
        &self,
        name: &str,
        artifacts: Arc<ArtifactStore>,
        remote: Option<Arc<dyn ModelStore>>,
    ) -> KnowledgeFiles {
        KnowledgeFiles {
            agents: self.path("agents"),
            indexes: self.path(name).join("knowledge"),
            artifacts,
            remote,
            learned: None,
            encoder: common::registry::read().get(&common::encoder_id()).unwrap().clone(),
            pool: CpuPool::for_this_machine(8),
            progress: Arc::new(NoProgress),
        }
    }

    pub(super) fn object(&self, released: &ReleasedKnowledge) -> PathBuf {
        self.path("bucket").join(&released.file.key)
    }
}

pub(super) fn bikes() -> AgentId {
    AgentId::parse("bikes").unwrap()
}

#[tokio::test]
async fn what_was_published_is_prepared_and_loaded_without_an_encoder() {
    let place = Place::new();
    let keys = place.owner().publish(&bikes(), &*place.bucket()).await.unwrap();
    assert!(keys.iter().all(|key| place.path("bucket").join(key).is_file()), "{keys:?}");
    let released = place.function().prepare(&bikes()).await.unwrap();
    assert!(keys.contains(&released.file.key) && released.file.is_valid());
    let index = place.function().released(&released).await.unwrap();
    assert_eq!(index.entries()[0].passages, ["Twelve euros a day."]);
    assert!(released.version.starts_with(&index.version()));
    let again = place.owner().prepare(&bikes()).await.unwrap();
    assert_eq!(again, released, "the machine that published it says the same");
}

#[tokio::test]
async fn knowledge_that_was_edited_since_has_to_be_published_first() {
    let place = Place::new();
    place.owner().publish(&bikes(), &*place.bucket()).await.unwrap();
    let before = place.function().prepare(&bikes()).await.unwrap();
    place.write("Fourteen euros a day.");
    let error = place.function().prepare(&bikes()).await.unwrap_err();
    assert!(error.to_string().contains("farthing models publish"), "{error}");
    place.owner().publish(&bikes(), &*place.bucket()).await.unwrap();
    let after = place.function().prepare(&bikes()).await.unwrap();
    assert!(after.file.key != before.file.key && after.version != before.version);
    let index = place.function().released(&before).await.unwrap();
    assert_eq!(index.entries()[0].passages, ["Twelve euros a day."], "what was released before is still there");
}

#[tokio::test]
async fn an_index_that_was_changed_in_the_bucket_is_not_read() {
    let place = Place::new();
    place.owner().publish(&bikes(), &*place.bucket()).await.unwrap();
    let released = place.owner().prepare(&bikes()).await.unwrap();
    let object = place.object(&released);
    let whole = std::fs::read(&object).unwrap();
    for damaged in [&whole[..whole.len() - 1], b"", &[&whole[..], b"more"].concat(), &flipped(&whole)] {
        std::fs::write(&object, damaged).unwrap();
        assert!(place.function().released(&released).await.is_err(), "{} bytes", damaged.len());
        assert!(place.function().prepare(&bikes()).await.is_err());
    }
    std::fs::remove_file(&object).unwrap();
    let error = place.function().released(&released).await.unwrap_err();
    assert!(error.to_string().contains(&released.file.key), "{error}");
    assert!(!below(&place.path("function")).iter().any(|name| name.ends_with(".knowledge")), "nothing is left of them");
}

fn flipped(whole: &[u8]) -> Vec<u8> {
    let mut flipped = whole.to_vec();
    flipped[whole.len() / 2] ^= 1;
    flipped
}

/// The names of the files below a folder.
fn below(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = |path: PathBuf| if path.is_dir() { below(&path) } else { vec![path.display().to_string()] };
    entries.flat_map(|entry| names(entry.path())).collect()
}
