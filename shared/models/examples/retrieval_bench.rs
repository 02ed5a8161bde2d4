//! Times a search at 1,000 and at 100,000 passages.
//!
//! Passages are made of sentences of the demo knowledge and the labelled data in another order;
//! vectors are random and of length 1, which is the same work as real ones. Run with
//! `cargo run --release -p farthing-models --example retrieval_bench`.

use std::path::Path;
use std::time::{Duration, Instant};

use farthing_models::knowledge::KnowledgeIndex;
use farthing_models::knowledge::answerability::{Calibration, FEATURES, Head};
use farthing_models::knowledge::answerer::retrieve;
use farthing_models::knowledge::matrix::Matrix;
use farthing_models::knowledge::source::Entry;

const COLUMNS: usize = 384;
const ROUNDS: usize = 51;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut sentences = Vec::new();
    for file in ["intents.jsonl", "complexity.jsonl", "toxicity.jsonl"] {
        let lines = std::fs::read_to_string(repository.join("shared/learning/data").join(file))?;
        for line in lines.lines() {
            let row: serde_json::Value = serde_json::from_str(line)?;
            sentences.extend(row["text"].as_str().map(str::to_owned));
        }
    }
    let mut random = Random(7);
    for passages in [1_000, 100_000] {
        bench(passages, &sentences, &mut random)?;
    }
    Ok(())
}

fn bench(passages: usize, sentences: &[String], random: &mut Random) -> Result<(), Box<dyn std::error::Error>> {
    let mut pick =
        |count: usize| (0..count).map(|_| sentences[random.below(sentences.len())].as_str()).collect::<Vec<_>>();
    let entries: Vec<Entry> = (0..passages)
        .map(|at| Entry {
            id: format!("bench#{at}"),
            title: pick(1).concat(),
            also: pick(1).into_iter().map(str::to_owned).collect(),
            passages: vec![pick(4).join(" ")],
            file: "bench".to_owned(),
            line: at + 1,
        })
        .collect();
    let (phrasings, answers) = (vectors(2 * passages, random)?, vectors(passages, random)?);
    let start = Instant::now();
    let index = KnowledgeIndex::from_vectors(entries, phrasings, answers)?;
    let opened = start.elapsed();
    let calibration = Calibration { a: 1.0, b: 0.0 };
    let head = Head::new([0.1; FEATURES.len()], 0.0, calibration, serde_json::Value::Null)?;
    let (mut searches, mut retrievals, mut found) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        let query = sentences[random.below(sentences.len())].as_str();
        let vector = vectors(1, random)?;
        let start = Instant::now();
        found += index.search(query, vector.row(0), 3)?.passages.len();
        searches.push(start.elapsed());
        let start = Instant::now();
        found += retrieve(&index, &head, query, vector.row(0), 3)?.passages.len();
        retrievals.push(start.elapsed());
    }
    let ((search, slow_search), (whole, slow_whole)) = (median(searches), median(retrievals));
    report(&format!(
        "{passages} passages, {} phrasings: search {search:.1?} (95 %: {slow_search:.1?}), with answerability {whole:.1?} \
         (95 %: {slow_whole:.1?}), opened in {opened:.1?}; {found} found",
        2 * passages
    ));
    Ok(())
}

/// The median, and what 95 of 100 stay under.
fn median(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() * 95 / 100])
}

fn vectors(rows: usize, random: &mut Random) -> Result<Matrix, Box<dyn std::error::Error>> {
    let mut values: Vec<f32> = (0..rows * COLUMNS).map(|_| random.unit() - 0.5).collect();
    for row in values.chunks_mut(COLUMNS) {
        let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        row.iter_mut().for_each(|value| *value /= length);
    }
    Ok(Matrix::new(COLUMNS, values)?)
}

#[expect(clippy::print_stdout, reason = "a benchmark's result is what it prints")]
fn report(line: &str) {
    println!("{line}");
}

/// `SplitMix64`: the same passages in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 24) as f32
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}
