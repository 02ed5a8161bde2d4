//! The ports: what the gateway needs of the world, as traits with their guarantees.
//!
//! Each port that stores something has one conformance suite in `farthing-testkit`, which every
//! adapter runs.

use std::sync::Arc;

mod generation;
mod keys;
mod learned;
mod models;
mod providers;
mod stores;
mod versions;

pub use generation::{Finish, Generated, GenerationError, GenerationRequest, Generator, Heard, Sampling};
pub use keys::{ApiKeys, SecretSource, SecretText, SecretUnavailable};
pub use learned::{LearnedKnowledge, StateChange};
pub use models::{
    Analysis, Analyst, GroundedAnswerer, KnowledgeBase, LocalAnswer, LocalModels, ModelUnavailable, Passage,
    QuestionMatcher, Rephraser, Retrieval, RuleCheck, Source, Validation, Validator,
};
pub use providers::{Charge, Completion, CompletionRequest, PreparedCall, Provider, ProviderFailure};
pub use stores::{
    ActivationRefused, ActiveRelease, AnswerCache, CacheLookup, Fetched, Jobs, Ledger, LedgerAudit, ModelStore,
    OutcomeLog, Rated, Releases, SHARDS, StoreError, WeekArchive,
};
pub use versions::PolicyVersions;

use crate::ids::RequestId;
use crate::time::Timestamp;

/// The time.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// New names.
pub trait Ids: Send + Sync {
    /// A request id that no other invocation gets.
    fn request_id(&self) -> RequestId;
}
