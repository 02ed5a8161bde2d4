//! Local models of which a test wants nothing: no knowledge, no rephrasing, no rules, no cached answer.

use async_trait::async_trait;
use farthing_domain::agent::BrandProfile;
use farthing_domain::cache::CachedAnswer;
use farthing_domain::complexity::{ComplexityEstimate, Tier};
use farthing_domain::ids::AgentId;
use farthing_domain::ports::{
    Analysis, AnswerCache, CacheLookup, KnowledgeBase, LocalAnswer, ModelUnavailable, QuestionMatcher, Rephraser,
    Retrieval, RuleCheck, StoreError, Validation,
};
use farthing_domain::quality::{HardFail, Quality};
use farthing_domain::time::Timestamp;

/// Knows nothing, rephrases nothing and keeps nothing, so that every request has to be paid for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl Plain {
    /// The analysis of a harmless query of `tier`, beyond doubt.
    #[must_use]
    pub fn analysis(tier: Tier) -> Analysis {
        let complexity = ComplexityEstimate::new(Tier::ALL.map(|other| if other == tier { 1.0 } else { 0.0 }));
        Analysis {
            embedding: vec![1.0],
            complexity,
            injection: 0.0,
            toxicity: 0.0,
            gain: 0.2,
            can_be_checked: false,
            tokens: 3,
        }
    }

    /// A quality whose every part is `score`.
    #[must_use]
    pub const fn quality(score: f32) -> Quality {
        let (relevance, coherence, brand) = (score, score, score);
        Quality { score, relevance, coherence, groundedness: None, brand, toxicity: 0.0, hard_fail: None }
    }
}

#[async_trait]
impl KnowledgeBase for Plain {
    async fn retrieve(&self, _: &AgentId, _: &str, _: &Analysis, _: usize) -> Result<Retrieval, ModelUnavailable> {
        Ok(Retrieval::default())
    }

    fn answer(&self, _: &BrandProfile, _: &str, _: &Retrieval) -> Option<LocalAnswer> {
        None
    }

    fn version(&self, _: &AgentId) -> String {
        String::new()
    }
}

/// Takes similar questions for the same, so that the guards decide.
#[async_trait]
impl QuestionMatcher for Plain {
    async fn same(&self, _: &str, _: &str) -> Result<f32, ModelUnavailable> {
        Ok(1.0)
    }
}

impl RuleCheck for Plain {
    fn fault(&self, _: Validation<'_>) -> Option<HardFail> {
        None
    }
}

#[async_trait]
impl Rephraser for Plain {
    async fn rephrase(&self, _: Validation<'_>, _: &Quality) -> Result<Option<String>, ModelUnavailable> {
        Ok(None)
    }
}

#[async_trait]
impl AnswerCache for Plain {
    async fn look_up(
        &self,
        _: CacheLookup<'_>,
    ) -> Result<(Option<CachedAnswer>, Vec<(f32, CachedAnswer)>), StoreError> {
        Ok((None, Vec::new()))
    }

    async fn keep(&self, _: &AgentId, _: &CachedAnswer, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }
}
