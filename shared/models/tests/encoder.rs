//! The encoder on its real weights, against what onnxruntime makes of them.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::num::NonZeroUsize;

use farthing_domain::ids::ModelId;
use farthing_domain::ports::LocalModels;
use farthing_models::artifacts::{LocalModelFiles, SelfTest};
use farthing_models::cpu::CpuPool;
use farthing_models::encoder::{self, Encoder, LoadError, MiniLm, cosine};

mod common;

#[derive(serde::Deserialize)]
struct Golden {
    text: String,
    ids: Vec<u32>,
    vector: Vec<f32>,
}

#[test]
fn vectors_are_those_of_onnxruntime() {
    let golden = golden();
    assert!(golden.iter().any(|case| case.ids.len() == encoder::MAX_TOKENS), "one text is longer than is read");
    golden.iter().for_each(check);
}

#[track_caller]
fn check(case: &Golden) {
    let name: String = case.text.chars().take(40).collect();
    assert_eq!(common::encoder().token_ids(&case.text).unwrap(), case.ids, "{name:?}");
    let vector = common::encoder().embed(&case.text).unwrap();
    assert_eq!(vector.len(), case.vector.len());
    let furthest = vector.iter().zip(&case.vector).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let cosine = cosine(&vector, &case.vector);
    assert!(cosine > 0.9999 && furthest < 1e-3, "{name:?}: cosine {cosine}, furthest {furthest}");
}

#[test]
fn texts_of_like_meaning_are_nearer_than_others() {
    let [a, b, c] = ["How do I get my money back?", "I want a refund", "The bike is in the shed"]
        .map(|text| common::encoder().embed(text).unwrap());
    assert!(cosine(&a, &b) > cosine(&a, &c) + 0.2);
}

#[test]
fn every_token_is_counted_and_no_special_one() {
    for (text, tokens) in [("", 0), ("hi", 1), ("What does the Pro plan cost?", 7)] {
        assert_eq!(common::encoder().count_tokens(text), tokens, "{text:?}");
    }
    assert_eq!(common::encoder().count_tokens(&"word ".repeat(3000)), 3000, "more than the encoder reads");
}

#[test]
fn threads_share_one_encoder() {
    let golden = golden();
    std::thread::scope(|scope| {
        for case in &golden[..4] {
            scope.spawn(|| (0..5).for_each(|_| check(case)));
        }
    });
}

#[test]
fn what_is_no_model_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (model, tokenizer) = (folder.path().join("model.onnx"), folder.path().join("tokenizer.json"));
    assert!(matches!(MiniLm::load(&model, &tokenizer), Err(LoadError::Unreadable { .. })));
    std::fs::write(&tokenizer, "{}").unwrap();
    std::fs::write(&model, "\x08\x0anonsense").unwrap();
    assert!(matches!(MiniLm::load(&model, &tokenizer), Err(LoadError::Tokenizer(_))));
}

#[tokio::test]
async fn a_broken_model_is_an_error_and_no_panic() {
    let spec = common::registry::read().get(&common::encoder_id()).unwrap().clone();
    let files = common::store().get_all(&spec.artifacts).await.unwrap();
    let whole = std::fs::read(&files[0]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("model.onnx");
    for content in [b"nonsense".as_slice(), b"", &whole[..whole.len() / 2], &whole[..whole.len() - 100]] {
        std::fs::write(&broken, content).unwrap();
        let error = MiniLm::load(&broken, &files[1]).unwrap_err();
        assert!(matches!(error, LoadError::Model(_)), "{} bytes: {error:?}", content.len());
    }
}

#[tokio::test]
async fn the_encoder_can_be_prepared_and_others_say_why_not() {
    let id = |id| ModelId::parse(id).unwrap();
    let models = LocalModelFiles::new(common::registry::read(), common::store(), CpuPool::new(NonZeroUsize::MIN, 1))
        .with_self_test(common::encoder_id(), Box::new(encoder::self_test));

    let ready = models.prepare(&common::encoder_id()).await.unwrap();
    assert_eq!((ready.bytes(), ready.sha256().len()), (22_928_619 + 466_247 + 10_831_460 + 10_834_585, 64));

    for (model, reason) in [
        ("no-such-model", "it is not in the registry"),
        ("gpt-4o", "it runs at its provider and has no files"),
        ("whisper-base", "it is disabled: modality not served yet"),
        ("toxicity-head", "no part of this program runs it"),
    ] {
        let error = models.prepare(&id(model)).await.unwrap_err();
        assert_eq!((error.model.as_str(), error.cause.to_string().as_str()), (model, reason));
    }
}

#[tokio::test]
async fn a_model_that_fails_its_self_test_is_not_ready() {
    let refuses: SelfTest = Box::new(|_| Err("its scores are off".into()));
    let panics: SelfTest = Box::new(|_| -> Result<(), _> { panic!("on purpose") });
    for self_test in [refuses, panics] {
        let models =
            LocalModelFiles::new(common::registry::read(), common::store(), CpuPool::new(NonZeroUsize::MIN, 1))
                .with_self_test(common::encoder_id(), self_test);
        assert!(models.prepare(&common::encoder_id()).await.is_err());
    }
}

#[tokio::test]
async fn the_self_test_sees_files_in_the_wrong_order() {
    let spec = common::registry::read().get(&common::encoder_id()).unwrap().clone();
    let mut files = common::store().get_all(&spec.artifacts).await.unwrap();
    assert!(encoder::self_test(&files).is_ok());
    files.reverse();
    assert!(encoder::self_test(&files).is_err());
}

fn golden() -> Vec<Golden> {
    serde_json::from_str(include_str!("golden/minilm.json")).unwrap()
}
