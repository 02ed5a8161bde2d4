//! The local models: fetched, verified, loaded.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use async_trait::async_trait;
use farthing_domain::complexity::Tier;
use farthing_domain::ids::{AgentId, ModelId};
use farthing_domain::ports::{
    Generator, GroundedAnswerer, LearnedKnowledge, LocalModels, ModelStore, ModelUnavailable, Rephraser, Validator,
};
use farthing_domain::registry::{ModelKind, ModelSpec, Registry};
use farthing_domain::release::{Release, ReleasedModel};
use farthing_gateway::LocalTier;
use farthing_gateway::loading::ReleaseLoader;
use farthing_models::analyst::{AnalystHeads, HeadAnalyst};
use farthing_models::artifacts::{ArtifactConfig, ArtifactStore, LocalModelFiles, Progress};
use farthing_models::cpu::CpuPool;
use farthing_models::encoder::{self, Encoder, Family, Findings, PairReader};
use farthing_models::features::{COMPLEXITY, SCREEN};
use farthing_models::gain::GainHeads;
use farthing_models::generator::{self, LocalGenerator};
use farthing_models::grounded::GeneratingAnswerer;
use farthing_models::heads::{LogisticHead, SoftmaxHead};
use farthing_models::knowledge::source::Entry;
use farthing_models::knowledge::{KnowledgeAnswerer, KnowledgeFiles, KnowledgeIndex, answerability};
use farthing_models::matcher::PairMatcher;
use farthing_models::rephraser::{EditingRephraser, GeneratingRephraser};
use farthing_models::toxicity::ToxicityHead;
use farthing_models::validator::{Examiner, HeadValidator, QualityHeads};
use futures::future::try_join_all;

use crate::config::Config;
use crate::files::OwnerFiles;

const ENCODER: &str = "all-minilm-l6-v2";
const QUERY_HEADS: &str = "complexity-head";
const TOXICITY_HEAD: &str = "toxicity-head";

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The local models as files.
pub(super) struct ModelFiles {
    artifacts: Arc<ArtifactStore>,
    knowledge: KnowledgeFiles,
    registry: Arc<Registry>,
    agents: Vec<AgentId>,
    min_answerability: f32,
    pool: CpuPool,
    /// Where what the models find is remembered; in rehearsals alone.
    findings: Option<Arc<Findings>>,
}

/// The models that read a query and judge an answer, but for knowledge.
struct Heads {
    analyst: AnalystHeads,
    quality: QualityHeads,
    answerability: answerability::Head,
    toxicity: ToxicityHead,
}

/// Reads every agent's knowledge files, so that a wrong one is told before anything is fetched.
pub(super) fn check_knowledge(config: &Config, files: &OwnerFiles) -> anyhow::Result<()> {
    for agent in files.agents.keys() {
        let folder = config.infra.join("agents").join(agent.as_str()).join("knowledge");
        let sources = farthing_models::knowledge::source::read_files(&folder)?;
        farthing_models::knowledge::source::parse(&sources)?;
    }
    Ok(())
}

impl ModelFiles {
    /// The models as `config` and `files` name them; `remote` is the owner's model store.
    ///
    /// # Errors
    /// When the registry lacks the encoder.
    pub(super) fn new(
        config: &Config,
        files: &OwnerFiles,
        remote: Option<Arc<dyn ModelStore>>,
        progress: Arc<dyn Progress>,
    ) -> anyhow::Result<Self> {
        let artifacts = ArtifactStore::new(artifact_config(config)).with_progress(progress.clone());
        let artifacts = Arc::new(match &remote {
            Some(remote) => artifacts.with_remote(remote.clone()),
            None => artifacts,
        });
        // Every request that is admitted may wait for a core; each waits for two pieces at most, while entries are read.
        let pool = CpuPool::for_this_machine(2 * files.policy.limits.in_flight);
        let knowledge = KnowledgeFiles {
            agents: config.infra.join("agents"),
            indexes: config.models_folder().join("knowledge"),
            artifacts: artifacts.clone(),
            remote,
            learned: None,
            encoder: spec(&files.registry, ENCODER)?.clone(),
            pool: pool.clone(),
            progress,
        };
        Ok(Self {
            artifacts,
            knowledge,
            registry: Arc::new(files.registry.clone()),
            agents: files.agents.keys().cloned().collect(),
            // What weeks make of it is for each request to see; below this no version goes.
            min_answerability: files.policy.limits.min_answerability.min(files.policy.quality.rephrase),
            pool,
            findings: None,
        })
    }

