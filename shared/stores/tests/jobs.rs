//! The weekly jobs on a DynamoDB that loses requests and replies, or is busy.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

#[expect(dead_code, reason = "the ledger's tests use more of it")]
mod faulty;

use std::time::Duration;

use farthing_domain::ids::RequestId;
use farthing_domain::jobs::{Job, JobClaim, JobRefused, JobResult};
use farthing_domain::ports::Jobs;
use farthing_domain::time::Timestamp;
use farthing_embedded::EmbeddedDynamo;
use farthing_stores::{DynamoJobs, Table};

use faulty::{Fault, Faulty};

const NOW: Timestamp = Timestamp::from_millis(1_795_435_200_000);

async fn jobs() -> (DynamoJobs, Faulty) {
    let faulty = Faulty::new(EmbeddedDynamo::in_memory().unwrap());
    let table = Table::over(faulty.clone(), "farthing");
    table.create_if_missing().await.unwrap();
    (DynamoJobs::new(table), faulty)
}

fn claim(letter: char) -> JobClaim {
    let owner = RequestId::parse(&format!("{letter:0>26}")).unwrap();
    JobClaim { job: Job::Optimize, week: NOW.week(), owner, lease: NOW.plus(Duration::from_secs(60)) }
}

fn result() -> JobResult {
    JobResult::parse(r#"{"policy":7}"#).unwrap()
}

/// What comes of a begin and an end that meet these faults.
async fn check(begin: &[Fault], end: &[Fault], has_begun: bool, has_ended: Option<bool>) {
    let case = format!("{begin:?}, then {end:?}");
    let (jobs, faulty) = jobs().await;
    faulty.plan(begin);
    let begun = jobs.begin(&claim('a'), NOW).await;
    assert_eq!(begun.is_ok(), has_begun, "{case}: {begun:?}");
    assert!(matches!(begun, Ok(()) | Err(JobRefused::Store(_))), "{case}: {begun:?}");
    assert_eq!(faulty.left(), 0, "{case}");
    faulty.plan(end);
    let ended = jobs.finish(&claim('a'), &result()).await;
    assert_eq!(ended.as_ref().ok().copied(), has_ended, "{case}: {ended:?}");
    assert_eq!(faulty.left(), 0, "{case}");
}

#[tokio::test]
async fn a_lost_reply_is_no_other_invocation() {
    use Fault::{Busy, Failure, LostReply, LostRequest};
    check(&[LostReply], &[], true, Some(true)).await;
    check(&[LostRequest], &[], true, Some(true)).await;
    check(&[Failure], &[Failure], true, Some(true)).await;
    check(&[], &[LostReply], true, Some(true)).await;
    check(&[], &[LostRequest], true, Some(true)).await;
    check(&[Busy; 5], &[Busy; 5], true, Some(true)).await;
}

#[tokio::test]
async fn what_is_not_known_is_an_error() {
    use Fault::{Busy, LostReply, LostRequest};
    check(&[LostReply; 2], &[], false, Some(true)).await;
    check(&[LostRequest; 2], &[], false, Some(false)).await;
    check(&[Busy; 6], &[], false, Some(false)).await;
    check(&[], &[LostReply; 2], true, None).await;
}

#[tokio::test]
async fn a_result_that_nobody_heard_of_is_given_again() {
    let (jobs, faulty) = jobs().await;
    jobs.begin(&claim('a'), NOW).await.unwrap();
    faulty.plan(&[Fault::LostReply; 2]);
    jobs.finish(&claim('a'), &result()).await.unwrap_err();
    for letter in ['a', 'b'] {
        let again = jobs.begin(&claim(letter), NOW).await;
        assert!(matches!(&again, Err(JobRefused::Done(done)) if *done == result()), "{again:?}");
    }
}
