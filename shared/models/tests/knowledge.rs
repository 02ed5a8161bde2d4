//! An agent's knowledge through its public doors, with an encoder that needs no weights.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use farthing_domain::agent::BrandProfile;
use farthing_domain::complexity::ComplexityEstimate;
use farthing_domain::ids::AgentId;
use farthing_domain::ports::{Analysis, KnowledgeBase, Retrieval};
use farthing_models::cpu::CpuPool;
use farthing_models::encoder::{Embedding, Encoder, EncoderError, PairLogits, PairReader};
use farthing_models::knowledge::answerability::{Calibration, FEATURES, Head};
use farthing_models::knowledge::index::{IndexConfig, IndexError, Progress};
use farthing_models::knowledge::{KnowledgeAnswerer, KnowledgeIndex, check};

/// Each word adds to one place of the vector; counts how many texts it was given.
#[derive(Default)]
struct Words(AtomicUsize);

impl Encoder for Words {
    fn embed(&self, text: &str) -> Result<Embedding, EncoderError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let mut vector = vec![0.0_f32; 256];
        for word in farthing_domain::guard::words(text) {
            let hash = word.bytes().fold(7_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
            vector[(hash % 256) as usize] += 1.0;
        }
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::EPSILON);
        Ok(vector.iter().map(|value| value / length).collect())
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.split_whitespace().count()
    }
}

const RENTAL: &str = "# Bikes\n\n\
## How do I unlock a bike?\nScan the code on its lock.\nAlso asked: open the lock | release a bike\n\n\
## How do I lock a bike?\nPush the lever down until it clicks.\nAlso asked: close the lock\n\n\
## How much is a day pass?\nA day pass costs 12 euros.\nAlso asked: price for a day\n";
const FAQ: &str = r#"{"id":"helmets","question":"Do you rent helmets?","answer":"Helmets are free at every station.","also":["helmet","is there something for my head"]}"#;

/// A folder with knowledge, and one for index files.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(place.sources()).unwrap();
        place.write("rental.md", RENTAL);
        place.write("faq.jsonl", FAQ);
        place
    }

    fn sources(&self) -> std::path::PathBuf {
        self.0.path().join("knowledge")
    }

    fn artifact(&self) -> std::path::PathBuf {
        self.0.path().join("indexes").join("bikes.knowledge")
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.sources().join(name), content).unwrap();
    }

    fn open(&self, encoder_id: &str, encoder: &Words) -> Result<(KnowledgeIndex, bool), IndexError> {
        let indexes = self.0.path().join("indexes");
        let config =
            IndexConfig { agent: &agent(), sources: &self.sources(), artifacts: &indexes, encoder_id, learned: None };
        KnowledgeIndex::open_or_build(config, encoder, &mut |_| {})
    }
}

fn agent() -> AgentId {
    AgentId::parse("bikes").unwrap()
}

#[test]
fn an_index_is_built_once() {
    let (place, encoder) = (Place::new(), Words::default());
    let (first, built) = place.open("words-1", &encoder).unwrap();
    assert!(built);
    let embedded = encoder.0.load(Ordering::Relaxed);
    assert_eq!(embedded, 10 + 4, "each phrasing and each answer, once");
    let (second, built) = place.open("words-1", &encoder).unwrap();
    assert!(!built);
    assert_eq!(encoder.0.load(Ordering::Relaxed), embedded);
    assert_eq!(first.version(), second.version());
    assert_eq!(first.entries(), second.entries());
    let query = encoder.embed("release a bike").unwrap();
    assert_eq!(first.search("release a bike", &query, 9).unwrap(), second.search("release a bike", &query, 9).unwrap());
}

#[test]
fn an_index_is_built_anew_when_what_it_is_made_of_changes() {
    let (place, encoder) = (Place::new(), Words::default());
    let version = place.open("words-1", &encoder).unwrap().0.version();
    let (other_encoder, built) = place.open("words-2", &encoder).unwrap();
    assert!(built && other_encoder.version() != version);
    place.write("rental.md", &RENTAL.replace("12 euros", "14 euros"));
    let (other_text, built) = place.open("words-2", &encoder).unwrap();
    assert!(built && other_text.version() != other_encoder.version());
    std::fs::rename(place.sources().join("rental.md"), place.sources().join("bikes.md")).unwrap();
    let (other_name, built) = place.open("words-2", &encoder).unwrap();
    assert!(built && other_name.version() != other_text.version());
    assert!(other_name.entries().iter().any(|entry| entry.id == "bikes#how-do-i-unlock-a-bike"));
    place.write("README.txt", "not knowledge");
    assert!(!place.open("words-2", &encoder).unwrap().1);
}