    /// The models with what they find remembered in `findings`.
    pub(super) fn remembering(self, findings: Arc<Findings>) -> Self {
        Self { findings: Some(findings), ..self }
    }

    /// The models with agents' knowledge as paid answers added to it.
    pub(super) fn with_learned(mut self, learned: Arc<dyn LearnedKnowledge>) -> Self {
        self.knowledge.learned = Some(learned);
        self
    }

    /// The agents' knowledge as files.
    pub(super) fn into_knowledge(self) -> KnowledgeFiles {
        self.knowledge
    }

    /// What the owner's files name. The agents have the knowledge of their own files then.
    pub(super) fn own_release(&self) -> Release {
        Release { models: self.enabled().map(ReleasedModel::from).collect(), knowledge: Vec::new() }
    }

    /// The models behind the port of files, each with its self-test.
    pub(super) fn local_models(&self) -> anyhow::Result<Arc<dyn LocalModels>> {
        let generators = self.registry.models().iter().filter(|spec| spec.kind == ModelKind::Generator);
        let files = LocalModelFiles::new(self.registry.clone(), self.artifacts.clone(), self.pool.clone())
            .with_self_test(ModelId::parse(ENCODER)?, Box::new(encoder::self_test))
            .with_self_test(ModelId::parse(QUERY_HEADS)?, Box::new(query_heads_can_be_read))
            .with_self_test(ModelId::parse(TOXICITY_HEAD)?, Box::new(toxicity_head_can_be_read))
            .with_knowledge(self.knowledge.clone());
        let files =
            generators.fold(files, |files, spec| files.with_self_test(spec.id.clone(), Box::new(generator::self_test)));
        Ok(Arc::new(files))
    }

    /// Copies every file that the functions load to `store`, each verified. Gives the objects' keys.
    pub(super) async fn publish(&self, store: &dyn ModelStore) -> anyhow::Result<Vec<String>> {
        let boxed = |error: BoxError| anyhow::anyhow!(error);
        let mut keys = Vec::new();
        for spec in self.enabled() {
            let paths = self.artifacts.get_model(spec).await?;
            for (file, path) in ReleasedModel::from(spec).files.into_iter().zip(paths) {
                store.publish(&file.key, path).await?;
                keys.push(file.key);
            }
        }
        for agent in &self.agents {
            let published = self.knowledge.publish(agent, store).await.map_err(boxed);
            keys.extend(published.with_context(|| format!("the knowledge of `{agent}`"))?);
        }
        Ok(keys)
    }

    fn enabled(&self) -> impl Iterator<Item = &ModelSpec> {
        self.registry.models().iter().filter(|spec| spec.enabled && spec.api.is_none())
    }

    /// The models that the owner's files name, with `entries` as all that `agent` knows.
    pub(super) async fn load_knowing(&self, agent: AgentId, entries: Vec<Entry>) -> Result<LocalTier, BoxError> {
        self.try_load(&self.own_release(), Some((agent, entries))).await
    }

