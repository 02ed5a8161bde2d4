//! Local models whose findings are remembered: every stage asks the same, and is told the same.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use farthing_domain::agent::BrandProfile;
use farthing_domain::ids::AgentId;
use farthing_domain::ports::{
    Analysis, Analyst, KnowledgeBase, LocalAnswer, ModelUnavailable, Retrieval, Validation, Validator,
};
use farthing_domain::quality::Quality;
use farthing_gateway::LocalTier;

struct Memo<K, V>(Mutex<HashMap<K, V>>);

impl<K: Eq + Hash, V: Clone> Memo<K, V> {
    fn empty() -> Self {
        Self(Mutex::default())
    }

    async fn or(&self, key: K, find: impl Future<Output = Result<V, ModelUnavailable>>) -> Result<V, ModelUnavailable> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let found = find.await?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, found.clone());
        Ok(found)
    }
}

struct Remembered<P: ?Sized, K, V> {
    port: Arc<P>,
    memo: Memo<K, V>,
}

fn remembered<P: ?Sized, K: Eq + Hash, V: Clone>(port: Arc<P>) -> Arc<Remembered<P, K, V>> {
    Arc::new(Remembered { port, memo: Memo::empty() })
}

/// What a validation depends on.
type Judged = (String, String, String, bool, Vec<String>);

/// `tier` with its findings remembered.
pub(super) fn remembering(tier: LocalTier) -> LocalTier {
    LocalTier {
        analyst: remembered::<_, String, Analysis>(tier.analyst),
        matcher: tier.matcher,
        knowledge: remembered::<_, (AgentId, String, usize), Retrieval>(tier.knowledge),
        grounded: tier.grounded,
        validator: remembered::<_, Judged, Quality>(tier.validator),
        rephraser: tier.rephraser,
    }
}

#[async_trait]
impl Analyst for Remembered<dyn Analyst, String, Analysis> {
    async fn analyse(&self, query: &str) -> Result<Analysis, ModelUnavailable> {
        self.memo.or(query.to_owned(), self.port.analyse(query)).await
    }

    async fn gain_after(
        &self,
        analysis: &Analysis,
        query: &str,
        answer: &str,
    ) -> Result<Option<f32>, ModelUnavailable> {
        self.port.gain_after(analysis, query, answer).await
    }

    fn count_tokens(&self, text: &str) -> u64 {
        self.port.count_tokens(text)
    }
}

#[async_trait]
impl KnowledgeBase for Remembered<dyn KnowledgeBase, (AgentId, String, usize), Retrieval> {
    async fn retrieve(
        &self,
        agent: &AgentId,
        query: &str,
        analysis: &Analysis,
        limit: usize,
    ) -> Result<Retrieval, ModelUnavailable> {
        let key = (agent.clone(), query.to_owned(), limit);
        self.memo.or(key, self.port.retrieve(agent, query, analysis, limit)).await
    }

    fn answer(&self, brand: &BrandProfile, query: &str, retrieval: &Retrieval) -> Option<LocalAnswer> {
        self.port.answer(brand, query, retrieval)
    }

    fn version(&self, agent: &AgentId) -> String {
        self.port.version(agent)
    }
}

#[async_trait]
impl Validator for Remembered<dyn Validator, Judged, Quality> {
    async fn validate(&self, validation: Validation<'_>) -> Result<Quality, ModelUnavailable> {
        let key = (
            validation.query.to_owned(),
            validation.answer.to_owned(),
            validation.system_prompt.to_owned(),
            validation.must_be_grounded,
            validation.passages.iter().map(|passage| passage.id.clone()).collect(),
        );
        self.memo.or(key, self.port.validate(validation)).await
    }
}
