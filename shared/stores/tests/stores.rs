//! The other stores: on embedded DynamoDB and in a directory.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::sync::Arc;
use std::time::Duration;

use farthing_domain::cache::CachedAnswer;
use farthing_domain::ids::AgentId;
use farthing_domain::ports::{AnswerCache, CacheLookup, Jobs, WeekArchive as _};
use farthing_domain::time::Timestamp;
use farthing_embedded::EmbeddedDynamo;
use farthing_stores::{
    DirectoryModelStore, DocumentArchive, DynamoAnswerCache, DynamoApiKeys, DynamoJobs, DynamoLearned, DynamoOutcomes,
    DynamoReleases, DynamoVersions, Table,
};
use farthing_testkit::stores_suite;

/// Runs `check` on a table in memory and on one in a file.
async fn on_each(check: impl AsyncFn(Table)) {
    let folder = tempfile::tempdir().unwrap();
    let in_file = EmbeddedDynamo::open(&folder.path().join("farthing.db")).unwrap();
    for database in [EmbeddedDynamo::in_memory().unwrap(), in_file] {
        let table = Table::over(database, "farthing");
        table.create_if_missing().await.unwrap();
        table.create_if_missing().await.unwrap();
        check(table).await;
    }
}

#[tokio::test]
async fn it_is_an_answer_cache() {
    on_each(async |table| {
        let cache = DynamoAnswerCache::new(table.clone(), Duration::ZERO);
        let other = DynamoAnswerCache::new(table, Duration::ZERO);
        stores_suite::check_answer_cache(&cache, &other).await;
    })
    .await;
}

#[tokio::test]
async fn it_is_an_outcome_log() {
    on_each(async |table| stores_suite::check_outcome_log(&DynamoOutcomes::new(table)).await).await;
}

#[tokio::test]
async fn they_are_releases() {
    on_each(async |table| stores_suite::check_releases(&DynamoReleases::new(table)).await).await;
}

#[tokio::test]
async fn they_are_versions_of_the_policy() {
    on_each(async |table| stores_suite::check_policy_versions(&DynamoVersions::new(table)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_is_learned_knowledge() {
    on_each(async |table| stores_suite::check_learned_knowledge(&DynamoLearned::new(table)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn they_are_api_keys() {
    on_each(async |table| stores_suite::check_api_keys(&DynamoApiKeys::new(table)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn they_are_jobs() {
    on_each(async |table| stores_suite::check_jobs(Arc::new(DynamoJobs::new(table))).await).await;
}

#[test]
fn jobs_do_as_the_oracle_does() {
    stores_suite::jobs_agree_with_the_oracle(64, async || {
        let table = Table::over(EmbeddedDynamo::in_memory().unwrap(), "farthing");
        table.create_if_missing().await.unwrap();
        let jobs: Arc<dyn Jobs> = Arc::new(DynamoJobs::new(table));
        jobs
    });
}

#[tokio::test]
async fn a_directory_is_a_model_store() {
    let folder = tempfile::tempdir().unwrap();
    stores_suite::check_model_store(&DirectoryModelStore::new(folder.path().join("models"))).await;
}

#[tokio::test]
async fn a_directory_is_an_archive_of_weeks() {
    let folder = tempfile::tempdir().unwrap();
    let archive = DocumentArchive::in_directory(folder.path());
    stores_suite::check_week_archive(&archive).await;
    std::fs::write(folder.path().join("baseline.json"), "{").unwrap();
    let error = archive.baseline().await.unwrap_err();
    assert!(error.cause.to_string().starts_with("`baseline.json` is malformed: EOF"), "{}", error.cause);
}

#[tokio::test]
async fn what_other_processes_add_is_found_when_it_is_time_to_look() {
    let table = Table::over(EmbeddedDynamo::in_memory().unwrap(), "farthing");
    table.create_if_missing().await.unwrap();
    let cache = DynamoAnswerCache::new(table.clone(), DynamoAnswerCache::REFRESH_EVERY);
    let other = DynamoAnswerCache::new(table, DynamoAnswerCache::REFRESH_EVERY);
    let (agent, now) = (AgentId::parse("agent").unwrap(), Timestamp::from_millis(1_796_080_500_000));
    let near = async |after: u64| {
        let now = now.plus(Duration::from_secs(after));
        let lookup = CacheLookup { agent: &agent, key: "none", embedding: Some(&[1.0]), min_similarity: 0.9, now };
        let mut keys: Vec<_> =
            cache.look_up(lookup).await.unwrap().1.into_iter().map(|(_, answer)| answer.key).collect();
        keys.sort();
        keys
    };
    let keep = async |cache: &DynamoAnswerCache, key: &str, after: u64| {
        let created = now.plus(Duration::from_secs(after));
        let answer = CachedAnswer {
            key: key.to_owned(),
            query: Some(key.to_owned()),
            embedding: vec![1.0],
            answer: "yes".to_owned(),
            model: "model".to_owned(),
            score: 0.9,
            tokens: (1, 1),
            created,
        };
        cache.keep(&agent, &answer, created.plus(Duration::from_secs(3_600))).await.unwrap();
    };
    assert!(near(0).await.is_empty());
    keep(&other, "theirs", 1).await;
    keep(&cache, "ours", 2).await;
    assert_eq!(near(3).await, ["ours"], "our own is found at once");
    assert_eq!(near(31).await, ["ours", "theirs"]);
    // Later, only what is new is read; the rest is still there.
    keep(&other, "more", 290).await;
    assert_eq!(near(300).await, ["more", "ours", "theirs"]);
}