    /// Loads the release; `given` is the knowledge of the one agent that is asked, in place of all others'.
    async fn try_load(&self, release: &Release, given: Option<(AgentId, Vec<Entry>)>) -> Result<LocalTier, BoxError> {
        let begun = Instant::now();
        let family = async {
            let files = self.paths::<4>(release, ENCODER).await?;
            let fetched = begun.elapsed();
            Ok::<_, BoxError>((self.pool.run(move || Family::load(&files)).await??, fetched))
        };
        let ((family, fetched), heads, released) =
            tokio::try_join!(family, self.heads(release), self.released_knowledge(release))?;
        let mut encoders: [Arc<dyn Encoder>; 2] = [Arc::new(family.encoder), Arc::new(family.knowledge)];
        let mut reader: Arc<dyn PairReader> = Arc::new(family.pair);
        if let Some(findings) = &self.findings {
            (encoders, reader) = findings.of(encoders, reader);
        }
        let [encoder, knowing] = encoders;
        let encoded = begun.elapsed();
        let indexes = match given {
            None => self.with_own_knowledge(release, released, &knowing).await?,
            Some((agent, entries)) => {
                let knowing = knowing.clone();
                vec![(agent, self.pool.run(move || KnowledgeIndex::build(entries, knowing.as_ref())).await??)]
            }
        };
        let examiner = Arc::new(Examiner::new(encoder.clone(), heads.toxicity));
        let validator: Arc<dyn Validator> =
            Arc::new(HeadValidator::new(examiner.clone(), heads.quality, self.pool.clone()));
        let (rephraser, grounded): (Arc<dyn Rephraser>, Option<Arc<dyn GroundedAnswerer>>) =
            match self.generator(release).await? {
                Some((id, generator)) => {
                    let (validator, pool) = (validator.clone(), self.pool.clone());
                    let answerer = GeneratingAnswerer::new(id, generator.clone());
                    let rephraser = GeneratingRephraser::new(examiner, validator, generator, pool);
                    (Arc::new(rephraser), Some(Arc::new(answerer)))
                }
                None => (Arc::new(EditingRephraser::new(examiner, self.pool.clone())), None),
            };
        tracing::info!(
            startup.weights_ms = fetched.as_millis(),
            startup.encoder_ms = (encoded - fetched).as_millis(),
            startup.knowledge_ms = (begun.elapsed() - encoded).as_millis(),
            "the local models are loaded in {} ms",
            begun.elapsed().as_millis()
        );
        Ok(LocalTier {
            analyst: Arc::new(HeadAnalyst::new(encoder, heads.analyst, self.pool.clone())),
            matcher: Arc::new(PairMatcher::new(Arc::clone(&reader), self.pool.clone())),
            knowledge: Arc::new(KnowledgeAnswerer::new(
                indexes,
                heads.answerability,
                (knowing, reader),
                self.min_answerability,
                self.pool.clone(),
            )?),
            grounded,
            validator,
            rephraser,
        })
    }

    /// The first language model of the release, which is loaded when it is first asked.
    async fn generator(&self, release: &Release) -> Result<Option<(ModelId, Arc<dyn Generator>)>, BoxError> {
        let is_generator = |spec: &&ModelSpec| spec.kind == ModelKind::Generator && release.model(&spec.id).is_some();
        let Some(spec) = self.registry.models().iter().find(is_generator) else { return Ok(None) };
        let files = self.paths(release, spec.id.as_str()).await?;
        Ok(Some((spec.id.clone(), Arc::new(LocalGenerator::new(files, self.pool.clone())))))
    }

    async fn heads(&self, release: &Release) -> Result<Heads, BoxError> {
        let (query, toxicity) =
            tokio::try_join!(self.paths::<5>(release, QUERY_HEADS), self.paths::<2>(release, TOXICITY_HEAD))?;
        let [complexity, injection, answerability, quality, gain] = read(&query)?;
        let toxicity = toxicity_head(&toxicity)?;
        Ok(Heads {
            analyst: AnalystHeads::from_json(&complexity, &injection, toxicity.clone(), &gain)?,
            quality: QualityHeads::from_json(&quality)?,
            answerability: answerability::Head::from_json(&answerability)?,
            toxicity,
        })
    }

    async fn released_knowledge(&self, release: &Release) -> Result<Vec<(AgentId, KnowledgeIndex)>, BoxError> {
        // An agent that the owner has removed since is not loaded.
        let ours = release.knowledge.iter().filter(|knowledge| self.agents.contains(&knowledge.agent));
        let loaded = ours.map(|knowledge| async {
            Ok::<_, BoxError>((knowledge.agent.clone(), self.knowledge.released(knowledge).await?))
        });
        try_join_all(loaded).await
    }

