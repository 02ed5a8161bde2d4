//! Local models whose findings are remembered: every stage asks the same, and is told the same.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use farthing_domain::agent::BrandProfile;
use farthing_domain::ids::AgentId;
use farthing_domain::ports::{
    Analysis, Analyst, KnowledgeBase, LocalAnswer, ModelUnavailable, Rephraser, Retrieval, Validation, Validator,
};
use farthing_domain::quality::Quality;
use farthing_gateway::LocalTier;

struct Memo<K, V>(Mutex<HashMap<K, V>>);

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Memo<K, V> {
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
    memo: Arc<Memo<K, V>>,
}

/// What a retrieval depends on: the version of the knowledge first.
type Sought = (String, AgentId, String, usize);
/// What a validation depends on.
type Judged = (String, String, String, bool, Option<u32>, Vec<String>);
/// What the gain that is left after an answer depends on.
type Read = (String, String);

/// What a rewording depends on, beside a score that depends on the same.
type Reworded = (String, String, bool, Vec<String>);

/// What was found. Several tiers may share it, of which only the knowledge differs.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    analyses: Arc<Memo<String, Analysis>>,
    gains: Arc<Memo<Read, Option<f32>>>,
    retrievals: Arc<Memo<Sought, Retrieval>>,
    judgements: Arc<Memo<Judged, Quality>>,
    rewordings: Arc<Memo<Reworded, Option<String>>>,
    lengths: Arc<Mutex<HashMap<String, u64>>>,
}

impl Memory {
    /// `tier` with its findings remembered here.
    pub(crate) fn remembering(&self, tier: LocalTier) -> LocalTier {
        let analyst = RememberingAnalyst {
            port: tier.analyst,
            analyses: Arc::clone(&self.analyses),
            gains: Arc::clone(&self.gains),
            lengths: Arc::clone(&self.lengths),
        };
        LocalTier {
            analyst: Arc::new(analyst),
            matcher: tier.matcher,
            knowledge: Arc::new(Remembered { port: tier.knowledge, memo: Arc::clone(&self.retrievals) }),
            grounded: tier.grounded,
            validator: Arc::new(Remembered { port: tier.validator, memo: Arc::clone(&self.judgements) }),
            rephraser: Arc::new(Remembered { port: tier.rephraser, memo: Arc::clone(&self.rewordings) }),
        }
    }
}

struct RememberingAnalyst {
    port: Arc<dyn Analyst>,
    analyses: Arc<Memo<String, Analysis>>,
    gains: Arc<Memo<Read, Option<f32>>>,
    lengths: Arc<Mutex<HashMap<String, u64>>>,
}

#[async_trait]
impl Analyst for RememberingAnalyst {
    async fn analyse(&self, query: &str) -> Result<Analysis, ModelUnavailable> {
        self.analyses.or(query.to_owned(), self.port.analyse(query)).await
    }

    async fn gain_after(
        &self,
        analysis: &Analysis,
        query: &str,
        answer: &str,
    ) -> Result<Option<f32>, ModelUnavailable> {
        let key = (query.to_owned(), answer.to_owned());
        self.gains.or(key, self.port.gain_after(analysis, query, answer)).await
    }

    fn count_tokens(&self, text: &str) -> u64 {
        let known = self.lengths.lock().unwrap_or_else(PoisonError::into_inner).get(text).copied();
        known.unwrap_or_else(|| {
            let length = self.port.count_tokens(text);
            self.lengths.lock().unwrap_or_else(PoisonError::into_inner).insert(text.to_owned(), length);
            length
        })
    }
}

#[async_trait]
impl KnowledgeBase for Remembered<dyn KnowledgeBase, Sought, Retrieval> {
    async fn retrieve(
        &self,
        agent: &AgentId,
        query: &str,
        analysis: &Analysis,
        limit: usize,
    ) -> Result<Retrieval, ModelUnavailable> {
        let key = (self.port.version(agent), agent.clone(), query.to_owned(), limit);
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
            validation.answerability.map(f32::to_bits),
            validation.passages.iter().map(|passage| passage.id.clone()).collect(),
        );
        self.memo.or(key, self.port.validate(validation)).await
    }
}

#[async_trait]
impl Rephraser for Remembered<dyn Rephraser, Reworded, Option<String>> {
    async fn rephrase(
        &self,
        validation: Validation<'_>,
        quality: &Quality,
    ) -> Result<Option<String>, ModelUnavailable> {
        let key = (
            validation.query.to_owned(),
            validation.answer.to_owned(),
            validation.must_be_grounded,
            validation.passages.iter().map(|passage| passage.id.clone()).collect(),
        );
        self.memo.or(key, self.port.rephrase(validation, quality)).await
    }
}
