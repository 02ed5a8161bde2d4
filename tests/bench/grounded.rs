//! What questions come to with and without a language model that answers from passages.

use std::path::{Path, PathBuf};
use std::time::Instant;

use farthing_models::knowledge::source;
use serde_json::{Value, json};

use crate::server::{ROOT, copy_infra, program};

/// From this answerability up the model answers.
const WRITE_FROM: &str = "0.2";

pub(crate) fn measure() {
    let folder = tempfile::tempdir().unwrap();
    let infra = folder.path().join("infra");
    copy_infra(&infra);
    let policy = std::fs::read_to_string(infra.join("policy.toml")).unwrap();
    let writes = policy.replace("write_from = 1.0", &format!("write_from = {WRITE_FROM}"));
    assert_ne!(writes, policy);
    std::fs::write(infra.join("policy.toml"), writes).unwrap();

    let data = PathBuf::from(ROOT).join("tests/data");
    let (questions, knowledge) = demo(folder.path());
    for (name, questions, knowledge) in [
        ("the demo agent", questions, knowledge),
        ("curl's FAQ", data.join("curl_questions.csv"), data.join("curl_faq.jsonl")),
    ] {
        for with_model in [false, true] {
            let mut eval = program();
            eval.args(["eval", "faq", "--json", "--file"]).arg(&questions).arg("--knowledge").arg(&knowledge);
            if with_model {
                eval.arg("--generator").arg("--infra").arg(&infra);
            }
            let started = Instant::now();
            let output = eval.output().unwrap();
            let took = started.elapsed().as_secs_f64();
            let printed = String::from_utf8(output.stdout).unwrap();
            let found: Value = serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"));
            println!(
                "grounded   {name}, {} language model: {} questions, answered {:.3}, right entry {:.3}, wrong {:.3}, near \
                 misses refused {:.3}; {} written; {took:.0} s",
                if with_model { "with the" } else { "without a" },
                found["n"],
                found["answered"],
                found["right"],
                found["wrong_delivered"],
                found["refused_unanswerable"],
                found["written_by_the_language_model"],
            );
        }
    }
}

/// The demo agent's held-out questions and its knowledge, in the form of an evaluation.
fn demo(folder: &Path) -> (PathBuf, PathBuf) {
    let files = source::read_files(&PathBuf::from(ROOT).join("infra/agents/rprd/knowledge")).unwrap();
    let entries = source::parse(&files).unwrap();
    let line = |entry: &source::Entry| json!({"question": entry.title, "answer": entry.passages.join("\n\n"), "also": entry.also});
    let lines: Vec<String> = entries.iter().map(|entry| line(entry).to_string()).collect();
    let knowledge = folder.join("knowledge.jsonl");
    std::fs::write(&knowledge, lines.join("\n")).unwrap();
    let questions = folder.join("questions.csv");
    let mut rows = csv::Writer::from_path(&questions).unwrap();
    rows.write_record(["question", "gold_index"]).unwrap();
    for line in std::fs::read_to_string(format!("{ROOT}/tests/data/rprd_questions.jsonl")).unwrap().lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let entry = row["entry"].as_str();
        let place = entry.map(|title| entries.iter().position(|entry| entry.title == title).unwrap().to_string());
        rows.write_record([row["query"].as_str().unwrap(), &place.unwrap_or_default()]).unwrap();
    }
    rows.flush().unwrap();
    (questions, knowledge)
}
