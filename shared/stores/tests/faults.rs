//! The ledger on a DynamoDB that loses requests and replies, is busy, or has another time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

#[expect(dead_code, reason = "the other tests use more of it")]
mod faulty;

use std::sync::Arc;
use std::time::Duration;

use farthing_domain::ids::RequestId;
use farthing_domain::ledger::{
    Claim, ClaimRefused, ClaimRequest, Finish, Reservation, ReserveRefused, ReserveRequest, Resolution, Resolved,
    StoredReply,
};
use farthing_domain::money::Usd;
use farthing_domain::ports::Ledger;
use farthing_domain::time::Timestamp;
use farthing_embedded::EmbeddedDynamo;
use farthing_stores::{DynamoLedger, LedgerConfig, Table};

use faulty::requests::{CENT, NOW, claim_request, reserve_request};
use faulty::{Fault, Faulty};

const POSTED: Resolution = Resolution::Posted { actual: CENT, input_tokens: 10, output_tokens: 1 };

struct Lab {
    dynamo: Faulty,
    table: Table,
    ledger: Arc<DynamoLedger>,
}

impl Lab {
    async fn new() -> Self {
        Self::with(EmbeddedDynamo::in_memory().unwrap()).await
    }

    async fn with(database: EmbeddedDynamo) -> Self {
        let dynamo = Faulty::new(database);
        let table = Table::over(dynamo.clone(), "farthing");
        table.create_if_missing().await.unwrap();
        let ledger = Arc::new(ledger(&table, "1"));
        Self { dynamo, table, ledger }
    }

    /// A claim, in an open month.
    async fn claim(&self) -> Claim {
        self.ledger.set_stopped(NOW.month(), false).await.unwrap();
        self.ledger.acquire(claim_request()).await.unwrap()
    }

    /// Free, reserved and charged money, in cents.
    async fn books(&self) -> [i64; 3] {
        let books = self.ledger.books(NOW.month()).await.unwrap();
        [books.available, books.reserved, books.settled].map(|amount| amount.nanos() / CENT.nanos())
    }
}

fn ledger(table: &Table, prices: &str) -> DynamoLedger {
    DynamoLedger::new(table.clone(), LedgerConfig::new(Usd::from_nanos(100 * CENT.nanos()), 95, prices))
}

/// What comes of a reservation that meets `faults`, and the books after it.
async fn check_reserve(faults: &[Fault], is_given: bool, books: [i64; 3]) {
    let lab = Lab::new().await;
    let claim = lab.claim().await;
    lab.dynamo.plan(faults);
    let reserved = lab.ledger.reserve(reserve_request(&claim, 0)).await;
    assert_eq!(lab.dynamo.left(), 0, "{faults:?} were not all met");
    assert_eq!(reserved.is_ok(), is_given, "{faults:?}: {reserved:?}");
    assert!(is_given || matches!(reserved, Err(ReserveRefused::Unavailable(_))), "{faults:?}: {reserved:?}");
    assert_eq!(lab.books().await, books, "{faults:?}");
}

#[tokio::test]
async fn an_ambiguous_reservation_is_given_only_when_its_row_is_there() {
    use Fault::{Busy, Conflict, Failure, LostReply, LostRequest};
    let (given, untouched) = ([93, 2, 0], [95, 0, 0]);
    check_reserve(&[], true, given).await;
    check_reserve(&[LostRequest], true, given).await;
    check_reserve(&[LostReply], true, given).await;
    check_reserve(&[LostReply, LostReply], true, given).await;
    check_reserve(&[LostRequest, LostReply], true, given).await;
    check_reserve(&[Failure, Failure], false, untouched).await;
    check_reserve(&[LostRequest, LostRequest], false, untouched).await;
    // The row cannot be read either: nobody knows, so nothing may be sent.
    check_reserve(&[LostReply, LostReply, LostRequest, LostRequest], false, given).await;
    check_reserve(&[Conflict, Busy, Conflict, Busy, Conflict], true, given).await;
    check_reserve(&[Conflict, Conflict, Conflict, Conflict, Conflict, Conflict], false, untouched).await;
    check_reserve(&[LostReply, Conflict, LostReply], true, given).await;
}

