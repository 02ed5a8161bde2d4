//! The analyst, the validator and the rephraser on the real encoder and the heads of this
//! repository, through their ports.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

#[path = "../common/mod.rs"]
mod common;

mod analyst;
mod gain;
mod generating;
mod grounded;
mod grounding;
mod rephraser;
mod toxicity;
mod validator;

use std::num::NonZeroUsize;
use std::sync::Arc;

use farthing_domain::agent::BrandProfile;
use farthing_domain::ports::{Passage, Validation};
use farthing_models::cpu::CpuPool;
use farthing_models::encoder::{Embedding, Encoder, EncoderError, MiniLm};
use farthing_models::toxicity::ToxicityHead;
use farthing_models::validator::Examiner;

/// The encoder that all tests share, as a value.
struct Shared(&'static MiniLm);

impl Encoder for Shared {
    fn embed(&self, text: &str) -> Result<Embedding, EncoderError> {
        self.0.embed(text)
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.0.count_tokens(text)
    }
}

fn encoder() -> Arc<dyn Encoder> {
    Arc::new(Shared(common::encoder()))
}

fn pool() -> CpuPool {
    CpuPool::new(NonZeroUsize::MIN, 64)
}

fn head(file: &str) -> Vec<u8> {
    std::fs::read(common::registry::repository().join("infra/models").join(file)).unwrap()
}

fn toxicity_head() -> ToxicityHead {
    let [head, comments] = ["toxicity.json", "comments.safetensors"].map(|file| head(&format!("toxicity-head/{file}")));
    ToxicityHead::from_files(&head, &comments).unwrap()
}

fn examiner() -> Arc<Examiner> {
    Arc::new(Examiner::new(encoder(), toxicity_head()))
}

/// What is asked of the validator and the rephraser; a test changes what it is about.
struct Case {
    brand: BrandProfile,
    query: &'static str,
    answer: String,
    passages: Vec<Passage>,
    must_be_grounded: bool,
    answerability: Option<f32>,
    system_prompt: &'static str,
}

impl Case {
    /// An answer to a question about a refund, with the passage that says what is right.
    fn of(answer: &str) -> Self {
        Self {
            brand: brand(),
            query: "Can I get a refund on an annual plan?",
            answer: answer.to_owned(),
            passages: vec![passage(
                "Annual plans are refunded in full within 30 days of the first payment. After 30 days there is no \
                 refund, and the plan runs to the end of the year. Ask for it under Settings > Billing.",
            )],
            must_be_grounded: true,
            answerability: None,
            system_prompt: "",
        }
    }

    fn validation<'a>(&'a self, query_embedding: &'a [f32]) -> Validation<'a> {
        Validation {
            brand: &self.brand,
            query: self.query,
            query_embedding,
            answer: &self.answer,
            passages: &self.passages,
            must_be_grounded: self.must_be_grounded,
            prior: 0.8,
            answerability: self.answerability,
            system_prompt: self.system_prompt,
        }
    }
}

fn passage(text: &str) -> Passage {
    Passage { id: "refund".to_owned(), title: String::new(), text: text.to_owned(), score: 0.8 }
}

fn brand() -> BrandProfile {
    toml::from_str(
        r#"
        id = "shop"
        name = "Shop"
        description = "Shop sells things to people who want them, and keeps its promises to every one of them."
        languages = ["en"]
        refusal = "I can't help with that."
        [voice]
        tone = "Plain."
        max_words = 40
        forbidden_claims = ["guaranteed results", "100% secure"]
        [[voice.replace]]
        avoid = "utilize"
        use = "use"
        "#,
    )
    .unwrap()
}
