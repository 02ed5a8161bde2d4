//! The port of an agent's knowledge over its index.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use farthing_domain::agent::BrandProfile;
use farthing_domain::ids::{AgentId, InvalidId, ModelId};
use farthing_domain::ports::{Analysis, KnowledgeBase, LocalAnswer, ModelUnavailable, Passage, Retrieval, Source};

use super::answerability::{Head, features};
use super::index::KnowledgeIndex;
use super::retrieval::WrongDimensions;
use crate::cpu::CpuPool;

/// The name under which knowledge answers.
const MODEL: &str = "knowledge";

/// Below this many passages a search takes less time than handing it to another thread.
const SMALL: usize = 2_000;

/// Answers from agents' knowledge, in its own words.
pub struct KnowledgeAnswerer {
    indexes: HashMap<AgentId, Arc<KnowledgeIndex>>,
    head: Arc<Head>,
    model: ModelId,
    min_answerability: f32,
    pool: CpuPool,
}

impl KnowledgeAnswerer {
    /// Answers from `indexes` when `head` gives at least `min_answerability`; large searches run
    /// in `pool`. An agent without an index has no knowledge: nothing is found for it.
    ///
    /// # Errors
    /// [`InvalidId`] never in practice: the model's name is fixed and valid.
    pub fn new(
        indexes: impl IntoIterator<Item = (AgentId, KnowledgeIndex)>,
        head: Head,
        min_answerability: f32,
        pool: CpuPool,
    ) -> Result<Self, InvalidId> {
        let indexes = indexes.into_iter().map(|(agent, index)| (agent, Arc::new(index))).collect();
        Ok(Self { indexes, head: Arc::new(head), model: ModelId::parse(MODEL)?, min_answerability, pool })
    }

    /// The index of `agent`.
    #[must_use]
    pub fn index(&self, agent: &AgentId) -> Option<&KnowledgeIndex> {
        self.indexes.get(agent).map(AsRef::as_ref)
    }
}

#[async_trait]
impl KnowledgeBase for KnowledgeAnswerer {
    async fn retrieve(
        &self,
        agent: &AgentId,
        query: &str,
        analysis: &Analysis,
        limit: usize,
    ) -> Result<Retrieval, ModelUnavailable> {
        let Some(index) = self.indexes.get(agent) else { return Ok(Retrieval::default()) };
        let found = if index.passage_count() < SMALL {
            retrieve(index, &self.head, query, &analysis.embedding, limit)
        } else {
            let (index, head) = (Arc::clone(index), Arc::clone(&self.head));
            let (query, embedding) = (query.to_owned(), analysis.embedding.clone());
            let work = move || retrieve(&index, &head, &query, &embedding, limit);
            self.pool.run(work).await.map_err(|error| unavailable(error.into()))?
        };
        found.map_err(|error| unavailable(error.into()))
    }

    fn answer(&self, brand: &BrandProfile, query: &str, retrieval: &Retrieval) -> Option<LocalAnswer> {
        let passage = retrieval.passages.first()?;
        if retrieval.answerability.is_nan() || retrieval.answerability < self.min_answerability {
            return None;
        }
        let parts: Vec<&str> = std::iter::once(passage.text.as_str()).chain(brand.disclaimers_for(query)).collect();
        Some(LocalAnswer {
            text: parts.join("\n\n"),
            model: self.model.clone(),
            sources: vec![Source { id: passage.id.clone(), title: passage.title.clone() }],
        })
    }

    fn version(&self, agent: &AgentId) -> String {
        self.indexes.get(agent).map_or_else(|| "none".to_owned(), |index| index.version())
    }
}

/// The `limit` best passages of `index`, and the probability that the first answers `query`.
///
/// # Errors
/// [`WrongDimensions`] when `embedding` was made by another encoder than the index.
pub fn retrieve(
    index: &KnowledgeIndex,
    head: &Head,
    query: &str,
    embedding: &[f32],
    limit: usize,
) -> Result<Retrieval, WrongDimensions> {
    let found = index.search(query, embedding, limit.max(1))?;
    let answerability = features::measure(index, query, &found).map_or(0.0, |features| head.probability(&features));
    let passages = found.passages.iter().take(limit).filter_map(|candidate| {
        let entry = index.entries().get(candidate.entry)?;
        Some(Passage {
            id: entry.passage_id(candidate.part),
            title: entry.title.clone(),
            text: entry.passages.get(candidate.part)?.clone(),
            score: candidate.score,
        })
    });
    Ok(Retrieval { passages: passages.collect(), answerability })
}

fn unavailable(cause: Box<dyn std::error::Error + Send + Sync>) -> ModelUnavailable {
    ModelUnavailable { model: MODEL.to_owned(), cause }
}
