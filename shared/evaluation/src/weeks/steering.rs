//! What a week changes for the next one: the one place where learning reaches a run.
//!
//! Whoever has a store of policies or learned knowledge to follow implements [`Steering`] over it, and nothing else changes.

use async_trait::async_trait;
use farthing_domain::policy::Policy;
use farthing_domain::weekly::WeeklyReport;
use farthing_models::knowledge::source::Entry;

use super::setting::{BoxError, Premises};

/// What a run goes by.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The policy in force. Its version counts up with every change.
    pub policy: Policy,
    /// All that the agent knows.
    pub knowledge: Vec<Entry>,
}

/// What a week changes for the next one.
#[async_trait]
pub trait Steering: Send {
    /// What the next week goes by, after one that went by `standing` and came to `report`. `premises` are the run's own.
    ///
    /// # Errors
    /// When it cannot be told.
    async fn after(
        &mut self,
        premises: &dyn Premises,
        standing: Standing,
        report: &WeeklyReport,
    ) -> Result<Standing, BoxError>;
}

/// Does what the weekly report says about the rollout. Knowledge stays as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Learning;

/// Changes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Held;

#[async_trait]
impl Steering for Learning {
    async fn after(
        &mut self,
        _: &dyn Premises,
        mut standing: Standing,
        report: &WeeklyReport,
    ) -> Result<Standing, BoxError> {
        let policy = &mut standing.policy;
        if policy.rollout.stage != report.rollout.stage {
            policy.rollout.stage = report.rollout.stage;
            policy.version += 1;
        }
        Ok(standing)
    }
}

#[async_trait]
impl Steering for Held {
    async fn after(&mut self, _: &dyn Premises, standing: Standing, _: &WeeklyReport) -> Result<Standing, BoxError> {
        Ok(standing)
    }
}