/// What comes of a resolution that meets `faults`: it is charged once.
async fn check_resolve(faults: &[Fault]) {
    let lab = Lab::new().await;
    let claim = lab.claim().await;
    let reservation = lab.ledger.reserve(reserve_request(&claim, 0)).await.unwrap();
    lab.dynamo.plan(faults);
    let first = lab.ledger.resolve(reservation.clone(), POSTED, NOW).await;
    assert_eq!(lab.dynamo.left(), 0, "{faults:?} were not all met");
    let again = lab.ledger.resolve(reservation, POSTED, NOW).await.unwrap();
    assert_eq!(again, Resolved { charged: CENT, late: false }, "{faults:?}");
    assert!(first.is_err() || first.is_ok_and(|first| first == again), "{faults:?}");
    assert_eq!(lab.books().await, [94, 0, 1], "{faults:?}");
}

#[tokio::test]
async fn a_resolution_is_charged_once_whatever_is_lost() {
    use Fault::{Busy, Conflict, Failure, LostReply, LostRequest};
    check_resolve(&[LostReply]).await;
    check_resolve(&[LostReply, LostReply]).await;
    check_resolve(&[LostRequest, LostRequest]).await;
    check_resolve(&[LostReply, LostRequest]).await;
    check_resolve(&[Conflict, Busy, LostReply, Conflict]).await;
    check_resolve(&[Failure, Failure]).await;
}

#[tokio::test]
async fn claims_survive_lost_replies() {
    let lab = Lab::new().await;
    lab.dynamo.plan(&[Fault::LostReply]);
    let claim = lab.ledger.acquire(claim_request()).await.unwrap();
    lab.dynamo.plan(&[Fault::Busy, Fault::LostReply]);
    let reply = Some(StoredReply { status: 200, body: b"yes".to_vec() });
    let finish = Finish { claim: claim.clone(), reply, forget_at: NOW };
    assert!(lab.ledger.finish(finish).await.unwrap(), "the lost reply said yes");
    lab.dynamo.plan(&[Fault::LostReply]);
    lab.ledger.release(&claim).await.unwrap();
    assert_eq!(lab.dynamo.left(), 0);
}

#[tokio::test]
async fn the_row_outlives_the_service_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("farthing.db");
    let request = {
        let lab = Lab::with(EmbeddedDynamo::open(&file).unwrap()).await;
        let request = reserve_request(&lab.claim().await, 0);
        let _: Reservation = lab.ledger.reserve(request.clone()).await.unwrap();
        request
    };
    // Another process on the same file knows no token, only the row.
    let lab = Lab::with(EmbeddedDynamo::open(&file).unwrap()).await;
    let reservation = lab.ledger.reserve(request.clone()).await.unwrap();
    assert_eq!(lab.books().await, [93, 2, 0], "it was reserved once");
    lab.ledger.resolve(reservation, Resolution::Voided, NOW).await.unwrap();
    let again = lab.ledger.reserve(request).await;
    assert!(matches!(again, Err(ReserveRefused::Unavailable(_))), "a resolved number is used up: {again:?}");
    assert_eq!(lab.books().await, [95, 0, 0]);
}

