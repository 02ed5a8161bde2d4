//! What rephrasing does to middling answers, with and without the language model.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use farthing_bootstrap::files::OwnerFiles;
use farthing_domain::ports::{Passage, Rephraser, Validation, Validator};
use farthing_domain::quality::Verdict;
use farthing_models::cpu::CpuPool;
use farthing_models::encoder::{Encoder, MiniLm};
use farthing_models::generator::LocalGenerator;
use farthing_models::rephraser::{EditingRephraser, GeneratingRephraser};
use farthing_models::validator::{Examiner, HeadValidator, QualityHeads};

use crate::server::ROOT;
use crate::{encoder_files, judging, middle, millis};

/// Every how many-th question of the labelled answers is used: the model takes a second for each answer.
const EVERY: usize = 3;

struct Row {
    question: String,
    passages: Vec<String>,
    answer: String,
    acceptable: bool,
}

/// What became of the answers.
#[derive(Default)]
struct Tally {
    changed: usize,
    before: f32,
    after: f32,
    /// Acceptable answers, and others, that are delivered now.
    lifted: [usize; 2],
    times: Vec<f64>,
}

pub(crate) async fn measure(generator: LocalGenerator) {
    let [model, tokenizer] = encoder_files();
    let encoder: Arc<dyn Encoder> = Arc::new(MiniLm::load(&model, &tokenizer).unwrap());
    let heads = QualityHeads::from_json(&judging::file("complexity-head/quality.json")).unwrap();
    let examiner = Arc::new(Examiner::new(encoder.clone(), judging::toxicity()));
    let pool = CpuPool::for_this_machine(8);
    let validator: Arc<dyn Validator> = Arc::new(HeadValidator::new(examiner.clone(), heads, pool.clone()));
    let editing = EditingRephraser::new(examiner.clone(), pool.clone());
    let generating = GeneratingRephraser::new(examiner, validator.clone(), Arc::new(generator), pool);
    let files = OwnerFiles::load(&PathBuf::from(ROOT).join("infra")).unwrap();
    let brand = files.agents.values().next().unwrap();

    let (mut of_editing, mut of_generating) = (Tally::default(), Tally::default());
    let (mut middling, mut acceptable) = (0, 0);
    for row in rows() {
        let vector = encoder.embed(&row.question).unwrap();
        let passage =
            |text: &String| Passage { id: String::new(), title: String::new(), text: text.clone(), score: 0.8 };
        let passages: Vec<Passage> = row.passages.iter().map(passage).collect();
        let validation = Validation {
            brand,
            query: &row.question,
            query_embedding: &vector,
            answer: &row.answer,
            passages: &passages,
            must_be_grounded: false,
            prior: files.policy.quality.paid_prior,
            answerability: None,
            system_prompt: "",
        };
        let quality = validator.validate(validation).await.unwrap();
        if quality.verdict(&files.policy.quality) != Verdict::Rephrase {
            continue;
        }
        middling += 1;
        acceptable += usize::from(row.acceptable);
        for (rephraser, tally) in
            [(&editing as &dyn Rephraser, &mut of_editing), (&generating as &dyn Rephraser, &mut of_generating)]
        {
            let started = Instant::now();
            let rephrased = rephraser.rephrase(validation, &quality).await.unwrap();
            tally.times.push(millis(started.elapsed()));
            let Some(rephrased) = rephrased else { continue };
            let after = validator.validate(Validation { answer: &rephrased, ..validation }).await.unwrap();
            tally.changed += 1;
            tally.before += quality.score;
            tally.after += after.score.max(quality.score);
            if after.verdict(&files.policy.quality) == Verdict::Deliver {
                tally.lifted[usize::from(!row.acceptable)] += 1;
            }
        }
    }
    println!("rephrasing {middling} labelled answers between the thresholds, {acceptable} of them acceptable");
    for (name, tally) in [("editing", of_editing), ("and the language model", of_generating)] {
        let changed = tally.changed.max(1) as f32;
        println!(
            "rephrasing {name}: {} changed, score {:.3} to {:.3}; above the threshold then {} acceptable and {} others; {:.0} ms",
            tally.changed,
            tally.before / changed,
            tally.after / changed,
            tally.lifted[0],
            tally.lifted[1],
            middle(tally.times)
        );
    }
}

fn rows() -> Vec<Row> {
    let files = ["answers", "answers_more", "answers_third", "answers_fourth", "answers_fifth"];
    let texts = files.map(|name| std::fs::read_to_string(format!("{ROOT}/shared/learning/data/{name}.jsonl")).unwrap());
    let rows = texts.iter().flat_map(|text| text.lines()).map(|line| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        Row {
            question: text(&row["question"]),
            passages: row["passages"].as_array().unwrap().iter().map(text).collect(),
            answer: text(&row["answer"]),
            acceptable: row["acceptable"].as_bool().unwrap(),
        }
    });
    rows.step_by(EVERY).collect()
}
