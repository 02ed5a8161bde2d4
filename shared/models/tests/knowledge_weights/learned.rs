//! What paid answers became, indexed beside the owner's files, on the encoder's real weights.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use farthing_domain::ids::{AgentId, EntryId};
use farthing_domain::knowledge::{EntryState, LearnedEntry};
use farthing_domain::outcome::QuantizedVector;
use farthing_domain::ports::{LearnedKnowledge, StateChange, StoreError};
use farthing_domain::release::ReleasedFile;
use farthing_domain::time::Week;
use farthing_models::knowledge::KnowledgeFiles;

use crate::common;
use crate::published::{Place, bikes};

/// Entries that a test sets; none while the store is down.
struct Learned(Mutex<Option<Vec<LearnedEntry>>>);

#[async_trait]
impl LearnedKnowledge for Learned {
    async fn propose(&self, _: &LearnedEntry) -> Result<(), StoreError> {
        Ok(())
    }

    async fn entries(&self, _: &AgentId) -> Result<Vec<LearnedEntry>, StoreError> {
        let entries = self.0.lock().unwrap().clone();
        entries.ok_or_else(|| StoreError { store: "learned knowledge", cause: "as the test says".into() })
    }

    async fn set_state(
        &self,
        _: &AgentId,
        _: &EntryId,
        _: EntryState,
        _: EntryState,
    ) -> Result<StateChange, StoreError> {
        Ok(StateChange::Unknown)
    }
}

impl Learned {
    fn of(entries: &[LearnedEntry]) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(entries.to_vec()))))
    }

    fn set(&self, entries: &[LearnedEntry]) {
        *self.0.lock().unwrap() = Some(entries.to_vec());
    }

    fn knowing(self: &Arc<Self>, files: KnowledgeFiles) -> KnowledgeFiles {
        KnowledgeFiles { learned: Some(self.clone()), ..files }
    }
}

fn entry(id: &str, question: &str, state: EntryState) -> LearnedEntry {
    LearnedEntry {
        id: EntryId::parse(id).unwrap(),
        agent: bikes(),
        question: question.to_owned(),
        also: vec![format!("{question} Please")],
        answer: format!("The answer to {id}."),
        sources: Vec::new(),
        questions: 9,
        saves_usd_a_month: 0.1,
        week: Week::parse("2026-W48").unwrap(),
        topic: QuantizedVector::of(&[1.0]),
        state,
    }
}

fn accepted(id: &str, question: &str) -> LearnedEntry {
    entry(id, question, EntryState::Accepted)
}

/// The ids of the entries that the machine's release has, and its version.
async fn indexed(files: &KnowledgeFiles) -> (Vec<String>, String) {
    let released = files.prepare(&bikes()).await.unwrap();
    let index = if files.remote.is_some() {
        files.released(&released).await.unwrap()
    } else {
        let index = files.own(&bikes(), Arc::new(Unneeded)).await.unwrap();
        assert!(released.version.starts_with(&index.version()), "a laptop's own index is the released one");
        index
    };
    (index.entries().iter().map(|entry| entry.id.clone()).collect(), released.version)
}

/// An encoder that is not asked: the index was built before.
struct Unneeded;

impl farthing_models::encoder::Encoder for Unneeded {
    fn embed(&self, _: &str) -> Result<Vec<f32>, farthing_models::encoder::EncoderError> {
        panic!("an index was built anew")
    }

    fn count_tokens(&self, _: &str) -> usize {
        0
    }
}

const OWN: &str = "rental#what-does-a-bike-cost";

