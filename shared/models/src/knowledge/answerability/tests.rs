use serde_json::{Value, json};

use super::features::measure;
use super::{Calibration, FEATURES, Features, Head};
use crate::encoder::Encoder;
use crate::knowledge::index::KnowledgeIndex;
use crate::knowledge::source::{SourceFile, parse};
use crate::knowledge::test_encoder::{HashingEncoder, SharedWords};

fn json_head() -> Value {
    json!({"features": FEATURES, "weights": vec![0.5; FEATURES.len()], "bias": -1.0,
           "calibration": {"a": 1.0, "b": 0.0}, "provenance": {"data": "none"}})
}

#[test]
fn a_head_survives_its_json() {
    let head = Head::from_json(json_head().to_string().as_bytes()).unwrap();
    assert_eq!(Head::from_json(head.to_json().as_bytes()).unwrap(), head);
    assert!((head.probability(&[0.0; FEATURES.len()]) - 1.0 / (1.0 + 1.0_f32.exp())).abs() < 1e-6);
}

#[test]
fn a_head_for_other_features_is_refused() {
    let refused = |key: &str, value: Value, expected: &str| {
        let mut json = json_head();
        json[key] = value;
        assert_eq!(Head::from_json(json.to_string().as_bytes()).unwrap_err().to_string(), expected);
    };
    let mut swapped: Vec<&str> = FEATURES.to_vec();
    swapped.swap(0, 1);
    refused(
        "features",
        json!(swapped),
        "`features`: expected `question_cosine` at place 0, not `question_cosine_over_070`",
    );
    let short = &FEATURES[..FEATURES.len() - 1];
    refused("features", json!(short), "`features`: expected `pair_agrees` at place 20, not `nothing`");
    refused("weights", json!([1.0]), "`weights`: expected one finite number for each feature");
    refused("calibration", json!({"a": -1.0, "b": 0.0}), "`calibration`: expected finite numbers, `a` above 0");
    refused("more", json!(1), "expected an object with features, weights, bias, calibration and provenance");
}

#[test]
fn an_improbable_sum_is_a_probability_still() {
    let calibration = Calibration { a: 1.0, b: 0.0 };
    let head = Head::new([1e30; FEATURES.len()], 0.0, calibration, Value::Null).unwrap();
    assert!((head.probability(&[1.0; FEATURES.len()]) - 1.0).abs() < f32::EPSILON);
    assert!(head.probability(&[-1.0; FEATURES.len()]).abs() < f32::EPSILON);
    assert!(head.probability(&[f32::NAN; FEATURES.len()]).abs() < f32::EPSILON);
    assert!(Head::new([f32::NAN; FEATURES.len()], 0.0, calibration, Value::Null).is_err());
}

const BIKES: &str = "# Bikes\n\n## How do I unlock a bike?\nScan the code on the lock with the app. It opens within 10 seconds.\nAlso asked: open the lock | release a bike\n\n## How much is a day pass?\nA day pass costs 12 euros in Lyon.\nAlso asked: price for a day\n";

#[test]
fn features_tell_what_embeddings_blur() {
    check("How do I unlock a bike?", "opposed", 0.0);
    check("How do I lock a bike?", "opposed", 1.0);
    check("Why can't I unlock a bike?", "negation_differs", 1.0);
    check("What does a day pass cost for 12 people?", "numbers_missing", 0.0);
    check("How much is a day pass for 7?", "numbers_missing", 1.0);
    check("How much is a day pass in Lyon?", "names_missing", 0.0);
    check("How much is a day pass in Oslo?", "names_missing", 1.0);
    check("How much is a day pass?", "question_type", 1.0);
    check("Where is a day pass sold?", "question_type", -1.0);
    check("day pass", "question_type", 0.0);
    check("unlocking bikes", "coverage", 1.0);
    check("unlock bike", "unknown_share", 0.0);
    check("zebra", "unknown_share", 1.0);
    check("zebra", "unmatched_rare", 1.0);
    check("release a bike", "same_words", 1.0);
}

#[track_caller]
fn check(query: &str, feature: &str, expected: f32) {
    let features = features_of(query);
    let at = FEATURES.iter().position(|name| *name == feature).unwrap();
    assert!((features[at] - expected).abs() < 1e-5, "{query:?}: {feature} is {}", features[at]);
}

fn features_of(query: &str) -> Features {
    let file = SourceFile { name: "bikes.md".to_owned(), bytes: BIKES.as_bytes().to_vec() };
    let encoder = HashingEncoder;
    let index = KnowledgeIndex::build(parse(&[file]).unwrap(), &encoder).unwrap();
    let read = index.read(&SharedWords, query, &encoder.embed(query).unwrap()).unwrap();
    measure(&index, query, &read).unwrap()
}

#[test]
fn nothing_found_has_no_features() {
    let index = KnowledgeIndex::build(Vec::new(), &HashingEncoder).unwrap();
    let read = index.read(&SharedWords, "a", &[]).unwrap();
    assert_eq!(measure(&index, "a", &read), None);
}
