//! What judging costs: the heads beside the encoder's pass that they read, and the validator.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use farthing_bootstrap::files::OwnerFiles;
use farthing_domain::ports::{Analyst as _, Passage, Validation};
use farthing_models::analyst::{AnalystHeads, HeadAnalyst};
use farthing_models::cpu::CpuPool;
use farthing_models::encoder::{Embedding, Encoder, EncoderError, MiniLm};
use farthing_models::toxicity::{ToxicityHead, ToxicityReader};
use farthing_models::validator::{Examiner, QualityHeads};

use crate::server::ROOT;
use crate::{encoder_files, median, middle, millis};

const QUERIES: [&str; 4] = [
    "How do I change my delivery address?",
    "Compare the Basic and the Pro plan: which one suits a team of five better, and why?",
    "If a shirt costs $20 and is reduced by 15 %, and I buy three of them with a coupon of $5, what do I pay?",
    "my parcel was due on tuesday, it says delivered but nobody was at home and the neighbours have nothing either",
];

/// Knows the vector of each query: what is measured beside it is everything else.
struct Known(Vec<(String, Embedding)>, MiniLm);

impl Encoder for Known {
    fn embed(&self, text: &str) -> Result<Embedding, EncoderError> {
        match self.0.iter().find(|(known, _)| known == text) {
            Some((_, vector)) => Ok(vector.clone()),
            None => self.1.embed(text),
        }
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.1.count_tokens(text)
    }
}

/// Prints what the heads and the validator cost.
pub(crate) async fn measure() {
    heads().await;
    validator();
}

async fn heads() {
    let [model, tokenizer] = encoder_files();
    let encoder = MiniLm::load(&model, &tokenizer).unwrap();
    let pass = QUERIES.map(|query| median(40, || drop(encoder.embed(query).unwrap())));
    let vectors = QUERIES.map(|query| (query.to_owned(), encoder.embed(query).unwrap()));
    let heads = AnalystHeads::from_json(
        &file("complexity-head/complexity.json"),
        &file("complexity-head/injection.json"),
        toxicity(),
        &file("gain-head/gain.json"),
    );
    let known = Arc::new(Known(vectors.to_vec(), encoder));
    let analyst = HeadAnalyst::new(known, heads.unwrap(), CpuPool::for_this_machine(1));
    let mut times = Vec::new();
    for query in QUERIES.iter().cycle().take(200) {
        let started = Instant::now();
        analyst.analyse(query).await.unwrap();
        times.push(millis(started.elapsed()));
    }
    let time = middle(times);
    let pass = pass.iter().sum::<f64>() / pass.len() as f64;
    println!(
        "heads      all together {time:.2} ms, the encoder's pass {pass:.1} ms, ratio {:.2} (four queries)",
        time / pass
    );
}

fn validator() {
    let [model, tokenizer] = encoder_files();
    let encoder: Arc<dyn Encoder> = Arc::new(MiniLm::load(&model, &tokenizer).unwrap());
    let heads = QualityHeads::from_json(&file("complexity-head/quality.json")).unwrap();
    let examiner = Examiner::new(encoder.clone(), toxicity());
    let files = OwnerFiles::load(&PathBuf::from(ROOT).join("infra")).unwrap();
    let brand = files.agents.values().next().unwrap();
    let passage = |n: u32| Passage {
        id: n.to_string(),
        title: "Refunds".to_owned(),
        text: format!("Annual plans are refunded in full within {n} days of the first payment, if you ask for it."),
        score: 0.8,
    };
    let passages = [passage(30), passage(31), passage(32)];
    // Each answer is new to the examiner, so that none of its pieces is remembered; the passages are, as an agent's are.
    let answers = long_answers();
    let times = answers.iter().map(|[query, answer]| {
        let vector = encoder.embed(query).unwrap();
        let validation = Validation {
            brand,
            query,
            query_embedding: &vector,
            answer,
            passages: &passages,
            must_be_grounded: false,
            prior: files.policy.quality.paid_prior,
            answerability: None,
            system_prompt: "",
        };
        let started = Instant::now();
        heads.weigh(&examiner.examine(validation).unwrap(), false).unwrap();
        millis(started.elapsed())
    });
    let time = middle(times.collect());
    let pass = median(40, || drop(encoder.embed(&answers[0][1]).unwrap()));
    println!(
        "validator  {} answers of 140 to 160 words: median {time:.1} ms; one encoder's pass over such an answer {pass:.1} ms, ratio {:.2}",
        answers.len(),
        time / pass
    );
}

/// Questions and answers of 140 to 160 words, of those that the quality head was trained on.
fn long_answers() -> Vec<[String; 2]> {
    let rows = std::fs::read_to_string(format!("{ROOT}/shared/learning/data/solutions.jsonl")).unwrap();
    rows.lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|row| ["question", "answer"].map(|key| row[key].as_str().unwrap().to_owned()))
        .filter(|[_, answer]| (140..=160).contains(&answer.split_whitespace().count()))
        .collect()
}

pub(crate) fn toxicity() -> ToxicityHead {
    let reader = ToxicityReader::from_bytes(&file("toxicity-head/comments.safetensors")).unwrap();
    ToxicityHead::from_json(&file("toxicity-head/toxicity.json"), reader).unwrap()
}

pub(crate) fn file(name: &str) -> Vec<u8> {
    std::fs::read(format!("{ROOT}/infra/models/{name}")).unwrap()
}
