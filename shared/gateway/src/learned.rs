//! The owner's word on knowledge that paid answers became.

use std::sync::Arc;

use farthing_domain::ids::{AgentId, EntryId};
use farthing_domain::knowledge::{EntryState, LearnedEntry};
use farthing_domain::ports::{LearnedKnowledge, StateChange, StoreError};

/// The most ids that a refusal tells.
const TOLD: usize = 10;

/// Lists learned entries, and accepts, rejects and withdraws them.
pub struct LearnedAdmin {
    /// The entries.
    pub learned: Arc<dyn LearnedKnowledge>,
    /// The owner's agents.
    pub agents: Vec<AgentId>,
}

/// Why nothing, or no more, was changed.
#[derive(Debug, thiserror::Error)]
pub enum LearnedRefused {
    /// There is no such agent.
    #[error("there is no agent `{agent}`; there are: {there}")]
    UnknownAgent {
        /// The one that was named.
        agent: AgentId,
        /// Those that there are.
        there: String,
    },
    /// There is no such entry.
    #[error("there is no learned entry `{id}`; there are: {there}")]
    UnknownEntry {
        /// The one that was named.
        id: EntryId,
        /// Those that might have been meant.
        there: String,
    },
    /// An entry in that state cannot come into the other one.
    #[error("`{id}` is {}, and cannot become {}", state.as_str(), to.as_str())]
    Otherwise {
        /// Which entry.
        id: EntryId,
        /// Its state.
        state: EntryState,
        /// The state that was asked for.
        to: EntryState,
    },
    /// The store cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl LearnedAdmin {
    /// The entries of all agents, or of the one that is named, in every state.
    ///
    /// # Errors
    /// [`LearnedRefused`] when there is no such agent, or the store cannot be reached.
    pub async fn entries(&self, agent: Option<&AgentId>) -> Result<Vec<LearnedEntry>, LearnedRefused> {
        if let Some(agent) = agent.filter(|agent| !self.agents.contains(agent)) {
            let there = list(self.agents.iter().map(AgentId::as_str));
            return Err(LearnedRefused::UnknownAgent { agent: agent.clone(), there });
        }
        let mut entries = Vec::new();
        for known in self.agents.iter().filter(|known| agent.is_none_or(|agent| agent == *known)) {
            entries.extend(self.learned.entries(known).await?);
        }
        Ok(entries)
    }

    /// Brings the entries `ids`, of the agent that is named or of any, into the state `to`, and gives them. Nothing is
    /// changed unless there are all of them and each may come into that state; one that is in it already stays.
    ///
    /// # Errors
    /// [`LearnedRefused`].
    pub async fn change(
        &self,
        ids: &[EntryId],
        agent: Option<&AgentId>,
        to: EntryState,
    ) -> Result<Vec<LearnedEntry>, LearnedRefused> {
        let entries = self.entries(agent).await?;
        let mut wanted = Vec::new();
        for id in ids {
            let Some(entry) = entries.iter().find(|entry| &entry.id == id) else {
                let there = entries.iter().filter(|entry| entry.state.may_become(to));
                return Err(LearnedRefused::UnknownEntry {
                    id: id.clone(),
                    there: list(there.map(|entry| entry.id.as_str())),
                });
            };
            if entry.state != to && !entry.state.may_become(to) {
                return Err(LearnedRefused::Otherwise { id: id.clone(), state: entry.state, to });
            }
            wanted.push(entry);
        }
        for entry in wanted.iter().filter(|entry| entry.state != to) {
            let id = entry.id.clone();
            match self.learned.set_state(&entry.agent, &id, entry.state, to).await? {
                StateChange::Done => {}
                // Somebody else was quicker.
                StateChange::Otherwise(state) => return Err(LearnedRefused::Otherwise { id, state, to }),
                StateChange::Unknown => return Err(LearnedRefused::UnknownEntry { id, there: list([]) }),
            }
        }
        Ok(wanted.into_iter().map(|entry| LearnedEntry { state: to, ..entry.clone() }).collect())
    }
}

/// The names, as far as they are not too many.
fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    match names.len() {
        0 => "none".to_owned(),
        all if all > TOLD => format!("{} and {} more", names[..TOLD].join(", "), all - TOLD),
        _ => names.join(", "),
    }
}
