//! The pair model and the knowledge encoder against what PyTorch computed from the same rounded weights.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::Path;

use farthing_models::encoder::{Encoder as _, LoadError, PairModel, PairReader as _, cosine};
use serde::Deserialize;

#[path = "common/mod.rs"]
mod common;
#[path = "common/family.rs"]
mod family;

#[derive(Deserialize)]
struct Golden {
    query: String,
    other: String,
    answers: f32,
    same: f32,
}

#[test]
fn logits_are_those_of_pytorch() {
    let golden: Vec<Golden> = serde_json::from_str(include_str!("golden/pair.json")).unwrap();
    assert!(!golden.is_empty());
    for Golden { query, other, answers, same } in golden {
        let logits = family::pair_model().read(&query, &other).unwrap();
        let far = (logits.answers - answers).abs().max((logits.same - same).abs());
        assert!(far < 1e-3, "{query:?}: {logits:?}, expected {answers} and {same}");
    }
}

#[derive(Deserialize)]
struct GoldenVector {
    text: String,
    vector: Vec<f32>,
}

#[test]
fn vectors_are_those_of_pytorch() {
    let golden: Vec<GoldenVector> = serde_json::from_str(include_str!("golden/knowledge.json")).unwrap();
    assert!(!golden.is_empty());
    for GoldenVector { text, vector } in golden {
        let found = family::knowledge_encoder().embed(&text).unwrap();
        let far = found.iter().zip(&vector).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(found.len() == vector.len() && far < 1e-4, "{text:?}: off by {far}");
        // The encoder that it was trained from says something else.
        assert!(cosine(&common::encoder().embed(&text).unwrap(), &vector) < 0.99, "{text:?}");
    }
}

#[test]
fn tensors_that_are_not_the_encoders_are_refused() {
    let model = &common::encoder_files()[0];
    let load = |file: &Path| PairModel::load(model, file, common::encoder().tokens());
    assert!(matches!(load(Path::new("no such file")), Err(LoadError::Unreadable { .. })));
    // The encoder's own file has no head.
    assert!(matches!(load(model), Err(LoadError::Model(_))));
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.onnx");
    std::fs::write(&broken, b"this is no model").unwrap();
    assert!(matches!(load(&broken), Err(LoadError::Model(_))));
}
