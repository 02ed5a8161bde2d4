//! The port of learned knowledge.

use async_trait::async_trait;

use super::stores::StoreError;
use crate::ids::{AgentId, EntryId};
use crate::knowledge::{EntryState, LearnedEntry};

/// What came of changing an entry's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateChange {
    /// It is in the state that was asked for.
    Done,
    /// It was in another state than was said, and still is.
    Otherwise(EntryState),
    /// The agent has no such entry.
    Unknown,
}

/// The entries that paid answers proposed, whatever became of them.
///
/// Guarantees, under any concurrency, duplicate or lost reply:
/// - an id of an agent has one entry for ever, the first that was proposed, and is never proposed again;
/// - an entry's state changes only from the state that was said;
/// - an entry that cannot be read is left out, and hinders no other.
#[async_trait]
pub trait LearnedKnowledge: Send + Sync {
    /// Keeps a new entry. It changes nothing where the agent has one with that id, whatever became of that.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn propose(&self, entry: &LearnedEntry) -> Result<(), StoreError>;

    /// The agent's entries, in every state, in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn entries(&self, agent: &AgentId) -> Result<Vec<LearnedEntry>, StoreError>;

    /// Brings an entry from the state `from` into the state `to`. An entry that is in `to` already stays as it is.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn set_state(
        &self,
        agent: &AgentId,
        id: &EntryId,
        from: EntryState,
        to: EntryState,
    ) -> Result<StateChange, StoreError>;

    /// The passages, such as `learned#<id>`, of the agent's entries that were withdrawn: an index that still has one must not
    /// answer from it.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn withdrawn(&self, agent: &AgentId) -> Result<Vec<String>, StoreError> {
        let entries = self.entries(agent).await?;
        let withdrawn = entries.iter().filter(|entry| entry.state == EntryState::Withdrawn);
        Ok(withdrawn.map(LearnedEntry::passage).collect())
    }
}
