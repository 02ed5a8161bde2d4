//! Knowledge that paid answers became.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use farthing_domain::ids::{AgentId, EntryId, RequestId};
use farthing_domain::knowledge::{EntryState, LearnedEntry};
use farthing_domain::outcome::QuantizedVector;
use farthing_domain::ports::{LearnedKnowledge, StateChange, StoreError};
use farthing_domain::time::Timestamp;
use futures::future::join_all;

/// Learned knowledge in memory.
#[derive(Debug, Default)]
pub struct OracleLearned(Mutex<BTreeMap<(AgentId, EntryId), LearnedEntry>>);

impl OracleLearned {
    fn entries_by_id(&self) -> MutexGuard<'_, BTreeMap<(AgentId, EntryId), LearnedEntry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl LearnedKnowledge for OracleLearned {
    async fn propose(&self, entry: &LearnedEntry) -> Result<(), StoreError> {
        let id = (entry.agent.clone(), entry.id.clone());
        self.entries_by_id().entry(id).or_insert_with(|| entry.clone());
        Ok(())
    }

    async fn entries(&self, agent: &AgentId) -> Result<Vec<LearnedEntry>, StoreError> {
        Ok(self.entries_by_id().values().filter(|entry| &entry.agent == agent).cloned().collect())
    }

    async fn set_state(
        &self,
        agent: &AgentId,
        id: &EntryId,
        from: EntryState,
        to: EntryState,
    ) -> Result<StateChange, StoreError> {
        let mut entries = self.entries_by_id();
        let Some(entry) = entries.get_mut(&(agent.clone(), id.clone())) else { return Ok(StateChange::Unknown) };
        if entry.state != from && entry.state != to {
            return Ok(StateChange::Otherwise(entry.state));
        }
        entry.state = to;
        Ok(StateChange::Done)
    }
}

/// Checks an empty store of learned knowledge.
///
/// # Panics
/// When it does not keep the port's guarantees.
pub async fn check_learned_knowledge(store: &dyn LearnedKnowledge) {
    let (first, second) = (entry("rprd", "b-second"), entry("rprd", "a-first"));
    let other = entry("bank", "b-second");
    assert_eq!(entries(store, "rprd").await, []);
    assert_eq!(set(store, &first, EntryState::Proposed, EntryState::Accepted).await, StateChange::Unknown);
    assert_eq!(entries(store, "rprd").await, [], "what is not there is not made by changing it");

    for proposed in [&first, &second, &other] {
        propose(store, proposed).await;
    }
    assert_eq!(
        entries(store, "rprd").await,
        [second.clone(), first.clone()],
        "as they were, in the order of their ids"
    );
    assert_eq!(entries(store, "bank").await, std::slice::from_ref(&other), "agents are told apart");

    // An id has one entry, whatever becomes of it.
    let again = LearnedEntry { answer: "Another answer.".to_owned(), state: EntryState::Accepted, ..first.clone() };
    propose(store, &again).await;
    assert_eq!(entries(store, "rprd").await, [second.clone(), first.clone()]);

    // A state changes from the one that was said, and alone.
    assert_eq!(set(store, &first, EntryState::Accepted, EntryState::Withdrawn).await, otherwise(EntryState::Proposed));
    for _ in 0..2 {
        assert_eq!(set(store, &first, EntryState::Proposed, EntryState::Accepted).await, StateChange::Done);
        let accepted = LearnedEntry { state: EntryState::Accepted, ..first.clone() };
        assert_eq!(entries(store, "rprd").await, [second.clone(), accepted]);
    }
    assert_eq!(set(store, &first, EntryState::Proposed, EntryState::Rejected).await, otherwise(EntryState::Accepted));
    assert_eq!(withdrawn(store, "rprd").await, Vec::<String>::new());
    assert_eq!(set(store, &first, EntryState::Accepted, EntryState::Withdrawn).await, StateChange::Done);
    propose(store, &first).await;
    assert_eq!(withdrawn(store, "rprd").await, ["learned#b-second"], "what is withdrawn does not come back");
    assert_eq!(entries(store, "bank").await, [other]);

    // Of many that decide on one, those who want the same win.
    let wishes: Vec<_> = (0..8).map(|at| [EntryState::Accepted, EntryState::Rejected][at % 2]).collect();
    let decided = join_all(wishes.iter().map(|to| set(store, &second, EntryState::Proposed, *to))).await;
    let state = entries(store, "rprd").await[0].state;
    for (to, found) in wishes.iter().zip(&decided) {
        let expected = if *to == state { StateChange::Done } else { otherwise(state) };
        assert_eq!(*found, expected, "{decided:?}");
    }

    // Of many with one id, one is kept.
    let rivals: Vec<_> = (0..8).map(|at| LearnedEntry { questions: at, ..entry("rprd", "c-third") }).collect();
    join_all(rivals.iter().map(|rival| propose(store, rival))).await;
    assert!(rivals.contains(&entries(store, "rprd").await[2]));

    // More than a page.
    let many: Vec<_> = (0..120).map(|at| entry("school", &format!("entry-{at:04}"))).collect();
    for proposed in &many {
        propose(store, proposed).await;
    }
    assert!(entries(store, "school").await == many, "all are read");
}

/// A proposed entry of `agent`, of about 5 kilobytes.
///
/// # Panics
/// When a name is none.
#[must_use]
pub fn entry(agent: &str, id: &str) -> LearnedEntry {
    let request = |number: u32| RequestId::parse(&format!("{number:026}")).unwrap_or_else(|error| panic!("{error}"));
    LearnedEntry {
        id: EntryId::parse(id).unwrap_or_else(|error| panic!("{error}")),
        agent: AgentId::parse(agent).unwrap_or_else(|error| panic!("{error}")),
        question: "What does “é” cost?".to_owned(),
        also: vec!["How much is it?".to_owned(), "The price?".to_owned()],
        answer: "It is free. ".repeat(160),
        sources: (0..64).map(request).collect(),
        questions: 41,
        saves_usd_a_month: 0.1 + 0.2,
        week: Timestamp::from_millis(1_796_080_500_000).week(),
        topic: QuantizedVector::of(&[0.3, -0.7, 0.1]),
        state: EntryState::Proposed,
    }
}

const fn otherwise(state: EntryState) -> StateChange {
    StateChange::Otherwise(state)
}

fn agent(name: &str) -> AgentId {
    AgentId::parse(name).unwrap_or_else(|error| panic!("{error}"))
}

async fn entries(store: &dyn LearnedKnowledge, name: &str) -> Vec<LearnedEntry> {
    store.entries(&agent(name)).await.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause))
}

async fn withdrawn(store: &dyn LearnedKnowledge, name: &str) -> Vec<String> {
    store.withdrawn(&agent(name)).await.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause))
}

async fn propose(store: &dyn LearnedKnowledge, entry: &LearnedEntry) {
    store.propose(entry).await.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause));
}

async fn set(store: &dyn LearnedKnowledge, entry: &LearnedEntry, from: EntryState, to: EntryState) -> StateChange {
    let set = store.set_state(&entry.agent, &entry.id, from, to).await;
    set.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oracle_keeps_its_own_rules() {
        check_learned_knowledge(&OracleLearned::default()).await;
    }
}
