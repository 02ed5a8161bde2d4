//! The language model on its real weights, against what onnxruntime and llama.cpp write.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

#[expect(dead_code, reason = "other tests use more of it")]
mod common;

use std::path::PathBuf;
use std::time::Duration;

use farthing_domain::ids::ModelId;
use farthing_domain::ports::{Finish, GenerationRequest, Generator as _, Sampling};
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

async fn generator() -> LocalGenerator {
    let registry = common::registry::read();
    let spec = registry.get(&ModelId::parse("smollm2-135m-instruct").unwrap()).unwrap();
    let files: Vec<PathBuf> = common::store().get_model(spec).await.unwrap();
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
