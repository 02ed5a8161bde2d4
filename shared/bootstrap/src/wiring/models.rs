//! The local models: fetched, verified, loaded.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use farthing_domain::ids::ModelId;
use farthing_domain::ports::{Analyst, KnowledgeBase, LocalModels, ModelStore, Rephraser, Validator};
use farthing_domain::registry::{ModelSpec, Registry};
use farthing_models::analyst::{AnalystHeads, HeadAnalyst};
use farthing_models::artifacts::{ArtifactConfig, ArtifactStore, LocalModelFiles, Progress, Transfer, Unit};
use farthing_models::cpu::CpuPool;
use farthing_models::encoder::{self, Encoder, MiniLm};
use farthing_models::features::SCREEN;
use farthing_models::heads::LogisticHead;
use farthing_models::knowledge::index::{self, IndexConfig};
use farthing_models::knowledge::{KnowledgeAnswerer, KnowledgeIndex, answerability};
use farthing_models::rephraser::EditingRephraser;
use farthing_models::validator::{Examiner, HeadValidator, QualityHeads};

use crate::config::Config;
use crate::files::OwnerFiles;

const ENCODER: &str = "all-minilm-l6-v2";
const QUERY_HEADS: &str = "complexity-head";
const TOXICITY_HEAD: &str = "toxicity-head";

/// The local models as files.
pub(super) struct ModelFiles {
    artifacts: Arc<ArtifactStore>,
    remote: Option<Arc<dyn ModelStore>>,
    registry: Arc<Registry>,
    pool: CpuPool,
    progress: Arc<dyn Progress>,
}

/// The local models in memory, each behind its port.
pub(super) struct LoadedModels {
    pub(super) analyst: Arc<dyn Analyst>,
    pub(super) knowledge: Arc<dyn KnowledgeBase>,
    pub(super) validator: Arc<dyn Validator>,
    pub(super) rephraser: Arc<dyn Rephraser>,
}

/// Reads every agent's knowledge files, so that a wrong one is told before anything is fetched.
pub(super) fn check_knowledge(config: &Config, files: &OwnerFiles) -> anyhow::Result<()> {
    for agent in files.agents.keys() {
        let folder = knowledge_folder(config, agent.as_str());
        let sources = farthing_models::knowledge::source::read_files(&folder)?;
        farthing_models::knowledge::source::parse(&sources)?;
    }
    Ok(())
}

fn knowledge_folder(config: &Config, agent: &str) -> PathBuf {
    config.infra.join("agents").join(agent).join("knowledge")
}

/// The folder of the index files.
fn index_folder(config: &Config) -> PathBuf {
    config.models_folder().join("knowledge")
}

impl ModelFiles {
    /// The models as `config` and `files` name them; `remote` is the owner's model store.
    pub(super) fn new(
        config: &Config,
        files: &OwnerFiles,
        remote: Option<Arc<dyn ModelStore>>,
        progress: Arc<dyn Progress>,
    ) -> Self {
        let artifacts = ArtifactStore::new(artifact_config(config)).with_progress(progress.clone());
        let artifacts = match &remote {
            Some(remote) => artifacts.with_remote(remote.clone()),
            None => artifacts,
        };
        Self {
            artifacts: Arc::new(artifacts),
            remote,
            progress,
            registry: Arc::new(files.registry.clone()),
            // Every request that is admitted may wait for a core; each waits for one piece at a time.
            pool: CpuPool::for_this_machine(files.policy.limits.in_flight),
        }
    }

    /// The models behind the port of files, each with its self-test.
    pub(super) fn local_models(&self) -> anyhow::Result<Arc<dyn LocalModels>> {
        let files = LocalModelFiles::new(self.registry.clone(), self.artifacts.clone(), self.pool.clone())
            .with_self_test(ModelId::parse(ENCODER)?, Box::new(encoder::self_test))
            .with_self_test(ModelId::parse(QUERY_HEADS)?, Box::new(query_heads_can_be_read))
            .with_self_test(ModelId::parse(TOXICITY_HEAD)?, Box::new(toxicity_head_can_be_read));
        Ok(Arc::new(files))
    }

    /// Fetches what is missing, verifies and loads everything.
    pub(super) async fn load(&self, config: &Config, files: &OwnerFiles) -> anyhow::Result<LoadedModels> {
        let [encoder_spec, query_heads, toxicity_head] =
            [self.spec(ENCODER)?, self.spec(QUERY_HEADS)?, self.spec(TOXICITY_HEAD)?];
        let (weights, heads, toxicity) = tokio::try_join!(
            self.artifacts.get_all(&encoder_spec.artifacts),
            self.artifacts.get_all(&query_heads.artifacts),
            self.artifacts.get_all(&toxicity_head.artifacts),
        )?;
        let [model, tokenizer] = weights.as_slice() else {
            anyhow::bail!("models.toml: `{ENCODER}`: expected two artifacts, the model and its tokenizer");
        };
        let (model, tokenizer) = (model.clone(), tokenizer.clone());
        let encoder = self.pool.run(move || MiniLm::load(&model, &tokenizer)).await??;
        let encoder: Arc<dyn Encoder> = Arc::new(encoder);
        let [complexity, injection, answerability, quality] = read(&heads)?;
        let [toxicity] = read(&toxicity)?;
        let analyst_heads = AnalystHeads::from_json(&complexity, &injection, &toxicity)?;
        let quality = QualityHeads::from_json(&quality)?;
        let examiner = Arc::new(Examiner::new(encoder.clone(), &toxicity)?);
        let answerability = answerability::Head::from_json(&answerability)?;
        let indexes = self.indexes(config, files, encoder.clone(), &encoder_spec.artifacts[0].sha256).await?;
        let min = files.policy.limits.min_answerability;
        Ok(LoadedModels {
            analyst: Arc::new(HeadAnalyst::new(encoder.clone(), analyst_heads, self.pool.clone())),
            knowledge: Arc::new(KnowledgeAnswerer::new(indexes, answerability, min, self.pool.clone())?),
            validator: Arc::new(HeadValidator::new(examiner.clone(), quality, self.pool.clone())),
            rephraser: Arc::new(EditingRephraser::new(examiner, self.pool.clone())),
        })
    }

