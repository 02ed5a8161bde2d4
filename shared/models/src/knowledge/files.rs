//! The indexes of agents' knowledge as files: built here, published, released.
//!
//! In a model store an index lies under its own hash, and a description of it under the hash of
//! what it was made of. So nothing that a release names is ever overwritten, although two machines
//! may make slightly different vectors of the same texts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use farthing_domain::ids::AgentId;
use farthing_domain::ports::{LearnedKnowledge, ModelStore};
use farthing_domain::registry::ModelSpec;
use farthing_domain::release::{ReleasedFile, ReleasedKnowledge, ReleasedModel};

use super::index::{self, IndexConfig};
use super::learned::{Learned, Remembering};
use super::source;
use super::{KeptPhrasings, KnowledgeIndex, PhrasingKeeper};
use crate::artifacts::{ArtifactStore, Progress, Transfer, Unit, fingerprint};
use crate::cpu::CpuPool;
use crate::encoder::{Encoder, MiniLm, Tokens};

/// The folder of the descriptions of indexes of owners' files alone.
const OWN: &str = "knowledge";
/// The folder of indexes with what paid answers became, and of their descriptions: all that a function publishes is in it.
const LEARNED: &str = "learned";

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Where agents' knowledge and its indexes are.
#[derive(Clone)]
pub struct KnowledgeFiles {
    /// The folder with a folder `<agent>/knowledge` for each agent.
    pub agents: PathBuf,
    /// The folder in which indexes that are built here are kept, as `<agent>.knowledge`.
    pub indexes: PathBuf,
    /// Where released indexes are had.
    pub artifacts: Arc<ArtifactStore>,
    /// The owner's model store, if there is one.
    pub remote: Option<Arc<dyn ModelStore>>,
    /// What paid answers became, where that is known.
    pub learned: Option<Arc<dyn LearnedKnowledge>>,
    /// The encoder with its family: one of them makes the vectors.
    pub encoder: ModelSpec,
    /// Where indexes are built and read.
    pub pool: CpuPool,
    /// What is told of the building.
    pub progress: Arc<dyn Progress>,
}

impl KnowledgeFiles {
    /// The index of `knowledge`, verified before it is read.
    ///
    /// # Errors
    /// When it cannot be had or read.
    pub async fn released(&self, knowledge: &ReleasedKnowledge) -> Result<KnowledgeIndex, BoxError> {
        let path = self.artifacts.released(&knowledge.file).await?;
        let version = knowledge.version.clone();
        Ok(self.pool.run(move || KnowledgeIndex::open(&path, &version)).await??)
    }

    /// The index of the agent's files as they are now: the one that was published, or else one that
    /// is built with `encoder` and kept. Without a model store it has what paid answers became, too; with one,
    /// that comes with a release.
    ///
    /// # Errors
    /// When the agent's files cannot be used, or the index can be neither had nor built.
    pub async fn own(&self, agent: &AgentId, encoder: Arc<dyn Encoder>) -> Result<KnowledgeIndex, BoxError> {
        if self.remote.is_none() {
            let learned = self.learned(agent).await.unwrap_or_else(|error| {
                tracing::warn!(%agent, error = error.as_ref(), "`{agent}` goes without what paid answers became");
                None
            });
            return self.build(agent, encoder, learned).await;
        }
        match self.published(agent, &self.version(agent, None).await?, OWN).await {
            Ok(Some(published)) => return self.released(&published).await,
            Ok(None) => tracing::warn!(%agent, "the knowledge of `{agent}` as it is now was not published"),
            Err(error) => tracing::warn!(%agent, error = error.as_ref(), "no published knowledge of `{agent}`"),
        }
        self.build(agent, encoder, None).await
    }

