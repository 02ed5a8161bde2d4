//! The ledger on embedded DynamoDB, in memory and in a file.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::sync::Arc;

use farthing_domain::money::Usd;
use farthing_domain::ports::Ledger;
use farthing_stores::{DynamoLedger, EmbeddedDynamo, LedgerConfig, Table};
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