#[tokio::test]
async fn the_ledger_goes_by_the_prices_adopted_last() {
    let lab = Lab::new().await;
    let (old, new) = (&lab.ledger, ledger(&lab.table, "2"));
    let claim = lab.claim().await;
    let mut attempt = 0;
    let mut reserve = async |ledger: &DynamoLedger, now: Timestamp| {
        attempt += 1;
        let request =
            ReserveRequest { amount: Usd::from_nanos(1), month: now.month(), now, ..reserve_request(&claim, attempt) };
        match ledger.reserve(request).await {
            Ok(_) => true,
            Err(ReserveRefused::PriceVersion) => false,
            Err(other) => panic!("{other}"),
        }
    };
    assert!(reserve(old, NOW).await);
    assert!(!reserve(&new, NOW).await, "not before they are adopted");
    new.adopt_prices(NOW.month()).await.unwrap();
    new.adopt_prices(NOW.month()).await.unwrap();
    assert!(reserve(&new, NOW).await);
    assert!(!reserve(old, NOW).await);
    // Nor does the old process open the next month with its prices.
    let december = NOW.month().resets_at();
    assert!(!reserve(old, december).await);
    assert!(reserve(&new, december).await);
    assert!(!reserve(old, december).await);
    old.adopt_prices(NOW.month()).await.unwrap();
    assert!(reserve(old, december).await && reserve(old, NOW).await && !reserve(&new, NOW).await);
}

#[tokio::test]
async fn a_budget_that_another_process_changes_meanwhile_stays_as_that_one_made_it() {
    let lab = Lab::new().await;
    lab.claim().await;
    let half = DynamoLedger::new(lab.table.clone(), LedgerConfig::new(Usd::from_nanos(50 * CENT.nanos()), 80, "1"));
    lab.dynamo.plan(&[Fault::None, Fault::Refused("ConditionalCheckFailedException")]);
    half.adopt_budget(NOW.month()).await.unwrap();
    lab.dynamo.plan(&[Fault::None, Fault::Refused("AccessDeniedException")]);
    assert!(half.adopt_budget(NOW.month()).await.is_err());
    assert_eq!(lab.books().await, [95, 0, 0]);
    half.adopt_budget(NOW.month()).await.unwrap();
    assert_eq!(lab.books().await, [40, 0, 0]);
}

#[tokio::test]
async fn a_month_that_is_missing_after_a_restore_is_opened_again() {
    let lab = Lab::new().await;
    lab.claim().await;
    lab.dynamo.replace(EmbeddedDynamo::in_memory().unwrap());
    lab.table.create_if_missing().await.unwrap();
    let claim = lab.ledger.acquire(claim_request()).await.unwrap();
    let refused = lab.ledger.reserve(reserve_request(&claim, 0)).await;
    assert!(matches!(refused, Err(ReserveRefused::Unavailable(_))), "{refused:?}");
    let _: Reservation = lab.ledger.reserve(reserve_request(&claim, 1)).await.unwrap();
    assert_eq!(lab.books().await, [93, 2, 0]);
}

#[tokio::test]
async fn a_process_that_has_just_begun_takes_no_key_over_by_its_own_wrong_clock() {
    let lab = Lab::new().await;
    lab.dynamo.set_date("Mon, 30 Nov 2026 23:15:00 GMT");
    lab.claim().await;
    let ahead = NOW.plus(Duration::from_secs(3_600));
    let (mut early, now) = (claim_request(), ahead);
    early.claim.owner = RequestId::parse(&"B".repeat(26)).unwrap();
    let fresh = ledger(&Table::over(lab.dynamo.clone(), "farthing"), "1");
    let refused = fresh.acquire(ClaimRequest { now, ..early }).await;
    assert!(matches!(refused, Err(ClaimRefused::InProgress { .. })), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_reserved_while_the_clock_is_wrong() {
    let lab = Lab::new().await;
    let claim = lab.claim().await;
    lab.dynamo.set_date("Mon, 30 Nov 2026 23:15:00 GMT");
    assert_eq!(lab.books().await, [95, 0, 0]);
    // A date in whole seconds is taken for the middle of its second.
    let middle = NOW.millis() + 500;
    let clocks = [(0, true), (30_000, true), (30_001, false), (60_000, false), (-30_000, true), (-30_001, false)];
    for (attempt, (millis, is_given)) in (0..).zip(clocks) {
        let now = Timestamp::from_millis(middle + millis);
        let request = ReserveRequest { amount: Usd::from_nanos(1), now, ..reserve_request(&claim, attempt) };
        let reserved = lab.ledger.reserve(request).await;
        assert_eq!(reserved.is_ok(), is_given, "{millis} ms off: {reserved:?}");
    }
}