    /// What a release names for the agent's files as they are now, with what paid answers became. With a model
    /// store that is what was published there; an index with learned entries that was not is built and published
    /// here. Without a model store it is the index that is kept here, built if need be.
    ///
    /// # Errors
    /// When the index is not to be had, or the agent's files cannot be used.
    pub async fn prepare(&self, agent: &AgentId) -> Result<ReleasedKnowledge, BoxError> {
        let learned = self.learned(agent).await?;
        let version = self.version(agent, learned.clone()).await?;
        let kind = if learned.is_some() { LEARNED } else { OWN };
        if let Some(remote) = &self.remote {
            if let Some(published) = self.published(agent, &version, kind).await? {
                self.released(&published).await?;
                return Ok(published);
            }
            if learned.is_none() {
                return Err("the knowledge as it is now was not published: run `farthing models publish`".into());
            }
            let path = self.config(agent, learned.as_ref(), |config| config.path());
            self.build(agent, self.load_encoder().await?, learned).await?;
            let built = describe(agent, version, &path, kind)?;
            publish(&built, path, remote.as_ref(), kind).await?;
            return Ok(built);
        }
        let path = self.config(agent, learned.as_ref(), |config| config.path());
        if KnowledgeIndex::open(&path, &version).is_err() {
            self.build(agent, self.load_encoder().await?, learned).await?;
        }
        describe(agent, version, &path, kind)
    }

    /// Copies the index of the agent's files as they are now into `store`. Gives the objects' keys.
    ///
    /// # Errors
    /// When the index cannot be had, or the store cannot be written to.
    pub async fn publish(&self, agent: &AgentId, store: &dyn ModelStore) -> Result<Vec<String>, BoxError> {
        let knowledge = self.prepare(agent).await?;
        let path = self.config(agent, None, |config| config.path());
        let key = publish(&knowledge, path, store, OWN).await?;
        Ok(vec![knowledge.file.key, key])
    }

    /// The agent's entries, and the phrasings that a model made for them.
    ///
    /// # Errors
    /// When the agent's files cannot be used.
    pub async fn kept_phrasings(&self, agent: &AgentId) -> Result<KeptPhrasings, BoxError> {
        let sources = self.sources(agent);
        Ok(self.pool.run(move || KeptPhrasings::open(&sources)).await??)
    }

    /// What keeps made phrasings beside those of `kept`.
    ///
    /// # Errors
    /// When the encoder cannot be had, or the entries cannot be embedded.
    pub async fn keeper(&self, kept: KeptPhrasings) -> Result<PhrasingKeeper, BoxError> {
        PhrasingKeeper::new(kept, self.load_encoder().await?, self.pool.clone()).await
    }

    /// What paid answers became, as far as it matters beside the agent's own files.
    async fn learned(&self, agent: &AgentId) -> Result<Option<Learned>, BoxError> {
        let Some(learned) = &self.learned else { return Ok(None) };
        let entries = learned.entries(agent).await?;
        if entries.is_empty() {
            return Ok(None);
        }
        let sources = self.sources(agent);
        let file = move || Ok::<_, BoxError>(Learned::beside(&source::read_files(&sources)?, entries));
        self.pool.run(file).await?
    }

    /// The index of the agent's own files alone, if it need not be built.
    async fn without_learned(&self, agent: &AgentId) -> Result<KnowledgeIndex, BoxError> {
        let version = self.version(agent, None).await?;
        match self.published(agent, &version, OWN).await? {
            Some(published) => self.released(&published).await,
            None => {
                let path = self.config(agent, None, |config| config.path());
                Ok(self.pool.run(move || KnowledgeIndex::open(&path, &version)).await??)
            }
        }
    }

    /// The index that was published for the version, if there is one.
    async fn published(
        &self,
        agent: &AgentId,
        version: &str,
        kind: &str,
    ) -> Result<Option<ReleasedKnowledge>, BoxError> {
        let Some(remote) = &self.remote else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let copy = folder.path().join("description.json");
        if remote.fetch(&description_key(agent, version, kind), copy.clone()).await?.is_none() {
            return Ok(None);
        }
        let knowledge: ReleasedKnowledge = serde_json::from_slice(&std::fs::read(copy)?)?;
        let is_of_it = &knowledge.agent == agent && knowledge.version == version && knowledge.file.is_valid();
        if is_of_it {
            Ok(Some(knowledge))
        } else {
            Err("what was published as its description describes another".into())
        }
    }

