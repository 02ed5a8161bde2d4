//! The demo agent's knowledge on the encoder's real weights and the shipped head.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use farthing_domain::ports::Retrieval;
use farthing_models::encoder::Encoder;
use farthing_models::knowledge::answerability::Head;
use farthing_models::knowledge::answerer::retrieve;
use farthing_models::knowledge::{KnowledgeIndex, check, source};

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/family.rs"]
mod family;
mod learned;
mod published;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn knowledge() -> &'static (KnowledgeIndex, Head) {
    static KNOWLEDGE: OnceLock<(KnowledgeIndex, Head)> = OnceLock::new();
    KNOWLEDGE.get_or_init(|| {
        let files = source::read_files(&repository().join("infra/agents/rprd/knowledge")).unwrap();
        let index = KnowledgeIndex::build(source::parse(&files).unwrap(), family::knowledge_encoder()).unwrap();
        let head = std::fs::read(repository().join("infra/models/complexity-head/answerability.json")).unwrap();
        (index, Head::from_json(&head).unwrap())
    })
}

fn ask(query: &str) -> Retrieval {
    let (index, head) = knowledge();
    retrieve(index, head, family::pair_model(), query, &family::knowledge_encoder().embed(query).unwrap(), 3).unwrap()
}

#[test]
fn common_questions_find_their_answers() {
    check_answer("What is your pricing?", "What is your pricing?");
    check_answer("How do I login?", "How do I login?");
    check_answer("What platforms do you support?", "What platforms do you support?");
    check_answer("how much does it cost", "What is your pricing?");
    check_answer("hi, how do I log into RPRD", "How do I login?");
    check_answer("which social networks work with rprd?", "What platforms do you support?");
}

#[track_caller]
fn check_answer(query: &str, title: &str) {
    let retrieval = ask(query);
    assert_eq!(retrieval.passages[0].title, title, "{query:?}");
    assert!(retrieval.answerability >= 0.8, "{query:?}: {}", retrieval.answerability);
}

#[test]
fn questions_of_another_world_are_not_answered() {
    for query in [
        "Who painted the Mona Lisa?",
        "What is the boiling point of helium?",
        "Write a haiku about the sea",
        "Which bus goes to the airport?",
    ] {
        let answerability = ask(query).answerability;
        assert!(answerability < 0.5, "{query:?}: {answerability}");
    }
}

#[test]
fn opposites_find_different_entries() {
    let pairs = [
        ("How do I enable 2FA?", "How do I disable 2FA?"),
        ("How do I turn on notifications?", "How do I turn off notifications?"),
        ("How do I upgrade my plan?", "How do I downgrade my plan?"),
        ("How do I log in with SSO?", "How do I log in without SSO?"),
    ];
    for title in pairs.into_iter().flat_map(|(one, other)| [one, other]) {
        check_answer(title, title);
    }
}

#[test]
fn the_demo_knowledge_is_in_order() {
    let report = check(&repository().join("infra/agents/rprd/knowledge"), Some(common::encoder())).unwrap();
    assert!(report.is_usable(), "{report}");
    assert!(report.entries >= 100 && report.phrasings > 3 * report.entries, "{report}");
}
