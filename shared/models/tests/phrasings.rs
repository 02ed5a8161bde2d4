//! Phrasings that a model made, kept beside an agent's knowledge, through their public doors and with an
//! encoder that needs no weights.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use farthing_domain::ids::{AgentId, ModelId};
use farthing_domain::money::Usd;
use farthing_models::cpu::CpuPool;
use farthing_models::encoder::{Embedding, Encoder, EncoderError};
use farthing_models::knowledge::index::IndexConfig;
use farthing_models::knowledge::phrasings::MadeBy;
use farthing_models::knowledge::{KeptPhrasings, KnowledgeIndex, PhrasingKeeper, check};

/// Each word adds to one place of the vector.
struct Words;

impl Encoder for Words {
    fn embed(&self, text: &str) -> Result<Embedding, EncoderError> {
        let mut vector = vec![0.0_f32; 512];
        for word in farthing_domain::guard::words(text) {
            let hash = word.bytes().fold(7_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
            vector[(hash % 512) as usize] += 1.0;
        }
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::EPSILON);
        Ok(vector.iter().map(|value| value / length).collect())
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.split_whitespace().count()
    }
}

const RENTAL: &str = "# Bikes\n\n\
## How do I unlock a bike?\nScan the code on its frame.\nAlso asked: open the lock\n\n\
## How do I end a ride?\nPush the lever down until it clicks.\n\n\
## How much is a day pass?\nA day pass costs 12 euros.\nAlso asked: price for a day\n";

/// A folder with knowledge, and one for index files.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(place.sources()).unwrap();
        place.write("rental.md", RENTAL);
        place
    }

    fn sources(&self) -> PathBuf {
        self.0.path().join("knowledge")
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.sources().join(name), content).unwrap();
    }

    fn made(&self) -> String {
        std::fs::read_to_string(self.sources().join("phrasings.lock")).unwrap()
    }

    fn kept(&self) -> KeptPhrasings {
        KeptPhrasings::open(&self.sources()).unwrap()
    }

    async fn keep(&self, at: usize, phrasings: &[&str]) -> usize {
        let pool = CpuPool::new(NonZeroUsize::MIN, 1);
        let mut keeper = PhrasingKeeper::new(self.kept(), Arc::new(Words), pool).await.unwrap();
        keeper.keep(at, phrasings.iter().map(|text| (*text).to_owned()).collect(), &by()).await.unwrap()
    }

    /// The index as it is opened or built now, and whether it was built.
    fn index(&self) -> (KnowledgeIndex, bool) {
        let (agent, indexes) = (AgentId::parse("bikes").unwrap(), self.0.path().join("indexes"));
        let sources = self.sources();
        let config =
            IndexConfig { agent: &agent, sources: &sources, artifacts: &indexes, encoder_id: "words", learned: None };
        KnowledgeIndex::open_or_build(config, &Words, &mut |_| {}).unwrap()
    }

    /// All phrasings of the entry at `at` in the index.
    fn phrasings(&self, at: usize) -> Vec<String> {
        self.index().0.entries()[at].phrasings().map(str::to_owned).collect()
    }
}

fn by() -> MadeBy {
    MadeBy { model: ModelId::parse("deepseek-chat").unwrap(), tokens: (180, 21), cost: Usd::parse("0.000032").unwrap() }
}

#[tokio::test]
async fn made_phrasings_follow_the_owners_own() {
    let place = Place::new();
    let (before, _) = place.index();
    assert_eq!(place.kept().missing(), [0, 1, 2]);
    assert_eq!(place.keep(0, &["release the bike", "Open the lock!", "release, the BIKE"]).await, 1);
    assert_eq!(place.kept().missing(), [1, 2]);
    let (after, built) = place.index();
    assert!(built && after.version() != before.version(), "the index is of the phrasings too");
    assert_eq!(place.phrasings(0), ["How do I unlock a bike?", "open the lock", "release the bike"]);
    let query = "release the bike";
    let found = after.search(query, &Words.embed(query).unwrap(), 1).unwrap();
    assert_eq!((found.passages[0].entry, found.passages[0].phrasing), (0, 2));
    assert!(found.passages[0].question_cosine > 0.99);
    assert!(!place.index().1, "and is not built again");
}