    /// Adds the agents that the release does not know, with the knowledge of their own files.
    async fn with_own_knowledge(
        &self,
        release: &Release,
        mut indexes: Vec<(AgentId, KnowledgeIndex)>,
        encoder: &Arc<dyn Encoder>,
    ) -> Result<Vec<(AgentId, KnowledgeIndex)>, BoxError> {
        let is_our_encoder =
            release.model(&ModelId::parse(ENCODER)?) == Some(&ReleasedModel::from(&self.knowledge.encoder));
        for agent in self.agents.iter().filter(|agent| release.knowledge_of(agent).is_none()) {
            if is_our_encoder {
                indexes.push((agent.clone(), self.knowledge.own(agent, encoder.clone()).await?));
            } else {
                tracing::warn!(%agent, "`{agent}` is not in the release, whose encoder is another: it knows nothing");
            }
        }
        Ok(indexes)
    }

    /// The verified files of one model of the release.
    async fn paths<const N: usize>(&self, release: &Release, id: &str) -> Result<[PathBuf; N], BoxError> {
        let id = ModelId::parse(id)?;
        let model = release.model(&id).ok_or_else(|| format!("the release has no model `{id}`"))?;
        let known = self.registry.get(&id).filter(|spec| &ReleasedModel::from(*spec) == model);
        let paths = match known {
            // A model of the owner's own files can also be had where those say.
            Some(spec) => self.artifacts.get_model(spec).await?,
            None => try_join_all(model.files.iter().map(|file| self.artifacts.released(file))).await?,
        };
        let found = paths.len();
        paths.try_into().map_err(|_| format!("`{id}`: expected {N} files, found {found}").into())
    }
}

#[async_trait]
impl ReleaseLoader for ModelFiles {
    async fn load(&self, release: &Release) -> Result<LocalTier, ModelUnavailable> {
        let unavailable = |cause| ModelUnavailable { model: "local models".to_owned(), cause };
        self.try_load(release, None).await.map_err(unavailable)
    }
}

fn spec<'a>(registry: &'a Registry, id: &str) -> anyhow::Result<&'a ModelSpec> {
    let spec = registry.get(&ModelId::parse(id)?).filter(|spec| spec.enabled);
    spec.with_context(|| format!("models.toml: expected an enabled model `{id}`"))
}

pub(super) fn artifact_config(config: &Config) -> ArtifactConfig {
    ArtifactConfig {
        root: config.models_folder(),
        repository_root: config.infra.clone(),
        offline: config.offline,
        pythons: vec!["python3".into(), "python".into()],
    }
}

fn read<const N: usize>(paths: &[PathBuf]) -> Result<[Vec<u8>; N], BoxError> {
    let content = |path: &PathBuf| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    let contents = paths.iter().map(content).collect::<Result<Vec<_>, _>>()?;
    contents.try_into().map_err(|_| format!("expected {N} artifacts, found {}", paths.len()).into())
}

fn toxicity_head(paths: &[PathBuf]) -> Result<ToxicityHead, BoxError> {
    let [head, comments] = read(paths)?;
    Ok(ToxicityHead::from_files(&head, &comments)?)
}

fn query_heads_can_be_read(paths: &[PathBuf]) -> Result<(), BoxError> {
    let [complexity, injection, answerability, quality, gain] = read(paths)?;
    GainHeads::from_json(&gain)?;
    SoftmaxHead::from_json(&complexity, COMPLEXITY, &Tier::ALL.map(Tier::as_str))?;
    LogisticHead::from_json(&injection, SCREEN)?;
    QualityHeads::from_json(&quality)?;
    answerability::Head::from_json(&answerability)?;
    Ok(())
}

fn toxicity_head_can_be_read(paths: &[PathBuf]) -> Result<(), BoxError> {
    toxicity_head(paths)?;
    Ok(())
}