#[test]
fn a_damaged_index_is_built_anew() {
    let (place, encoder) = (Place::new(), Words::default());
    place.open("words-1", &encoder).unwrap();
    let whole = std::fs::read(place.artifact()).unwrap();
    let mut damaged: Vec<Vec<u8>> =
        [0, 1, 7, 20, 50, 60, 200, whole.len() / 2, whole.len() - 1].map(|length| whole[..length].to_vec()).to_vec();
    damaged.push([&whole[..], b"more"].concat());
    for at in (0..whole.len()).step_by(whole.len() / 40) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x40;
        damaged.push(flipped);
    }
    let huge_counts = [&whole[..44], &[0xff; 20], &whole[64..]].concat();
    damaged.push(huge_counts);
    for content in damaged {
        std::fs::write(place.artifact(), &content).unwrap();
        let (index, built) = place.open("words-1", &encoder).unwrap();
        assert!(built, "{} bytes", content.len());
        assert_eq!(index.entries().len(), 4);
        assert_eq!(std::fs::read(place.artifact()).unwrap(), whole, "it is repaired on disk");
    }
    let left = std::fs::read_dir(place.artifact().parent().unwrap()).unwrap().count();
    assert_eq!(left, 1, "no temporary files stay");
}

#[test]
fn progress_reaches_the_total() {
    let place = Place::new();
    let (last, calls) = (Cell::new(Progress { done: 0, total: 0 }), Cell::new(0));
    let indexes = place.0.path().join("indexes");
    let config = IndexConfig {
        agent: &agent(),
        sources: &place.sources(),
        artifacts: &indexes,
        encoder_id: "words-1",
        learned: None,
    };
    let mut on_progress = |progress: Progress| {
        assert!(progress.done > last.get().done && progress.done <= progress.total);
        last.set(progress);
        calls.set(calls.get() + 1);
    };
    KnowledgeIndex::open_or_build(config, &Words::default(), &mut on_progress).unwrap();
    assert_eq!(last.get(), Progress { done: 14, total: 14 });
    assert!(calls.get() >= 2);
}

#[test]
fn unusable_sources_are_errors_that_say_where() {
    let (place, encoder) = (Place::new(), Words::default());
    place.write("rental.md", "# Bikes\n\n## How much?\n");
    let error = place.open("words-1", &encoder).unwrap_err();
    assert_eq!(error.to_string(), "rental.md, line 3: `answer`: expected text below the heading");
    std::fs::remove_dir_all(place.sources()).unwrap();
    assert!(place.open("words-1", &encoder).unwrap_err().to_string().ends_with("knowledge cannot be read"));
    std::fs::create_dir(place.sources()).unwrap();
    assert!(place.open("words-1", &encoder).unwrap_err().to_string().contains("has no entries"));
}

#[test]
fn the_entry_that_means_it_comes_first() {
    let (place, encoder) = (Place::new(), Words::default());
    let (index, _) = place.open("words-1", &encoder).unwrap();
    let check = |query: &str, expected: &str| {
        let found = index.search(query, &encoder.embed(query).unwrap(), 2).unwrap();
        assert_eq!(found.passages.len(), 2);
        assert_eq!(index.entries()[found.passages[0].entry].id, expected, "{query:?}");
        assert_ne!(found.runner_up.unwrap().entry, found.passages[0].entry);
        assert!(found.passages[0].score >= found.passages[1].score);
        assert!((0.0..=1.0).contains(&found.passages[0].score));
    };
    check("release a bike", "rental#how-do-i-unlock-a-bike");
    check("close the lock", "rental#how-do-i-lock-a-bike");
    check("day passes", "rental#how-much-is-a-day-pass");
    check("what does a day cost in euros", "rental#how-much-is-a-day-pass");
    check("is a HELMET free", "faq#helmets");
    assert!(index.search("helmet", &[1.0; 3], 2).is_err(), "a vector of another encoder");
    let none = index.search("helmet", &encoder.embed("helmet").unwrap(), 0).unwrap();
    assert!(none.passages.is_empty());
}

/// A head that goes by the nearest phrasing alone: above one half from a cosine of 0.8 on.
fn cosine_head() -> Head {
    let mut weights = [0.0; FEATURES.len()];
    weights[0] = 20.0;
    Head::new(weights, -16.0, Calibration { a: 1.0, b: 0.0 }, serde_json::Value::Null).unwrap()
}

fn brand() -> BrandProfile {
    serde_json::from_value(serde_json::json!({
        "id": "bikes", "name": "Bikes", "description": "d", "languages": ["en"], "refusal": "No.",
        "voice": {"tone": "t", "max_words": 50},
        "disclaimers": [{"when": ["pass"], "text": "Prices may change."}, {"when": ["tax"], "text": "No tax advice."}],
    }))
    .unwrap()
}

