//! The port of an agent's knowledge over its index.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use farthing_domain::agent::BrandProfile;
use farthing_domain::ids::{AgentId, InvalidId, ModelId};
use farthing_domain::ports::{Analysis, KnowledgeBase, LocalAnswer, ModelUnavailable, Passage, Retrieval, Source};
use futures::future::try_join_all;

use super::answerability::{Head, features};
use super::index::KnowledgeIndex;
use super::reranking::{MOST_READ, ReadingError, Reranked};
use crate::cpu::CpuPool;
use crate::encoder::{Encoder, PairReader};

/// The name under which knowledge answers in its own words.
pub const MODEL: &str = "knowledge";

/// Answers from agents' knowledge, in its own words.
pub struct KnowledgeAnswerer {
    indexes: HashMap<AgentId, Arc<KnowledgeIndex>>,
    head: Arc<Head>,
    encoder: Arc<dyn Encoder>,
    reader: Arc<dyn PairReader>,
    model: ModelId,
    min_answerability: f32,
    pool: CpuPool,
}

impl KnowledgeAnswerer {
    /// Answers from `indexes` when `head` gives at least `min_answerability`. The encoder has to be the one that made
    /// the indexes; it and the reader run in `pool`. An agent without an index has no knowledge: nothing is found for it.
    ///
    /// # Errors
    /// [`InvalidId`] never in practice: the model's name is fixed and valid.
    pub fn new(
        indexes: impl IntoIterator<Item = (AgentId, KnowledgeIndex)>,
        head: Head,
        (encoder, reader): (Arc<dyn Encoder>, Arc<dyn PairReader>),
        min_answerability: f32,
        pool: CpuPool,
    ) -> Result<Self, InvalidId> {
        let indexes = indexes.into_iter().map(|(agent, index)| (agent, Arc::new(index))).collect();
        let (head, model) = (Arc::new(head), ModelId::parse(MODEL)?);
        Ok(Self { indexes, head, encoder, reader, model, min_answerability, pool })
    }

    async fn in_pool<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ModelUnavailable> {
        self.pool.run(work).await.map_err(|error| unavailable(error.into()))
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
        _: &Analysis,
        limit: usize,
    ) -> Result<Retrieval, ModelUnavailable> {
        let Some(index) = self.indexes.get(agent) else { return Ok(Retrieval::default()) };
        let found = {
            let (index, encoder, query) = (Arc::clone(index), Arc::clone(&self.encoder), query.to_owned());
            self.in_pool(move || Ok::<_, ReadingError>(index.candidates(&query, &encoder.embed(&query)?)?)).await?
        };
        let found = found.map_err(|error| unavailable(error.into()))?;
        let texts: Vec<String> =
            found.passages.iter().take(MOST_READ).map(|candidate| index.pair_text(candidate)).collect();
        // Two pieces of work, so that a second processor helps when it is free.
        let halves = texts.chunks(MOST_READ.div_ceil(2)).map(|texts| {
            let (reader, query, texts) = (Arc::clone(&self.reader), query.to_owned(), texts.to_vec());
            self.in_pool(move || texts.iter().map(|text| reader.read(&query, text)).collect::<Result<Vec<_>, _>>())
        });
        let read = try_join_all(halves).await?.into_iter().collect::<Result<Vec<_>, _>>();
        let read = read.map_err(|error| unavailable(error.into()))?.into_iter().flatten();
        let logits: Vec<f32> = read.map(|logits| logits.answers).collect();
        Ok(retrieval(index, &self.head, query, index.rerank(found, &logits), limit))
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

/// The `limit` best passages of `index`, and the probability that the first answers `query`. Synchronous CPU work.
///
/// # Errors
/// [`ReadingError`].
pub fn retrieve(
    index: &KnowledgeIndex,
    head: &Head,
    reader: &dyn PairReader,
    query: &str,
    embedding: &[f32],
    limit: usize,
) -> Result<Retrieval, ReadingError> {
    Ok(retrieval(index, head, query, index.read(reader, query, embedding)?, limit))
}

fn retrieval(index: &KnowledgeIndex, head: &Head, query: &str, read: Reranked, limit: usize) -> Retrieval {
    let answerability = features::measure(index, query, &read).map_or(0.0, |features| head.probability(&features));
    let passages = read.found.passages.iter().take(limit).filter_map(|candidate| {
        let entry = index.entries().get(candidate.entry)?;
        Some(Passage {
            id: entry.passage_id(candidate.part),
            title: entry.title.clone(),
            text: entry.passages.get(candidate.part)?.clone(),
            score: candidate.score,
        })
    });
    Retrieval { passages: passages.collect(), answerability }
}

fn unavailable(cause: Box<dyn std::error::Error + Send + Sync>) -> ModelUnavailable {
    ModelUnavailable { model: MODEL.to_owned(), cause }
}
