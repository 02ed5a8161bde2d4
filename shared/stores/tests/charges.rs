//! Charges at the edge: of the share of unknown usage that stops a month, and of one result that is
//! delivered many times at once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

#[expect(dead_code, reason = "the other tests use more of it")]
mod faulty;

use std::time::Duration;

use farthing_domain::ledger::{Claim, ClaimRequest, MonthState, Reservation, ReserveRequest, Resolution, Resolved};
use farthing_domain::money::Usd;
use farthing_domain::ports::Ledger as _;
use farthing_embedded::EmbeddedDynamo;
use farthing_stores::{DynamoLedger, LedgerConfig, Table};
use futures::future::join_all;

use faulty::requests::{CENT, NOW, claim_request, reserve_request};

const fn cents(cents: i64) -> Usd {
    Usd::from_nanos(cents * CENT.nanos())
}

/// A ledger of ten dollars that may stop from one cent of unknown usage, and a claim on one dollar.
async fn ledger_with_claim() -> (DynamoLedger, Claim) {
    let table = Table::over(EmbeddedDynamo::in_memory().unwrap(), "farthing");
    table.create_if_missing().await.unwrap();
    let config = LedgerConfig { unknown_allowance: CENT, ..LedgerConfig::new(cents(1_000), 95, "1") };
    let ledger = DynamoLedger::new(table, config);
    let claim = ledger.acquire(ClaimRequest { envelope: cents(100), ..claim_request() }).await.unwrap();
    (ledger, claim)
}

async fn reserve(ledger: &DynamoLedger, claim: &Claim, attempt: u32, amount: Usd) -> Reservation {
    ledger.reserve(ReserveRequest { amount, ..reserve_request(claim, attempt) }).await.unwrap()
}

#[tokio::test]
async fn a_month_stops_above_five_percent_of_unknown_usage_and_not_at_it() {
    let (ledger, claim) = ledger_with_claim().await;
    let state = async || ledger.books(NOW.month()).await.unwrap().state;
    let known = reserve(&ledger, &claim, 0, cents(57)).await;
    let first = reserve(&ledger, &claim, 1, cents(3)).await;
    let second = reserve(&ledger, &claim, 2, cents(1)).await;
    let posted = Resolution::Posted { actual: cents(57), input_tokens: 1, output_tokens: 1 };
    ledger.resolve(known, posted, NOW).await.unwrap();
    ledger.resolve(first, Resolution::PostedUnknown, NOW).await.unwrap();
    assert_eq!(state().await, MonthState::Open, "3 of 60 cents");
    ledger.resolve(second, Resolution::PostedUnknown, NOW).await.unwrap();
    assert_eq!(state().await, MonthState::Stopped, "4 of 61 cents");
}

#[tokio::test]
async fn a_late_result_that_comes_many_times_at_once_corrects_once_and_is_told_to_all() {
    for round in 0..20 {
        let (ledger, claim) = ledger_with_claim().await;
        let reservation = reserve(&ledger, &claim, round, cents(2)).await;
        let later = NOW.plus(Duration::from_secs(300));
        assert_eq!(ledger.sweep(NOW.month(), later).await.unwrap().charged, cents(2));
        let posted = Resolution::Posted { actual: CENT, input_tokens: 10, output_tokens: 1 };
        let deliveries = (0..8).map(|_| ledger.resolve(reservation.clone(), posted, later));
        for resolved in join_all(deliveries).await {
            assert_eq!(resolved.unwrap(), Resolved { charged: CENT, late: true });
        }
        assert_eq!(ledger.books(NOW.month()).await.unwrap().settled, CENT);
    }
}

#[tokio::test]
async fn a_charge_may_be_nothing_and_never_less() {
    let (ledger, claim) = ledger_with_claim().await;
    let reservation = reserve(&ledger, &claim, 0, CENT).await;
    let posted = |nanos: i64| Resolution::Posted { actual: Usd::from_nanos(nanos), input_tokens: 1, output_tokens: 0 };
    assert!(ledger.resolve(reservation.clone(), posted(-1), NOW).await.is_err());
    assert_eq!(ledger.books(NOW.month()).await.unwrap().reserved, CENT, "it is still reserved");
    let resolved = ledger.resolve(reservation, posted(0), NOW).await.unwrap();
    assert_eq!(resolved, Resolved { charged: Usd::ZERO, late: false });
}