#[tokio::test]
async fn accepted_entries_are_indexed_and_the_version_tells() {
    let place = Place::new();
    let learned = Learned::of(&[]);
    let files = learned.knowing(place.owner());
    let (plain, without) = indexed(&files).await;
    assert_eq!(plain, [OWN]);
    assert_eq!(without, indexed(&place.owner()).await.1, "nothing learned changes nothing");

    let helmets = accepted("helmets", "Do you rent helmets?");
    let waiting = [EntryState::Proposed, EntryState::Rejected]
        .map(|state| entry(state.as_str(), &format!("Is it {}?", state.as_str()), state));
    learned.set(&[&waiting[..], std::slice::from_ref(&helmets)].concat());
    let (ids, with) = indexed(&files).await;
    assert_eq!(ids, ["learned#helmets", OWN]);
    assert_ne!(with, without);
    assert_eq!(indexed(&place.owner()).await, (plain, without.clone()), "beside it the owner's own index stays");
    assert_eq!(indexed(&files).await.1, with);

    // What was cached before it was accepted may be what it was made of.
    learned.set(&[LearnedEntry { state: EntryState::Withdrawn, ..helmets.clone() }]);
    let (ids, withdrawn) = indexed(&files).await;
    assert_eq!(ids, [OWN]);
    assert!(withdrawn != with && withdrawn != without, "it is another version than either");
    learned.set(&[helmets]);
    assert_eq!(indexed(&files).await.1, with);
}

#[tokio::test]
async fn an_entry_that_is_none_is_left_out_and_hinders_nobody() {
    let place = Place::new();
    let bad = [
        LearnedEntry { answer: " ".to_owned(), ..accepted("a-blank", "Is it blank?") },
        accepted("b-wordless", "?!"),
        LearnedEntry { also: vec!["…".to_owned()], ..accepted("c-also", "Is it also?") },
        accepted("d-owned", "what does a BIKE cost"),
        accepted("f-again", "Do you rent helmets??"),
    ];
    let learned = Learned::of(&[&bad[..], &[accepted("e-good", "Do you rent helmets?")]].concat());
    let files = learned.knowing(place.owner());
    assert_eq!(indexed(&files).await.0, ["learned#e-good", OWN]);
    learned.set(&bad[..4]);
    assert_eq!(indexed(&files).await, indexed(&place.owner()).await);

    // At the start a laptop goes without; init says what is wrong, as it would drop what was learned.
    *learned.0.lock().unwrap() = None;
    assert_eq!(files.own(&bikes(), Arc::new(Unneeded)).await.unwrap().entries().len(), 1);
    assert!(files.prepare(&bikes()).await.unwrap_err().to_string().contains("learned knowledge"));
}

#[tokio::test]
async fn init_publishes_what_was_learned_and_nothing_else() {
    let place = Place::new();
    place.owner().publish(&bikes(), &*place.bucket()).await.unwrap();
    let own = place.function().prepare(&bikes()).await.unwrap();
    let registry = common::registry::read();
    let encoder = &registry.get(&common::encoder_id()).unwrap().artifacts;
    for (artifact, path) in encoder.iter().zip(common::store().get_all(encoder).await.unwrap()) {
        let to = place.path("bucket").join(ReleasedFile::from(artifact).key);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(path, to).unwrap();
    }
    let learned = Learned::of(&[accepted("helmets", "Do you rent helmets?")]);
    let released = learned.knowing(place.function()).prepare(&bikes()).await.unwrap();
    assert!(released.file.key.starts_with("models/learned/") && released.file.is_valid(), "{released:?}");
    assert!(place.path("bucket").join(format!("models/learned/bikes/{}.json", released.version)).is_file());
    // A function that knows nothing of it loads it by the release alone.
    let index = place.function().released(&released).await.unwrap();
    assert_eq!(index.entries().iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>(), ["learned#helmets", OWN]);
    let again = learned.knowing(place.function()).prepare(&bikes()).await.unwrap();
    assert_eq!(again, released);

    learned.set(&[entry("helmets", "Do you rent helmets?", EntryState::Withdrawn)]);
    let withdrawn = learned.knowing(place.function()).prepare(&bikes()).await.unwrap();
    assert!(withdrawn.version != own.version && withdrawn.file.key.starts_with("models/learned/"), "{withdrawn:?}");
    assert_eq!(place.function().released(&withdrawn).await.unwrap().entries().len(), 1);

    learned.set(&[]);
    assert_eq!(learned.knowing(place.function()).prepare(&bikes()).await.unwrap(), own, "what was published before");
    place.write("Fourteen euros a day.");
    let error = learned.knowing(place.function()).prepare(&bikes()).await.unwrap_err();
    assert!(error.to_string().contains("farthing models publish"), "{error}");
}
