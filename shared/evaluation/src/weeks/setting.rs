//! What a simulation needs of outside.

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use farthing_domain::policy::Policy;
use farthing_domain::ports::{Clock, LearnedKnowledge, PolicyVersions};
use farthing_domain::registry::Registry;
use farthing_domain::weekly::WeeklyReport;
use farthing_gateway::LocalTier;
use farthing_models::knowledge::source::Entry;

use crate::replay::Books;

/// Any error of outside.
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// What all runs of a simulation share.
#[async_trait]
pub trait Setting: Send + Sync {
    /// The local models, with `entries` as all that the agent knows.
    ///
    /// # Errors
    /// When a model cannot be loaded.
    async fn knowing(&self, entries: Vec<Entry>) -> Result<LocalTier, BoxError>;

    /// Fresh premises, whose time is `clock`'s.
    ///
    /// # Errors
    /// When a store cannot be made.
    async fn premises(&self, clock: Arc<dyn Clock>) -> Result<Box<dyn Premises>, BoxError>;
}

/// What one run has of its own.
#[async_trait]
pub trait Premises: Send + Sync {
    /// The stores. The ledger goes by the budget of `policy` and the prices of `registry` from now on.
    ///
    /// # Errors
    /// When the ledger cannot be reached.
    async fn books(&self, policy: &Policy, registry: &Registry) -> Result<Books, BoxError>;

    /// The versions of the policy that weekly runs make.
    fn versions(&self) -> Arc<dyn PolicyVersions>;

    /// What paid answers taught.
    fn learned(&self) -> Arc<dyn LearnedKnowledge>;

    /// Makes the weekly run that is due, under `policy`, and gives its report.
    ///
    /// # Errors
    /// When it was not made.
    async fn weekly(&self, policy: &Policy) -> Result<WeeklyReport, BoxError>;
}
