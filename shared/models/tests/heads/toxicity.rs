use farthing_models::toxicity::CommentsModel;
use serde_json::Value;

use super::common::registry::repository;

fn network() -> CommentsModel {
    CommentsModel::from_bytes(&super::head("toxicity-head/comments.safetensors")).unwrap()
}

#[test]
fn the_network_says_what_the_original_says() {
    let golden = std::fs::read_to_string(repository().join("shared/models/tests/golden/comments.jsonl")).unwrap();
    let network = network();
    let mut texts = 0;
    for line in golden.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = row["text"].as_str().unwrap();
        for (log_odds, expected) in network.log_odds(text).iter().zip(row["scores"].as_array().unwrap()) {
            let (found, expected) = (1.0 / (1.0 + (-log_odds).exp()), expected.as_f64().unwrap() as f32);
            assert!((found - expected).abs() < 3e-4, "{text:?}: {found}, expected {expected}");
        }
        texts += 1;
    }
    assert!(texts > 10);
}

#[test]
fn only_the_last_hundred_known_words_are_read() {
    let network = network();
    let words = "please discuss the source on the talk page ".repeat(20);
    assert_eq!(network.log_odds(&words), network.log_odds(&format!("you idiot qzxqzx {words}")));
    assert_ne!(network.log_odds(&words), network.log_odds(&format!("{words} you idiot")));
}

#[test]
fn a_network_that_is_cut_off_or_another_is_refused() {
    let whole = super::head("toxicity-head/comments.safetensors");
    for length in [0, 8, 1_000, whole.len() / 2, whole.len() - 1] {
        assert!(CommentsModel::from_bytes(&whole[..length]).is_err(), "{length}");
    }
    assert!(CommentsModel::from_bytes(&super::head("toxicity-head/toxicity.json")).is_err());
}

#[test]
fn abuse_and_what_only_sounds_like_it_are_told_apart() {
    for text in ["You are a stupid worthless idiot, go to hell", "I hate women and they should all be kept out"] {
        assert!(probability(text) > 0.7, "{text}: {}", probability(text));
    }
    for text in [
        "How do I kill a Python process?",
        "I don't hate women, and I never have.",
        "My neighbour was told to go back where he came from. How can I report that?",
        "I hate this printer, it jams all the time.",
    ] {
        assert!(probability(text) < 0.5, "{text}: {}", probability(text));
    }
}

fn probability(text: &str) -> f32 {
    super::toxicity_head().probability(&super::encoder().embed(text).unwrap(), text).unwrap()
}
