//! The sweeper is seen to run, and the ledger can be held against what the providers bill.

use std::fmt::Write as _;
use std::process::Output;
use std::time::Duration;

use farthing_testkit::loopback::{Reply, Script};
use serde_json::{Value, json};

use crate::server::{DEEPSEEK, GOOD_ANSWER, MEDIUM_QUERY, Server};

#[tokio::test]
async fn the_last_sweep_is_told() {
    let server = Server::start().await;
    // The first sweep is made beside the first requests.
    let mut budget = server.get("/api/budget/status").await.json;
    for _ in 0..200 {
        if !budget["lastSweep"].is_null() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        budget = server.get("/api/budget/status").await.json;
    }
    let last = &budget["lastSweep"];
    assert!(last["at"].as_str().is_some_and(|at| at.starts_with("20") && at.ends_with('Z')), "{budget}");
    assert_eq!([&last["expired"], &last["pending"]], [0, 0]);
    assert_eq!(last["chargedUsd"], 0.0);
    let month = &budget["monthly"];
    assert_eq!((&month["state"], &month["unknown"], &month["adjusted"]), (&json!("open"), &json!(0.0), &json!(0.0)));
    let models = server.get("/api/models/status").await.json;
    assert_eq!((&models["status"], &models["missing"]), (&json!("operational"), &json!([])));
    let status = server.command().arg("status").output().unwrap();
    let printed = String::from_utf8(status.stdout).unwrap();
    let swept = printed.lines().find(|line| line.starts_with("swept")).unwrap_or_else(|| panic!("{printed}"));
    assert!(swept.ends_with("0 reservations expired for $0.0, 0 pending"), "{swept}");
}

/// A server that has made a paid call, and one whose reply did not say what it cost.
async fn server_with_bills() -> Server {
    let server = Server::start().await;
    let script = Script::always(Reply::text(GOOD_ANSWER, 1_000, 100)).then(DEEPSEEK, Reply::NoUsage);
    server.providers.script(script);
    assert_eq!(server.ask(MEDIUM_QUERY).await.status, 200);
    let other = "Compare rye bread with wheat bread for a bakery that opens at six and explain which one sells.";
    server.ask(other).await;
    let bills = server.providers.meter().by_model();
    assert!(bills.values().map(|bill| bill.calls).sum::<u64>() >= 2 && bills.contains_key(DEEPSEEK), "{bills:?}");
    server
}

/// The providers' bills as CSV, a line a model, with `more` output tokens than there were.
fn bills_csv(server: &Server, more: u64) -> String {
    let mut csv = "model,input_tokens,output_tokens\n".to_owned();
    for (model, bill) in server.providers.meter().by_model() {
        writeln!(csv, "{model},{},{}", bill.input_tokens, bill.output_tokens + more).unwrap();
    }
    csv
}

fn reconcile(server: &Server, csv: Option<&str>, json: bool) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = server.command();
    command.arg("reconcile");
    if let Some(csv) = csv {
        let file = folder.path().join("usage.csv");
        std::fs::write(&file, csv).unwrap();
        command.arg("--usage").arg(file);
    }
    if json {
        command.arg("--json");
    }
    command.output().unwrap()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[tokio::test]
async fn the_ledger_covers_what_the_providers_bill() {
    let server = server_with_bills().await;
    let output = reconcile(&server, Some(&bills_csv(&server, 0)), true);
    let report = json_of(&output);
    assert!(output.status.success(), "{report}");
    assert_eq!(
        [&report["balanced"], &report["moved"], &report["covered"]],
        [&json!(true), &json!(false), &json!(true)],
        "{report}"
    );
    let rows = report["rows"].as_array().unwrap();
    let state_of = |row: &Value| row["state"].as_str().unwrap().to_owned();
    assert!(rows.iter().any(|row| state_of(row) == "posted_unknown" && row["model"] == "deepseek-chat"), "{report}");
    assert!(rows.iter().any(|row| state_of(row) == "posted"), "{report}");
    let charged = |row: &Value| row["chargedUsd"].as_str().unwrap().parse::<f64>().unwrap();
    let (used, ..) = server.money().await;
    assert!((rows.iter().map(charged).sum::<f64>() - used).abs() < 1e-9, "{used} used, {report}");
    let models = report["models"].as_array().unwrap();
    let deepseek = models.iter().find(|model| model["model"] == DEEPSEEK).unwrap_or_else(|| panic!("{report}"));
    let billed = server.providers.meter().of(DEEPSEEK);
    assert_eq!(deepseek["provider"]["tokens"], json!({"input": billed.input_tokens, "output": billed.output_tokens}));
    assert!(models.iter().all(|model| model["verdict"] == "covered"), "{report}");

    let text = String::from_utf8(reconcile(&server, Some(&bills_csv(&server, 0)), false).stdout).unwrap();
    assert!(text.contains("the books are those of the rows") && text.contains("covered"), "{text}");
}

#[tokio::test]
async fn a_bill_that_the_ledger_does_not_cover_is_an_alarm() {
    let server = server_with_bills().await;
    let output = reconcile(&server, Some(&bills_csv(&server, 1_000_000)), true);
    let report = json_of(&output);
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert_eq!((&report["balanced"], &report["covered"]), (&json!(true), &json!(false)));
    assert!(report["models"].as_array().unwrap().iter().all(|model| model["verdict"] == "over"), "{report}");
}

#[tokio::test]
async fn a_wrong_file_of_bills_is_told_with_its_line_and_column() {
    let server = Server::start().await;
    let output = reconcile(&server, None, true);
    assert!(output.status.success() && json_of(&output)["rows"] == json!([]), "{output:?}");
    let output = reconcile(&server, Some("model,input_tokens,output_tokens\ngpt-4o,10,few\n"), false);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let expected = "usage.csv: line 2, column `output_tokens`: expected a whole number of tokens, found `few`";
    assert!(said.trim_end().ends_with(expected), "{said}");
    let output = server.command().args(["reconcile", "--month", "2026-13"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("expected a year and a month, such as 2026-11"), "{said}");
}
