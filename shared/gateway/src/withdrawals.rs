//! Learned knowledge that was withdrawn: it answers nothing more, also where an index that was loaded before still has it.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use farthing_domain::ids::AgentId;
use farthing_domain::ports::{Clock, LearnedKnowledge, Retrieval};
use farthing_domain::time::Pause;
use sha2::{Digest as _, Sha256};

/// How often it is looked what was withdrawn. A look reads all of an agent's learned entries.
const LOOK_EVERY: Duration = Duration::from_secs(300);
/// How long that may take. Requests go on with what was known before.
const PATIENCE: Duration = Duration::from_secs(1);

/// Names of withdrawn passages.
pub(crate) type Withdrawn = Arc<BTreeSet<String>>;

/// What was withdrawn, by agent, as this process knows it.
pub(crate) struct Withdrawals {
    learned: Option<Arc<dyn LearnedKnowledge>>,
    clock: Arc<dyn Clock>,
    known: Mutex<BTreeMap<AgentId, (Pause, Withdrawn)>>,
}

impl Withdrawals {
    pub(crate) fn new(learned: Option<Arc<dyn LearnedKnowledge>>, clock: Arc<dyn Clock>) -> Self {
        Self { learned, clock, known: Mutex::default() }
    }

    /// The agent's withdrawn passages.
    pub(crate) async fn of(&self, agent: &AgentId) -> Withdrawn {
        let Some(learned) = &self.learned else { return Withdrawn::default() };
        let known = match self.known(agent) {
            Ok(known) => return known,
            Err(known) => known,
        };
        match tokio::time::timeout(PATIENCE, learned.withdrawn(agent)).await {
            Ok(Ok(names)) => {
                let found = Withdrawn::new(names.into_iter().collect());
                if let Some((_, kept)) = self.lock().get_mut(agent) {
                    kept.clone_from(&found);
                }
                return found;
            }
            Ok(Err(error)) => tracing::warn!(error = &error as &dyn Error, "learned.withdrawn failed"),
            Err(_) => tracing::warn!("learned.withdrawn takes too long"),
        }
        known
    }

    /// What is known, or, when a look is due and taken to be made, what was known before it.
    fn known(&self, agent: &AgentId) -> Result<Withdrawn, Withdrawn> {
        let now = self.clock.now();
        let mut all = self.lock();
        match all.get_mut(agent) {
            Some((pause, known)) if pause.lasts(now) => Ok(known.clone()),
            Some((pause, known)) => {
                *pause = Pause::new(now, LOOK_EVERY);
                Err(known.clone())
            }
            None => {
                all.insert(agent.clone(), (Pause::new(now, LOOK_EVERY), Withdrawn::default()));
                Err(Withdrawn::default())
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<AgentId, (Pause, Withdrawn)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `retrieval` without what was withdrawn. How probable it is that the first passage answers is known of that one alone.
pub(crate) fn without(mut retrieval: Retrieval, withdrawn: &BTreeSet<String>) -> Retrieval {
    let is_withdrawn = |id: &str| withdrawn.iter().any(|name| is_passage_of(id, name));
    if retrieval.passages.first().is_some_and(|first| is_withdrawn(&first.id)) {
        retrieval.answerability = 0.0;
    }
    retrieval.passages.retain(|passage| !is_withdrawn(&passage.id));
    retrieval
}

/// Whether the passage `id` is of the entry `name`: the entry itself, or a later part of its answer (`name-2`).
fn is_passage_of(id: &str, name: &str) -> bool {
    let rest = id.strip_prefix(name);
    rest.is_some_and(|rest| {
        rest.is_empty() || rest.strip_prefix('-').is_some_and(|number| number.parse::<u32>().is_ok())
    })
}

/// The version of an agent's knowledge without what was withdrawn.
pub(crate) fn version_without(version: String, withdrawn: &BTreeSet<String>) -> String {
    if withdrawn.is_empty() {
        return version;
    }
    let names: Vec<&str> = withdrawn.iter().map(String::as_str).collect();
    let gone = farthing_domain::hex::hex(&Sha256::digest(names.join("\n"))[..8]);
    format!("{version}-{gone}")
}

#[cfg(test)]
mod tests {
    use farthing_domain::ports::Passage;

    use super::*;

    fn passage(id: &str) -> Passage {
        Passage { id: id.to_owned(), title: String::new(), text: String::new(), score: 0.9 }
    }

    #[test]
    fn what_was_withdrawn_answers_nothing() {
        let withdrawn = BTreeSet::from(["learned#a1".to_owned()]);
        let of = |ids: [&str; 3]| Retrieval { passages: ids.map(passage).to_vec(), answerability: 0.9 };
        let left = without(of(["learned#a1", "learned#a1-2", "learned#a11"]), &withdrawn);
        let ids: Vec<&str> = left.passages.iter().map(|passage| passage.id.as_str()).collect();
        assert_eq!((ids, left.answerability), (vec!["learned#a11"], 0.0));
        let left = without(of(["faq#a", "learned#a1", "learned#a1-x"]), &withdrawn);
        assert_eq!((left.passages.len(), left.answerability), (2, 0.9), "what is known of the first one holds");
    }

    #[test]
    fn answers_that_were_kept_before_a_withdrawal_are_of_another_version() {
        let none = BTreeSet::new();
        let some = BTreeSet::from(["learned#a1".to_owned()]);
        assert_eq!(version_without("v".to_owned(), &none), "v");
        assert_ne!(version_without("v".to_owned(), &some), "v");
    }
}