    async fn indexes(
        &self,
        config: &Config,
        files: &OwnerFiles,
        encoder: Arc<dyn Encoder>,
        encoder_id: &str,
    ) -> anyhow::Result<Vec<(farthing_domain::ids::AgentId, KnowledgeIndex)>> {
        let mut indexes = Vec::new();
        for agent in files.agents.keys() {
            let sources = knowledge_folder(config, agent.as_str());
            let artifacts = index_folder(config);
            let (encoder, encoder_id, agent) = (encoder.clone(), encoder_id.to_owned(), agent.clone());
            let index =
                IndexConfig { agent: &agent, sources: &sources, artifacts: &artifacts, encoder_id: &encoder_id };
            self.fetch_index(index).await?;
            let progress = self.progress.clone();
            let built = self.pool.run(move || {
                let config =
                    IndexConfig { agent: &agent, sources: &sources, artifacts: &artifacts, encoder_id: &encoder_id };
                let mut bar: Option<Box<dyn Transfer>> = None;
                let mut show = |built: index::Progress| {
                    let begin =
                        || progress.begin(&format!("knowledge of {agent}"), Unit::Texts, 0, Some(built.total as u64));
                    bar.get_or_insert_with(begin).reach(built.done as u64);
                };
                let opened = KnowledgeIndex::open_or_build(config, encoder.as_ref(), &mut show);
                opened.map(|(index, _)| (agent, index))
            });
            indexes.push(built.await??);
        }
        Ok(indexes)
    }

    /// Fetches an agent's index that was published, if there is none here. One that cannot be had is
    /// built.
    async fn fetch_index(&self, index: IndexConfig<'_>) -> anyhow::Result<()> {
        let Some(remote) = self.remote.as_ref().filter(|_| !index.path().exists()) else { return Ok(()) };
        let (agent, key) = (index.agent, index.remote_key()?);
        match remote.fetch(&key, index.path()).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!(%agent, "the knowledge of `{agent}` as it is now was not published"),
            Err(error) => {
                tracing::warn!(%agent, error = &error as &dyn std::error::Error,
                    "the knowledge index of `{agent}` cannot be fetched");
            }
        }
        Ok(())
    }

    /// Loads everything, and then copies every file of it to `store`. Gives the objects' keys.
    pub(super) async fn publish(
        &self,
        config: &Config,
        files: &OwnerFiles,
        store: &dyn ModelStore,
    ) -> anyhow::Result<Vec<String>> {
        self.load(config, files).await?;
        let mut keys = Vec::new();
        for spec in self.registry.models().iter().filter(|spec| spec.enabled && spec.api.is_none()) {
            for (artifact, path) in spec.artifacts.iter().zip(self.artifacts.get_all(&spec.artifacts).await?) {
                let key = ArtifactStore::remote_key(artifact);
                store.publish(&key, path).await?;
                keys.push(key);
            }
        }
        let encoder_id = &self.spec(ENCODER)?.artifacts[0].sha256;
        for agent in files.agents.keys() {
            let (sources, artifacts) = (knowledge_folder(config, agent.as_str()), index_folder(config));
            let index = IndexConfig { agent, sources: &sources, artifacts: &artifacts, encoder_id };
            let key = index.remote_key()?;
            store.publish(&key, index.path()).await?;
            keys.push(key);
        }
        Ok(keys)
    }

    fn spec(&self, id: &str) -> anyhow::Result<&ModelSpec> {
        let spec = self.registry.get(&ModelId::parse(id)?).filter(|spec| spec.enabled);
        spec.with_context(|| format!("models.toml: expected an enabled model `{id}`"))
    }
}

fn artifact_config(config: &Config) -> ArtifactConfig {
    ArtifactConfig {
        root: config.models_folder(),
        repository_root: config.infra.clone(),
        offline: config.offline,
        pythons: vec!["python3".into(), "python".into()],
    }
}

fn read<const N: usize>(paths: &[PathBuf]) -> anyhow::Result<[Vec<u8>; N]> {
    let contents: Vec<Vec<u8>> = paths
        .iter()
        .map(|path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display())))
        .collect::<Result<_, _>>()?;
    let found = contents.len();
    contents.try_into().map_err(|_| anyhow::anyhow!("models.toml: expected {N} artifacts, found {found}"))
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn query_heads_can_be_read(paths: &[PathBuf]) -> Result<(), BoxError> {
    let [complexity, injection, answerability, quality] = read(paths)?;
    AnalystHeads::from_json(&complexity, &injection, &injection)?;
    QualityHeads::from_json(&quality)?;
    answerability::Head::from_json(&answerability)?;
    Ok(())
}

fn toxicity_head_can_be_read(paths: &[PathBuf]) -> Result<(), BoxError> {
    let [toxicity] = read(paths)?;
    LogisticHead::from_json(&toxicity, SCREEN)?;
    Ok(())
}