async fn retrieve(answerer: &KnowledgeAnswerer, agent: &AgentId, query: &str, limit: usize) -> Retrieval {
    let embedding = Words::default().embed(query).unwrap();
    let complexity = ComplexityEstimate::new([1.0, 0.0, 0.0, 0.0]);
    let analysis =
        Analysis { embedding, complexity, injection: 0.0, toxicity: 0.0, gain: 0.0, can_be_checked: false, tokens: 3 };
    answerer.retrieve(agent, query, &analysis, limit).await.unwrap()
}

/// Leaves the order to retrieval.
struct Undecided;

impl PairReader for Undecided {
    fn read(&self, _: &str, _: &str) -> Result<PairLogits, EncoderError> {
        Ok(PairLogits { answers: 0.0, same: 0.0 })
    }
}

fn answerer(place: &Place) -> KnowledgeAnswerer {
    let (index, _) = place.open("words-1", &Words::default()).unwrap();
    let pool = CpuPool::new(NonZeroUsize::MIN, 1);
    KnowledgeAnswerer::new(
        [(agent(), index)],
        cosine_head(),
        (Arc::new(Words::default()), Arc::new(Undecided)),
        0.5,
        pool,
    )
    .unwrap()
}

#[tokio::test]
async fn an_answer_is_the_stored_text_with_the_disclaimers() {
    let (place, query) = (Place::new(), "How much is a day pass?");
    let answerer = answerer(&place);
    let retrieval = retrieve(&answerer, &agent(), query, 2).await;
    assert_eq!(retrieval.passages.len(), 2);
    assert_eq!(retrieval.passages[0].title, query);
    assert!(retrieval.answerability > 0.9);
    let answer = answerer.answer(&brand(), query, &retrieval).unwrap();
    assert_eq!(answer.text, "A day pass costs 12 euros.\n\nPrices may change.");
    assert_eq!(answer.model.as_str(), "knowledge");
    assert_eq!(answer.sources.len(), 1);
    assert_eq!(answer.sources[0].id, "rental#how-much-is-a-day-pass");
}

#[tokio::test]
async fn nothing_is_answered_below_the_least_answerability() {
    let place = Place::new();
    let answerer = answerer(&place);
    let retrieval = retrieve(&answerer, &agent(), "Who painted the Mona Lisa?", 2).await;
    assert!(!retrieval.passages.is_empty() && retrieval.answerability < 0.5);
    assert_eq!(answerer.answer(&brand(), "Who painted the Mona Lisa?", &retrieval), None);
    let unsure = Retrieval { answerability: f32::NAN, ..retrieval };
    assert_eq!(answerer.answer(&brand(), "Who?", &unsure), None);
    assert_eq!(answerer.answer(&brand(), "Who?", &Retrieval { answerability: 1.0, passages: Vec::new() }), None);
}

#[tokio::test]
async fn an_agent_without_knowledge_finds_nothing() {
    let place = Place::new();
    let (answerer, other) = (answerer(&place), AgentId::parse("other").unwrap());
    assert_eq!(retrieve(&answerer, &other, "How much is a day pass?", 2).await, Retrieval::default());
    assert_eq!(answerer.version(&other), "none");
    assert_eq!(answerer.version(&agent()).len(), 12);
}

#[test]
fn a_check_tells_all_that_is_wrong() {
    let place = Place::new();
    let report = check(&place.sources(), Some(&Words::default())).unwrap();
    assert!(report.is_usable());
    assert_eq!((report.files, report.entries, report.phrasings, report.passages), (2, 4, 10, 4));
    assert_eq!(report.longest, Some(("rental#how-do-i-lock-a-bike".to_owned(), 7)));
    assert!(report.near_duplicates.is_empty() && report.warnings.is_empty(), "{report}");

    place.write("broken.md", "## Who?\n");
    place.write(
        "more.md",
        "# More\n## How much is a day pass\nAsk.\n## Lock\nSee the lock close.\nAlso asked: close lock the\n",
    );
    place.write("twice.jsonl", &[FAQ, r#"{"id":"x","question":"helmet","answer":"No."}"#].join("\n"));
    let report = check(&place.sources(), Some(&Words::default())).unwrap();
    assert!(!report.is_usable());
    let shown = report.to_string();
    for expected in [
        "fault: broken.md, line 1: `title`: expected `# Title` before the first `## question`",
        "fault: rental.md, line 11: `question`: expected one that no other entry has; more.md, line 2 has the same",
        "fault: twice.jsonl, line 1: `question`: expected one that no other entry has; faq.jsonl, line 1 has the same",
        "nearly the same (1.00): more#lock \"close lock the\" and rental#how-do-i-lock-a-bike \"close the lock\"",
        "warning: \"helmet\" is a phrasing of faq#helmets and of twice#helmets and of twice#x",
        "warning: twice#x: no other phrasing; two or three make it easier to find",
    ] {
        assert!(shown.contains(expected), "{expected}\n--\n{shown}");
    }
    assert!(check(Path::new("no such folder"), None).is_err());
}