    async fn build(
        &self,
        agent: &AgentId,
        encoder: Arc<dyn Encoder>,
        learned: Option<Learned>,
    ) -> Result<KnowledgeIndex, BoxError> {
        // Only what was learned is embedded, if the rest was before.
        let before = match &learned {
            Some(_) => self.without_learned(agent).await.ok(),
            None => None,
        };
        let (this, agent) = (self.clone(), agent.clone());
        let built = self.pool.run(move || {
            let mut bar: Option<Box<dyn Transfer>> = None;
            let mut show = |built: index::Progress| {
                let begin =
                    || this.progress.begin(&format!("knowledge of {agent}"), Unit::Texts, 0, Some(built.total as u64));
                bar.get_or_insert_with(begin).reach(built.done as u64);
            };
            let encoder = Remembering::new(encoder.as_ref(), before.as_ref());
            this.config(&agent, learned.as_ref(), |config| KnowledgeIndex::open_or_build(config, &encoder, &mut show))
        });
        Ok(built.await??.0)
    }

    async fn load_encoder(&self) -> Result<Arc<dyn Encoder>, BoxError> {
        let paths = self.artifacts.get_all(&self.encoder.artifacts).await?;
        let load = move || match paths.as_slice() {
            [model, tokenizer, knowledge, _] => {
                Ok(MiniLm::load_changed(model, knowledge, Arc::new(Tokens::load(tokenizer)?))?)
            }
            _ => Err(BoxError::from("the encoder has four files")),
        };
        Ok(Arc::new(self.pool.run(load).await??))
    }

    async fn version(&self, agent: &AgentId, learned: Option<Learned>) -> Result<String, BoxError> {
        let (this, agent) = (self.clone(), agent.clone());
        Ok(self.pool.run(move || this.config(&agent, learned.as_ref(), |config| config.version())).await??)
    }

    fn sources(&self, agent: &AgentId) -> PathBuf {
        self.agents.join(agent.as_str()).join("knowledge")
    }

    fn config<T>(&self, agent: &AgentId, learned: Option<&Learned>, with: impl FnOnce(IndexConfig<'_>) -> T) -> T {
        let sources = self.sources(agent);
        let encoder_id = ReleasedModel::from(&self.encoder).sha256();
        with(IndexConfig { agent, sources: &sources, artifacts: &self.indexes, encoder_id: &encoder_id, learned })
    }
}

/// Copies an index and its description into `store`. Gives the description's key.
async fn publish(
    knowledge: &ReleasedKnowledge,
    index: PathBuf,
    store: &dyn ModelStore,
    kind: &str,
) -> Result<String, BoxError> {
    let description = tempfile::NamedTempFile::new()?;
    serde_json::to_writer(&description, knowledge)?;
    let key = description_key(&knowledge.agent, &knowledge.version, kind);
    store.publish(&knowledge.file.key, index).await?;
    // Last, so that what it names is there.
    store.publish(&key, description.path().to_owned()).await?;
    Ok(key)
}

/// What a release says of the index file `path`.
fn describe(agent: &AgentId, version: String, path: &Path, kind: &str) -> Result<ReleasedKnowledge, BoxError> {
    let found = fingerprint(path)?.ok_or("the index is gone")?;
    let folder = if kind == LEARNED { "models/learned" } else { "models" };
    let key = format!("{folder}/{}/{agent}.knowledge", found.sha256);
    let file = ReleasedFile { key, sha256: found.sha256, bytes: found.bytes };
    Ok(ReleasedKnowledge { agent: agent.clone(), version, file })
}

fn description_key(agent: &AgentId, version: &str, kind: &str) -> String {
    format!("models/{kind}/{agent}/{version}.json")
}
