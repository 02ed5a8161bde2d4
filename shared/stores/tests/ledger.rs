//! The ledger on embedded DynamoDB, in memory and in a file.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::sync::Arc;

use farthing_domain::money::Usd;
use farthing_domain::ports::Ledger;
use farthing_domain::time::Timestamp;
use farthing_embedded::EmbeddedDynamo;
use farthing_stores::{DynamoLedger, LedgerConfig, Table};
use farthing_testkit::ledger_suite;

async fn table(database: EmbeddedDynamo) -> Table {
    let table = Table::over(database, "farthing");
    table.create_if_missing().await.unwrap();
    table
}

async fn in_memory(cap: Usd, stop_percent: u8) -> Arc<dyn Ledger> {
    let table = table(EmbeddedDynamo::in_memory().unwrap()).await;
    Arc::new(DynamoLedger::new(table, LedgerConfig::new(cap, stop_percent, "1")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_is_a_ledger_in_memory() {
    ledger_suite::run_all(in_memory).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_is_a_ledger_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    ledger_suite::run_all(async |cap, stop_percent| {
        let file = folder.path().join(format!("{}.db", ulid::Ulid::new()));
        let table = table(EmbeddedDynamo::open(&file).unwrap()).await;
        let ledger: Arc<dyn Ledger> = Arc::new(DynamoLedger::new(table, LedgerConfig::new(cap, stop_percent, "1")));
        ledger
    })
    .await;
}

#[test]
fn it_does_as_the_oracle_does() {
    ledger_suite::agrees_with_the_oracle(64, in_memory);
}

/// The cap, what is available and what is spent, in dollars, after a process with this budget started.
async fn books_after_start(table: &Table, cap: &str) -> (f64, f64, f64) {
    let month = Timestamp::from_millis(1_795_000_000_000).month();
    let ledger = DynamoLedger::new(table.clone(), LedgerConfig::new(Usd::parse(cap).unwrap(), 95, "1"));
    ledger.adopt_budget(month).await.unwrap();
    ledger.set_stopped(month, false).await.unwrap();
    let books = ledger.books(month).await.unwrap();
    (books.cap.as_dollars(), books.available.as_dollars(), books.settled.as_dollars())
}

#[tokio::test]
async fn an_open_month_follows_the_owner_s_budget() {
    let table = table(EmbeddedDynamo::in_memory().unwrap()).await;
    assert_eq!(books_after_start(&table, "200").await, (200.0, 190.0, 0.0));
    assert_eq!(books_after_start(&table, "300").await, (300.0, 285.0, 0.0));
    assert_eq!(books_after_start(&table, "300").await, (300.0, 285.0, 0.0), "a second start changes nothing");
    assert_eq!(books_after_start(&table, "100").await, (100.0, 95.0, 0.0));
}
