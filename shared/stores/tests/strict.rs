//! All stores on the strict model of DynamoDB.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

#[path = "strict/both.rs"]
mod both;
#[path = "strict/differential.rs"]
mod differential;

use std::sync::Arc;
use std::time::Duration;

use farthing_domain::money::Usd;
use farthing_domain::ports::{Jobs, Ledger, LedgerAudit};
use farthing_domain::time::Timestamp;
use farthing_stores::{
    DynamoAnswerCache, DynamoApiKeys, DynamoJobs, DynamoLearned, DynamoLedger, DynamoOutcomes, DynamoReleases,
    DynamoVersions, LedgerConfig, Table,
};
use farthing_testkit::strict_dynamo::StrictDynamo;
use farthing_testkit::{ledger_suite, stores_suite};

use both::Both;

async fn table() -> Table {
    let table = Table::over(StrictDynamo::new(), "farthing");
    table.create_if_missing().await.unwrap();
    table.create_if_missing().await.unwrap();
    table
}

async fn ledger(cap: Usd, stop_percent: u8) -> Arc<dyn Ledger> {
    Arc::new(DynamoLedger::new(table().await, LedgerConfig::new(cap, stop_percent, "1")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_is_a_ledger() {
    ledger_suite::run_all(ledger).await;
}

#[test]
fn it_does_as_the_oracle_does() {
    ledger_suite::agrees_with_the_oracle(64, ledger);
}

#[tokio::test]
async fn it_is_an_answer_cache() {
    let table = table().await;
    let cache = DynamoAnswerCache::new(table.clone(), Duration::ZERO);
    let other = DynamoAnswerCache::new(table, Duration::ZERO);
    stores_suite::check_answer_cache(&cache, &other).await;
}

#[tokio::test]
async fn it_is_an_outcome_log() {
    stores_suite::check_outcome_log(&DynamoOutcomes::new(table().await)).await;
}

#[tokio::test]
async fn they_are_releases() {
    stores_suite::check_releases(&DynamoReleases::new(table().await)).await;
}

#[tokio::test]
async fn they_are_versions_of_the_policy() {
    stores_suite::check_policy_versions(&DynamoVersions::new(table().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_is_learned_knowledge() {
    stores_suite::check_learned_knowledge(&DynamoLearned::new(table().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn they_are_api_keys() {
    stores_suite::check_api_keys(&DynamoApiKeys::new(table().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn they_are_jobs() {
    stores_suite::check_jobs(Arc::new(DynamoJobs::new(table().await))).await;
}

#[test]
fn jobs_do_as_the_oracle_does() {
    stores_suite::jobs_agree_with_the_oracle(64, async || {
        let jobs: Arc<dyn Jobs> = Arc::new(DynamoJobs::new(table().await));
        jobs
    });
}

/// The stores' own requests, as they come in random scripts and in the suites.
#[test]
fn the_ledger_s_requests_are_answered_as_embedded_dynamo_does() {
    ledger_suite::agrees_with_the_oracle(32, async |cap, stop_percent| {
        let table = Table::over(Both::new(), "farthing");
        table.create_if_missing().await.unwrap();
        let ledger: Arc<dyn Ledger> = Arc::new(DynamoLedger::new(table, LedgerConfig::new(cap, stop_percent, "1")));
        ledger
    });
}

#[test]
fn the_jobs_requests_are_answered_as_embedded_dynamo_does() {
    stores_suite::jobs_agree_with_the_oracle(32, async || {
        let table = Table::over(Both::new(), "farthing");
        table.create_if_missing().await.unwrap();
        let jobs: Arc<dyn Jobs> = Arc::new(DynamoJobs::new(table));
        jobs
    });
}

#[tokio::test]
async fn the_other_stores_requests_are_answered_as_embedded_dynamo_does() {
    let both = Both::new();
    let table = Table::over(both.clone(), "farthing");
    table.create_if_missing().await.unwrap();
    let caches = [(); 2].map(|()| DynamoAnswerCache::new(table.clone(), Duration::ZERO));
    stores_suite::check_answer_cache(&caches[0], &caches[1]).await;
    stores_suite::check_outcome_log(&DynamoOutcomes::new(table.clone())).await;
    stores_suite::check_releases(&DynamoReleases::new(table.clone())).await;
    stores_suite::check_api_keys(&DynamoApiKeys::new(table.clone())).await;
    stores_suite::check_policy_versions(&DynamoVersions::new(table.clone())).await;
    stores_suite::check_learned_knowledge(&DynamoLearned::new(table.clone())).await;
    let audited = DynamoLedger::new(table, LedgerConfig::new(Usd::ZERO, 95, "1"));
    assert!(audited.attempts(Timestamp::from_millis(0).month()).await.unwrap().is_empty());
    both.compare_tables("farthing").await;
    assert!(both.compared("done") > 20 && both.compared("ConditionalCheckFailedException") > 0);
}

#[test]
fn random_requests_are_answered_as_embedded_dynamo_does() {
    differential::agree_on_random_requests(256);
}
