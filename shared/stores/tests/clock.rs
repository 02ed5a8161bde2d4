//! The ledger and the weekly jobs when a clock is set back by up to an hour, also across the end
//! of a month or a week.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::time::Duration;

use farthing_domain::ids::{ModelId, ProviderId, RequestId, Tenant};
use farthing_domain::jobs::{Job, JobClaim, JobRefused, JobResult};
use farthing_domain::ledger::{Claim, ClaimRefused, ClaimRequest, Reservation, ReserveRequest, Resolution};
use farthing_domain::money::Usd;
use farthing_domain::ports::{Jobs, Ledger};
use farthing_domain::time::{Month, Timestamp};
use farthing_embedded::EmbeddedDynamo;
use farthing_stores::{DynamoJobs, DynamoLedger, LedgerConfig, Table};
use proptest::prelude::*;

/// Midnight between November and December 2026.
const MONTH_S_END: Timestamp = Timestamp::from_millis(1_796_083_200_000);
/// Midnight between Sunday and Monday, weeks 47 and 48 of 2026.
const WEEK_S_END: Timestamp = Timestamp::from_millis(1_795_392_000_000);
const LEASE: Duration = Duration::from_secs(33);
const AMOUNT: Usd = Usd::from_nanos(5_000_000);

async fn table() -> Table {
    let table = Table::over(EmbeddedDynamo::in_memory().unwrap(), "farthing");
    table.create_if_missing().await.unwrap();
    table
}

async fn ledger() -> DynamoLedger {
    DynamoLedger::new(table().await, LedgerConfig::new(Usd::parse("200").unwrap(), 95, "1"))
}

fn owner(letter: char) -> RequestId {
    RequestId::parse(&format!("{letter:0>26}")).unwrap()
}

fn claim_request(letter: char, now: Timestamp) -> ClaimRequest {
    let claim = Claim {
        tenant: Tenant::parse("tenant").unwrap(),
        key_hash: "0".repeat(64),
        owner: owner(letter),
        lease: now.plus(LEASE),
    };
    ClaimRequest { claim, envelope: Usd::parse("0.05").unwrap(), payload_hash: [0; 32], now }
}

async fn reserve(ledger: &DynamoLedger, now: Timestamp) -> Reservation {
    let claim = ledger.acquire(claim_request('a', now)).await.unwrap();
    let request = ReserveRequest {
        claim,
        attempt: 0,
        amount: AMOUNT,
        provider: ProviderId::parse("provider").unwrap(),
        model: ModelId::parse("model").unwrap(),
        month: now.month(),
        now,
    };
    ledger.reserve(request).await.unwrap()
}

/// What is reserved and what is charged, in November and in December.
async fn books(ledger: &DynamoLedger) -> [(Usd, Usd); 2] {
    let mut both = [(Usd::ZERO, Usd::ZERO); 2];
    for (books, month) in both.iter_mut().zip([november(), november().next()]) {
        let read = ledger.books(month).await.unwrap();
        *books = (read.reserved, read.settled);
    }
    both
}

fn november() -> Month {
    Month::parse("2026-11").unwrap()
}

/// The same, when `of` is charged with this and the other month with nothing.
fn only(of: Month, reserved: Usd, settled: Usd) -> [(Usd, Usd); 2] {
    let nothing = (Usd::ZERO, Usd::ZERO);
    if of == november() { [(reserved, settled), nothing] } else { [nothing, (reserved, settled)] }
}

fn millis(most: Duration) -> impl Strategy<Value = Duration> {
    (0..=u64::try_from(most.as_millis()).unwrap()).prop_map(Duration::from_millis)
}

/// An instant in the hour before the month's end or the one after it.
fn near_the_month_s_end() -> impl Strategy<Value = Timestamp> {
    millis(2 * HOUR).prop_map(|after| MONTH_S_END.minus(HOUR).plus(after))
}

