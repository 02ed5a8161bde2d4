//! What a policy costs is seen beforehand, on recorded answers.

use serde_json::Value;
use tempfile::TempDir;

use crate::server::{program, pull_weights_once};

/// One question that the demo agent's knowledge answers, one that it does not, and one for the strong model.
const TRAFFIC: &str = r#"{"part": "simple", "query": "What is your pricing?", "weight": 2, "answers": {"*": {"output_tokens": 60}}}
{"part": "simple", "query": "Do you sell telescopes?", "answers": {"*": {"output_tokens": 40}}}
{"part": "high", "query": "Prove by induction that the sum of the first n odd numbers is n squared, and solve for n = 40.", "answers": {"*": {"output_tokens": 300}}}
"#;

/// Plays `traffic`. Gives whether that succeeded, and what was printed.
fn replay(traffic: &str) -> (bool, String) {
    pull_weights_once();
    let folder: TempDir = tempfile::tempdir().unwrap();
    let (file, data) = (folder.path().join("traffic.jsonl"), folder.path().join("data"));
    std::fs::write(&file, traffic).unwrap();
    let mut command = program();
    command.args(["bench", "replay", "--json", "--file"]).arg(&file).env("FARTHING_DATA", &data);
    let output = command.output().unwrap();
    assert!(!data.exists(), "a rehearsal leaves nothing behind");
    let errors = String::from_utf8(output.stderr).unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap() + &errors)
}

#[track_caller]
fn is(found: &Value, expected: f64) {
    let value = found.as_f64().unwrap_or_else(|| panic!("{found} is no number"));
    assert!((value - expected).abs() < 1e-5, "{value} is not {expected}");
}

#[test]
fn every_stage_is_played_side_by_side() {
    let (succeeded, printed) = replay(TRAFFIC);
    assert!(succeeded, "{printed}");
    assert_eq!(replay(TRAFFIC), (true, printed.clone()), "the same traffic gives the same figures");
    let found: Value = serde_json::from_str(&printed).unwrap();
    let stages = found["stages"].as_array().unwrap();
    let names: Vec<&str> = stages.iter().map(|stage| stage["stage"].as_str().unwrap()).collect();
    assert_eq!(names, ["shadow", "tenth", "half", "most", "full"]);
    let (shadow, full) = (&stages[0], &stages[4]);

    // Nobody answers locally at the shadow stage; the cheap model answers what is simple.
    is(&shadow["local"], 0.0);
    is(&shadow["paid"]["deepseek-chat"], 0.75);
    is(&shadow["paid"]["claude-sonnet"], 0.25);
    is(&shadow["unread"], 1.0);
    assert!(shadow["quality"].is_null(), "no words, no score: {shadow}");

    // At the full stage the known question costs nothing, and is judged.
    is(&full["local"], 0.5);
    is(&full["scored"], 0.5);
    assert!(full["quality"].as_f64().unwrap() > 0.8, "{full}");
    assert!(full["usd_per_1000"].as_f64().unwrap() < shadow["usd_per_1000"].as_f64().unwrap(), "{found}");

    // What the baseline answers either way saves nothing.
    is(&full["tiers"]["high"]["saved"], 0.0);
    is(&full["tiers"]["high"]["usd_per_1000"], shadow["tiers"]["high"]["usd_per_1000"].as_f64().unwrap());
    assert!(full["tiers"]["simple"]["saved"].as_f64().unwrap() > 0.9, "{found}");

    // What the local tier is not sure of goes to the cheapest model, with instructions and passages.
    assert_eq!(found["unsure"]["rows"], 1, "{found}");
    assert_eq!(found["unsure"]["models"]["deepseek-chat"], 1, "{found}");
    let (tokens, usd) =
        (found["unsure"]["prompt_tokens"].as_f64().unwrap(), found["unsure"]["usd_each"].as_f64().unwrap());
    assert!((200.0..1_500.0).contains(&tokens), "{tokens}");
    // 0.14 dollars for a million tokens in, 0.28 for a million out.
    assert!((usd - (tokens * 0.14 + 40.0 * 0.28) / 1e6).abs() < 2e-9, "{usd}");
}

#[test]
fn recorded_words_are_judged() {
    let rubbish = r#"{"part": "high", "query": "Prove that the square root of 2 is irrational.", "answers": {"*": {"text": "Banana banana banana."}}}"#;
    let (succeeded, printed) = replay(rubbish);
    assert!(succeeded, "{printed}");
    let found: Value = serde_json::from_str(&printed).unwrap();
    let full = &found["stages"][4];
    is(&full["unread"], 0.0);
    // Both models of the tier were paid for before nothing was delivered.
    is(&full["failed"], 1.0);
    assert!(full["saved"].as_f64().unwrap() < -0.5, "{full}");
}

#[test]
fn a_wrong_line_of_traffic_is_named() {
    let (succeeded, printed) = replay(&format!("{}\n{{\"part\": \"hard\"}}", TRAFFIC.trim_end()));
    assert!(!succeeded && printed.contains("traffic.jsonl, line 4: unknown variant `hard`"), "{printed}");
    let (succeeded, printed) = replay(&TRAFFIC.replace('*', "gpt-4o"));
    assert!(!succeeded && printed.contains("line 1: `answers`: expected one of `claude-sonnet`"), "{printed}");
}