#[tokio::test]
async fn the_file_is_the_same_whatever_came_first() {
    let (place, other) = (Place::new(), Place::new());
    place.keep(2, &["what does a day pass cost"]).await;
    place.keep(0, &["unlock it", "unlock my bike"]).await;
    place.keep(1, &["end my ride"]).await;
    other.keep(0, &["unlock it", "unlock my bike"]).await;
    other.keep(1, &["end my ride"]).await;
    other.keep(2, &["what does a day pass cost"]).await;
    assert_eq!(place.made(), other.made());
    let lines: Vec<String> =
        place.made().lines().map(|line| line.split(r#","sha256":"#).next().unwrap().to_owned()).collect();
    let figures = r#""model":"deepseek-chat","input_tokens":180,"output_tokens":21,"cost_usd":"0.000032""#;
    assert_eq!(
        lines,
        [
            format!(
                r#"{{"entry":"rental#how-do-i-unlock-a-bike","phrasings":["unlock it","unlock my bike"],{figures}"#
            ),
            format!(r#"{{"entry":"rental#how-do-i-end-a-ride","phrasings":["end my ride"],{figures}"#),
            format!(r#"{{"entry":"rental#how-much-is-a-day-pass","phrasings":["what does a day pass cost"],{figures}"#),
        ]
    );
    assert_eq!(std::fs::read_dir(place.sources()).unwrap().count(), 2, "no temporary files stay");
}

#[tokio::test]
async fn a_changed_entry_is_asked_for_again_and_its_line_goes() {
    let place = Place::new();
    place.keep(0, &["unlock it"]).await;
    place.keep(2, &["what does a day pass cost"]).await;
    place.write("rental.md", &RENTAL.replace("open the lock", "start riding"));
    assert_eq!(place.kept().missing(), [1], "the owner's other phrasings change nothing");
    place.write("rental.md", &RENTAL.replace("12 euros", "14 euros"));
    assert_eq!(place.kept().missing(), [1, 2]);
    assert_eq!(place.phrasings(2), ["How much is a day pass?", "price for a day"], "it may not be true any more");
    place.write("rental.md", &RENTAL.replace("unlock a bike?", "unlock a bicycle?"));
    assert_eq!(place.kept().missing(), [0, 1]);
    assert_eq!(place.made().lines().count(), 2, "to look changes nothing");
    place.kept().drop_stale().unwrap();
    assert_eq!(place.made().lines().count(), 1);
    assert!(place.made().contains("what does a day pass cost"));
}

#[tokio::test]
async fn a_line_stays_as_the_owner_edited_it() {
    let place = Place::new();
    place.keep(0, &["unlock it", "unlock my bike"]).await;
    place.keep(2, &["what does a day pass cost"]).await;
    let edited = place.made().replace(r#","unlock my bike""#, "").replace(r#""what does a day pass cost""#, "");
    place.write("phrasings.lock", &edited);
    assert_eq!(place.kept().missing(), [1], "an emptied list is no missing one");
    place.kept().drop_stale().unwrap();
    place.keep(1, &["end my ride"]).await;
    let others: Vec<String> =
        place.made().lines().filter(|line| !line.contains("end my ride")).map(str::to_owned).collect();
    assert_eq!(others, edited.lines().collect::<Vec<_>>());
    assert_eq!(place.phrasings(0), ["How do I unlock a bike?", "open the lock", "unlock it"]);
    assert_eq!(place.phrasings(2), ["How much is a day pass?", "price for a day"]);
    // A line that is taken out is asked for again.
    place.write("phrasings.lock", edited.lines().next().unwrap());
    assert_eq!(place.kept().missing(), [1, 2]);
}

#[tokio::test]
async fn what_is_anothers_is_not_kept() {
    let place = Place::new();
    // Nearer to the question of another entry than to its own question or answer.
    assert_eq!(place.keep(1, &["how much is a pass for a day", "how do I unlock it"]).await, 0);
    // As near to its own answer as one can be.
    assert_eq!(place.keep(1, &["push the lever down"]).await, 1);
    assert_eq!(place.keep(0, &["Price for a day", "OPEN the lock", "push the lever DOWN"]).await, 0);
    assert_eq!(place.kept().missing(), [0, 2], "an entry without any is asked for again");
    assert_eq!(place.made().lines().count(), 1);
}

#[tokio::test]
async fn a_phrasing_of_two_entries_is_nobodys() {
    let place = Place::new();
    place.keep(0, &["unlock it"]).await;
    place.keep(1, &["end my ride"]).await;
    place.write("phrasings.lock", &place.made().replace("end my ride", "Unlock it?\",\"PRICE for a day\",\"end it"));
    assert_eq!(place.phrasings(0), ["How do I unlock a bike?", "open the lock"]);
    assert_eq!(place.phrasings(1), ["How do I end a ride?", "end it"]);
}

#[tokio::test]
async fn a_malformed_line_is_named_with_its_field() {
    let place = Place::new();
    place.keep(0, &["unlock it"]).await;
    let good = place.made();
    let check_fault = |content: &str, expected: &str| {
        place.write("phrasings.lock", content);
        let error = KeptPhrasings::open(&place.sources()).unwrap_err().to_string();
        assert_eq!(error, format!("phrasings.lock, line {expected}"));
        let report = check(&place.sources(), None).unwrap();
        assert!(!report.is_usable() && report.faults == [error], "{report}");
    };
    let spoilt = |from: &str, to: &str, expected: &str| {
        assert!(good.contains(from));
        check_fault(&format!("\n{}", good.replace(from, to)), &format!("2: {expected}"));
    };
    spoilt("{", "", "`line`: expected one JSON object on one line");
    spoilt(r#"["unlock it"]"#, r#""unlock it""#, "`phrasings`: expected a list of texts, none of them blank");
    spoilt("unlock it", " ? ", "`phrasings`: expected a list of texts, none of them blank");
    spoilt(r#""model":"deepseek-chat","#, "", "`model`: expected the name of a model");
    spoilt("21", "-21", "`output_tokens`: expected a number of tokens");
    spoilt("0.000032", "cheap", "`cost_usd`: expected an amount of dollars such as \"0.000123\"");
    spoilt(r#""sha256":""#, r#""sha256":"x"#, "`sha256`: expected 64 lower-case hexadecimal digits");
    let known = "entry, phrasings, model, input_tokens, output_tokens, cost_usd, sha256";
    spoilt(r#""entry""#, r#""title""#, &format!("`title`: expected no such field: {known} are known"));
    check_fault(&good.repeat(2), "2: `sha256`: expected one that no other line has; line 1 has the same");
    place.write("phrasings.lock", &good);
    let report = check(&place.sources(), None).unwrap();
    assert!(report.is_usable());
    assert_eq!(report.phrasings, 3 + 2 + 1, "made phrasings count");
}
