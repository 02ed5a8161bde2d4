//! Many invocations at once, on a runtime of several threads.

use std::sync::Arc;
use std::time::Duration;

use farthing_domain::jobs::{JobClaim, JobRefused};
use farthing_domain::ports::Jobs;
use farthing_domain::time::Timestamp;
use futures::future::join_all;

use super::script::{LEASE, at, claim, result_of};

/// How many begin at once.
const RIVALS: usize = 32;

/// A schedule that fires many times at once starts one run.
pub(super) async fn one_of_many_begins(jobs: &Arc<dyn Jobs>, round: u8) {
    let winner = race(jobs, 2 + 3 * round, at(0)).await;
    end(jobs, &winner, "first", true).await;
}

/// Of many who find that the lease is over, one takes the job over.
pub(super) async fn one_of_many_takes_over(jobs: &Arc<dyn Jobs>, round: u8) {
    let week = 3 + 3 * round;
    let dead = claim(week, "dead", at(0));
    jobs.begin(&dead, at(0)).await.unwrap_or_else(|error| panic!("{error}"));
    let winner = race(jobs, week, after_the_lease()).await;
    end(jobs, &dead, "dead", false).await;
    end(jobs, &winner, "second", true).await;
}

/// The owner ends its job late, several times, while another takes it over: one of them has it,
/// both agree who, and there is one result.
pub(super) async fn a_takeover_and_a_late_end_have_one_result(jobs: &Arc<dyn Jobs>, round: u8) {
    let (week, now) = (4 + 3 * round, after_the_lease());
    let (late, next) = (claim(week, "late", at(0)), claim(week, "next", now));
    jobs.begin(&late, at(0)).await.unwrap_or_else(|error| panic!("{error}"));
    let begins = tokio::spawn({
        let (jobs, next) = (Arc::clone(jobs), next.clone());
        async move { jobs.begin(&next, now).await }
    });
    let ends = (0..4).map(|_| {
        let (jobs, late) = (Arc::clone(jobs), late.clone());
        tokio::spawn(async move { jobs.finish(&late, &result_of("late")).await })
    });
    let mut is_late_s = Vec::new();
    for ended in join_all(ends).await {
        is_late_s.push(ended.unwrap_or_else(|error| panic!("{error}")).unwrap_or_else(|error| panic!("{error}")));
    }
    match begins.await.unwrap_or_else(|error| panic!("{error}")) {
        Ok(()) => {
            assert_eq!(is_late_s, [false; 4], "taken over and ended by the former owner");
            end(jobs, &next, "next", true).await;
        }
        Err(JobRefused::Done(result)) => {
            assert_eq!((result.as_str(), is_late_s), ("late", vec![true; 4]));
            end(jobs, &next, "next", false).await;
        }
        Err(other) => panic!("the lease was over: {other}"),
    }
}

/// Has many begin the job at once and returns the one that may do it.
async fn race(jobs: &Arc<dyn Jobs>, week: u8, now: Timestamp) -> JobClaim {
    let rivals = (0..RIVALS).map(|rival| {
        let (jobs, claim) = (Arc::clone(jobs), claim(week, &format!("r{rival}"), now));
        tokio::spawn(async move { (jobs.begin(&claim, now).await, claim) })
    });
    let mut winners = Vec::new();
    for begun in join_all(rivals).await {
        match begun.unwrap_or_else(|error| panic!("{error}")) {
            (Ok(()), claim) => winners.push(claim),
            (Err(JobRefused::Running { retry_after }), _) => assert_eq!(retry_after, LEASE),
            (Err(other), _) => panic!("refused for another reason: {other}"),
        }
    }
    assert_eq!(winners.len(), 1, "begin the same job: {winners:?}");
    winners.remove(0)
}

async fn end(jobs: &Arc<dyn Jobs>, claim: &JobClaim, result: &str, is_accepted: bool) {
    let ended = jobs.finish(claim, &result_of(result)).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ended, is_accepted, "{claim:?}");
}

fn after_the_lease() -> Timestamp {
    at(0).plus(LEASE + Duration::from_millis(1))
}
