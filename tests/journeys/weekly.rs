//! The report of the week that has ended, also when the program is killed while it makes it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use farthing_bootstrap::clock::SystemClock;
use farthing_domain::ports::{Clock as _, OutcomeLog as _};
use farthing_domain::time::Week;
use farthing_embedded::EmbeddedDynamo;
use farthing_stores::{DynamoOutcomes, Table};
use farthing_testkit::outcomes::paid;
use serde_json::Value;
use tempfile::TempDir;

use crate::server::program;

const OUTCOMES: u32 = 1_400;

fn ended() -> Week {
    SystemClock.now().week().previous()
}

/// A data folder with a week's outcomes.
async fn week_of_outcomes(data: &Path) {
    let table = Table::over(EmbeddedDynamo::open(&data.join("dynamodb.sqlite")).unwrap(), "farthing");
    table.create_if_missing().await.unwrap();
    let log = DynamoOutcomes::new(table);
    let apart = Duration::from_secs(7 * 86_400) / OUTCOMES;
    for number in 0..OUTCOMES {
        log.record(&paid(number, ended().start().plus(number * apart))).await.unwrap();
    }
}

fn report(data: &Path, more: &[&str]) -> Command {
    let mut command = program();
    command.arg("report").args(more).arg("--data").arg(data).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// All documents, but for what a killed process had not finished.
fn documents(data: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let folder = data.join("learning");
    let week = folder.join(ended().to_string());
    let files = [&folder, &week].into_iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let files = files.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some());
    files.map(|path| (path.strip_prefix(&folder).unwrap().to_owned(), std::fs::read(&path).unwrap())).collect()
}

/// A data folder in which a run over these outcomes was killed after it had kept its first checkpoint.
async fn killed_halfway(outcomes: &Path) -> TempDir {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(outcomes, folder.path().join("dynamodb.sqlite")).unwrap();
        let week = folder.path().join("learning").join(ended().to_string());
        let mut run = report(folder.path(), &[]).spawn().unwrap();
        while !week.join("checkpoint.json").exists() && run.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let _ = run.kill();
        run.wait().unwrap();
        if !week.join("report.json").exists() {
            assert!(week.join("checkpoint.json").exists(), "it read nothing");
            return folder;
        }
    }
    panic!("it was always killed too late");
}

#[tokio::test]
async fn a_run_that_was_killed_is_taken_over_and_gives_the_same_report() {
    let whole = tempfile::tempdir().unwrap();
    week_of_outcomes(whole.path()).await;
    let outcomes = whole.path().join("dynamodb.sqlite");
    let killed = killed_halfway(&outcomes).await;
    let told = report(whole.path(), &["--json"]).output().unwrap();
    let found: Value = serde_json::from_slice(&told.stdout).unwrap_or_else(|error| panic!("{error}: {told:?}"));
    assert_eq!(found["weeks"][0]["requests"], OUTCOMES, "{found}");
    assert_eq!(found["days"].as_array().unwrap().len(), 7);

    // Whoever comes while the lease lasts is told so; then the run is taken over.
    let begun = Instant::now();
    let refused = report(killed.path(), &[]).output().unwrap();
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && error.contains("another invocation makes the weekly run"), "{error}");
    loop {
        let told = report(killed.path(), &[]).output().unwrap();
        if told.status.success() {
            assert!(String::from_utf8_lossy(&told.stdout).starts_with(&format!("# {}", ended())), "{told:?}");
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(180), "{told:?}");
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    assert_eq!(documents(killed.path()), documents(whole.path()));
}

#[test]
fn a_week_without_a_report_is_named() {
    let data = tempfile::tempdir().unwrap();
    for (week, expected) in
        [("2020-W01", "there is no report of 2020-W01"), ("2026-48", "expected a week of ISO 8601 such as 2026-W48")]
    {
        let told = report(data.path(), &["--week", week]).output().unwrap();
        let error = String::from_utf8_lossy(&told.stderr).into_owned();
        assert!(!told.status.success() && error.contains(expected), "{error}");
    }
}
