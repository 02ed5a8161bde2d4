//! The language model on its real weights, against what onnxruntime and llama.cpp write.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

#[expect(dead_code, reason = "other tests use more of it")]
mod common;

use std::path::PathBuf;
use std::time::Duration;

use farthing_domain::ids::ModelId;
use farthing_domain::ports::{Finish, GenerationRequest, Generator as _, Sampling};
use farthing_domain::registry::ModelSpec;
use farthing_models::artifacts::ArtifactError;
use farthing_models::cpu::CpuPool;
use farthing_models::generator::LocalGenerator;
use serde::Deserialize;

/// How many tokens were recorded.
const TOKENS: usize = 48;

#[derive(Deserialize)]
struct Case {
    system: String,
    user: String,
    prompt_tokens: usize,
    onnxruntime: String,
    llama_cpp: String,
}

fn spec() -> ModelSpec {
    common::registry::read().get(&ModelId::parse("smollm2-135m-instruct").unwrap()).unwrap().clone()
}

async fn generator() -> LocalGenerator {
    let files: Vec<PathBuf> = common::store().get_model(&spec()).await.unwrap();
    LocalGenerator::new(files.try_into().unwrap(), CpuPool::for_this_machine(8))
}

#[tokio::test]
async fn it_writes_what_others_write() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("golden/smollm2.json")).unwrap();
    let generator = generator().await;
    let mut as_llama_cpp = 0;
    for case in &cases {
        let request = GenerationRequest {
            system: case.system.clone(),
            user: case.user.clone(),
            most_tokens: TOKENS,
            sampling: Sampling::Greedy,
            stops: Vec::new(),
            time_limit: Duration::from_mins(2),
        };
        let written = generator.generate(request, None).await.unwrap();
        assert_eq!(written.prompt_tokens, case.prompt_tokens, "{}", case.user);
        assert_eq!(written.text, case.onnxruntime, "{}", case.user);
        assert!(matches!(written.finish, Finish::End | Finish::MostTokens), "{written:?}");
        as_llama_cpp += usize::from(written.text == case.llama_cpp);
    }
    // llama.cpp rounds what goes into a product to 8 bits. Where two tokens are nearly as probable it writes the other one,
    // and another text from there on: of 235 tokens, each after llama.cpp's own text, 230 are the same, and the other five are
    // less than 0.15 of a logit behind.
    assert!(as_llama_cpp >= 3, "{as_llama_cpp} of {} texts are those of llama.cpp", cases.len());
}

#[tokio::test]
async fn what_is_not_as_the_registry_names_it_is_not_kept() {
    let mut spec = spec();
    let (last, other) = (spec.artifacts.len() - 1, "1".repeat(64));
    spec.artifacts[last].sha256.clone_from(&other);
    let error = common::store().get_model(&spec).await.unwrap_err();
    let ArtifactError::Mismatch { path, expected_sha256, .. } = error else { panic!("{error:?}") };
    assert_eq!((path, expected_sha256), (PathBuf::from("chat.json"), other.clone()));
    assert!(!common::registry::repository().join(".farthing/models").join(other).exists());
}