const HOUR: Duration = Duration::from_secs(3_600);

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_lease_is_taken_over_before_its_end(
        begun in near_the_month_s_end(),
        passed in millis(LEASE),
        back in millis(HOUR),
    ) {
        run(async {
            let ledger = ledger().await;
            let held = ledger.acquire(claim_request('a', begun)).await.unwrap();
            let now = begun.plus(passed).minus(back);
            match ledger.acquire(claim_request('b', now)).await {
                Err(ClaimRefused::InProgress { retry_after }) => prop_assert_eq!(now.plus(retry_after), held.lease),
                other => prop_assert!(false, "{:?}", other),
            }
            let after_the_lease = held.lease.plus(Duration::from_millis(1));
            prop_assert!(ledger.acquire(claim_request('b', after_the_lease)).await.is_ok());
            Ok(())
        })?;
    }

    #[test]
    fn a_reservation_resolves_in_its_own_month(
        begun in near_the_month_s_end(),
        passed in millis(HOUR),
        back in millis(HOUR),
        is_voided in any::<bool>(),
    ) {
        run(async {
            let ledger = ledger().await;
            let reservation = reserve(&ledger, begun).await;
            let month = begun.month();
            prop_assert_eq!(books(&ledger).await, only(month, AMOUNT, Usd::ZERO));
            let resolution = if is_voided { Resolution::Voided } else { Resolution::PostedUnknown };
            let resolved = ledger.resolve(reservation, resolution, begun.plus(passed).minus(back)).await.unwrap();
            prop_assert_eq!(resolved.charged, if is_voided { Usd::ZERO } else { AMOUNT });
            prop_assert_eq!(books(&ledger).await, only(month, Usd::ZERO, resolved.charged));
            Ok(())
        })?;
    }

    #[test]
    fn nothing_expires_before_its_time(begun in near_the_month_s_end(), passed in millis(LEASE), back in millis(HOUR)) {
        run(async {
            let ledger = ledger().await;
            let reservation = reserve(&ledger, begun).await;
            let (month, expires) = (begun.month(), reservation.claim.lease.plus(Duration::from_secs(60)));
            for now in [begun.plus(passed).minus(back), expires] {
                let swept = ledger.sweep(month, now).await.unwrap();
                prop_assert_eq!((swept.expired, swept.pending), (0, 1));
            }
            let swept = ledger.sweep(month, expires.plus(Duration::from_millis(1))).await.unwrap();
            prop_assert_eq!((swept.expired, swept.pending), (1, 0));
            prop_assert_eq!(books(&ledger).await, only(month, Usd::ZERO, AMOUNT));
            Ok(())
        })?;
    }

    #[test]
    fn a_week_s_job_is_done_once(passed in millis(HOUR), back in millis(HOUR)) {
        run(async {
            let jobs = DynamoJobs::new(table().await);
            let before = WEEK_S_END.minus(7 * 24 * HOUR);
            prop_assert!(do_the_job_of(&jobs, 'a', before).await);
            let claim = job_claim('b', WEEK_S_END);
            jobs.begin(&claim, WEEK_S_END).await.unwrap();
            // Delivered again, by a clock that may have been set back into the week before.
            let again = WEEK_S_END.plus(passed.min(LEASE)).minus(back);
            prop_assert!(!do_the_job_of(&jobs, 'c', again).await);
            // Whenever it ends, it ends its own week.
            prop_assert!(jobs.finish(&claim, &JobResult::parse("b").unwrap()).await.unwrap());
            let (this, last) = (job_claim('d', WEEK_S_END), job_claim('d', before));
            prop_assert_eq!(result_of(&jobs, &this).await, "b");
            prop_assert_eq!(result_of(&jobs, &last).await, "a");
            Ok(())
        })?;
    }
}

fn job_claim(letter: char, now: Timestamp) -> JobClaim {
    JobClaim { job: Job::Optimize, week: now.week(), owner: owner(letter), lease: now.plus(LEASE) }
}

/// Does the job of the week of `now`, unless it is done or being done.
async fn do_the_job_of(jobs: &DynamoJobs, letter: char, now: Timestamp) -> bool {
    let claim = job_claim(letter, now);
    jobs.begin(&claim, now).await.is_ok() && jobs.finish(&claim, &JobResult::parse("a").unwrap()).await.unwrap()
}

async fn result_of(jobs: &DynamoJobs, claim: &JobClaim) -> String {
    match jobs.begin(claim, claim.lease).await {
        Err(JobRefused::Done(result)) => result.as_str().to_owned(),
        other => panic!("the job is not done: {other:?}"),
    }
}
