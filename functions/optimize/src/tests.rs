use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use farthing_bootstrap::clock::{SystemClock, Ulids};
use farthing_domain::ids::{RequestId, Tenant};
use farthing_domain::jobs::{Job, JobClaim};
use farthing_domain::money::Usd;
use farthing_domain::outcome::{Feedback, Outcome, Summary};
use farthing_domain::ports::{Clock as _, Ids as _, Jobs as _, OutcomeLog, Rated, StoreError};
use farthing_domain::time::Month;
use farthing_testkit::stores_suite::OracleJobs;

use super::*;

/// A month with this sum of outcomes, or one that cannot be read.
struct FixedMonth(Option<Summary>);

#[async_trait]
impl OutcomeLog for FixedMonth {
    async fn record(&self, _: &Outcome) -> Result<(), StoreError> {
        Ok(())
    }

    async fn page(&self, _: &str, _: u8, _: Option<&RequestId>, _: usize) -> Result<Vec<Outcome>, StoreError> {
        Ok(Vec::new())
    }

    async fn rate(&self, _: &Tenant, _: &RequestId, _: Feedback) -> Result<Rated, StoreError> {
        Ok(Rated::Unknown)
    }

    async fn summary(&self, _: Month) -> Result<Summary, StoreError> {
        self.0.clone().ok_or_else(|| StoreError { store: "outcomes", cause: "as the test says".into() })
    }
}

fn optimize(jobs: &Arc<OracleJobs>, summary: Option<Summary>) -> Optimize {
    Optimize {
        jobs: jobs.clone(),
        outcomes: Arc::new(FixedMonth(summary)),
        ids: Arc::new(Ulids::default()),
        clock: Arc::new(SystemClock),
    }
}

fn busy_month() -> Summary {
    Summary { total: 12, local: 9, paid: 3, cost: Usd::from_nanos(20_000_000), ..Summary::default() }
}

#[tokio::test]
async fn a_week_has_one_run_with_one_result_however_often_its_event_comes() {
    let jobs = Arc::new(OracleJobs::default());
    let first = handle(&optimize(&jobs, Some(busy_month()))).await.unwrap();
    assert_eq!((&first["state"], &first["result"]["learned"]), (&json!("made"), &json!("nothing to learn yet")));
    let figures = ["requests", "local", "paid", "costUsd"].map(|name| first["result"][name].clone());
    assert_eq!(figures, [json!(12), json!(9), json!(3), json!(0.02)], "{first}");
    let again = handle(&optimize(&jobs, Some(Summary::default()))).await.unwrap();
    assert_eq!((&again["state"], &again["result"]), (&json!("made_before"), &first["result"]));
}

#[tokio::test]
async fn a_run_that_failed_is_made_by_the_next_event() {
    let jobs = Arc::new(OracleJobs::default());
    let failed = handle(&optimize(&jobs, None)).await;
    assert!(matches!(failed, Err(OptimizeFailed::Store(_))), "{failed:?}");
    tokio::time::sleep(Duration::from_millis(5)).await;
    let next = handle(&optimize(&jobs, Some(busy_month()))).await.unwrap();
    assert_eq!(next["state"], json!("made"), "{next}");
}

#[tokio::test]
async fn an_event_that_comes_while_a_run_is_made_has_to_come_again() {
    let jobs = Arc::new(OracleJobs::default());
    let now = SystemClock.now();
    let lease = now.plus(Duration::from_secs(60));
    let claim = JobClaim { job: Job::Optimize, week: now.week(), owner: Ulids::default().request_id(), lease };
    jobs.begin(&claim, now).await.unwrap();
    let refused = handle(&optimize(&jobs, Some(busy_month()))).await;
    assert!(matches!(refused, Err(OptimizeFailed::Underway { .. })), "{refused:?}");
}
