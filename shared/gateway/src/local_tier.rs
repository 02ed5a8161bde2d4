//! The local models as one request uses them.

use std::sync::Arc;

use farthing_domain::ports::{Analyst, GroundedAnswerer, KnowledgeBase, QuestionMatcher, Rephraser, Validator};

/// The local models of one release, each behind its port.
#[derive(Clone)]
pub struct LocalTier {
    /// Classifies and screens.
    pub analyst: Arc<dyn Analyst>,
    /// Compares a query with earlier ones.
    pub matcher: Arc<dyn QuestionMatcher>,
    /// Retrieves and answers from knowledge.
    pub knowledge: Arc<dyn KnowledgeBase>,
    /// Answers from passages in words of its own, if there is a language model.
    pub grounded: Option<Arc<dyn GroundedAnswerer>>,
    /// Judges answers.
    pub validator: Arc<dyn Validator>,
    /// Rewrites middling ones.
    pub rephraser: Arc<dyn Rephraser>,
}

/// Where requests have their local models from.
pub trait LocalTierSource: Send + Sync {
    /// The models that are loaded now; `None` while none could be.
    fn current(&self) -> Option<LocalTier>;
}

impl LocalTierSource for LocalTier {
    fn current(&self) -> Option<LocalTier> {
        Some(self.clone())
    }
}
