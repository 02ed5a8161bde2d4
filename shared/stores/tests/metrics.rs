//! The ledger's metrics: each counts what it is named for, and a good day counts nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

#[expect(dead_code, reason = "the other tests use more of it")]
mod faulty;

use std::collections::BTreeMap;
use std::time::Duration;

use farthing_domain::ledger::{Reservation, Resolution};
use farthing_domain::metrics;
use farthing_domain::money::Usd;
use farthing_domain::ports::Ledger;
use farthing_embedded::EmbeddedDynamo;
use farthing_stores::{DynamoLedger, LedgerConfig, Table};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use faulty::requests::{CENT, NOW, claim_request, reserve_request};
use faulty::{Fault, Faulty};

const POSTED: Resolution = Resolution::Posted { actual: CENT, input_tokens: 10, output_tokens: 1 };

/// A ledger with the reservation of two cents, whose lease lasts 33 s.
struct Lab {
    dynamo: Faulty,
    ledger: DynamoLedger,
    reservation: Reservation,
}

impl Lab {
    async fn new() -> Self {
        let dynamo = Faulty::new(EmbeddedDynamo::in_memory().unwrap());
        let table = Table::over(dynamo.clone(), "farthing").with_jitter(|_| Duration::ZERO);
        table.create_if_missing().await.unwrap();
        let ledger = DynamoLedger::new(table, LedgerConfig::new(Usd::from_nanos(1_000_000_000), 95, "1"));
        let claim = ledger.acquire(claim_request()).await.unwrap();
        let reservation = ledger.reserve(reserve_request(&claim, 0)).await.unwrap();
        Self { dynamo, ledger, reservation }
    }

    /// Reserves once more while the calls meet `faults`.
    async fn reserve(&self, faults: &[Fault]) {
        self.dynamo.plan(faults);
        let _ = self.ledger.reserve(reserve_request(&self.reservation.claim, 1)).await;
        assert_eq!(self.dynamo.left(), 0, "{faults:?} were not all met");
    }

    async fn post(&self, actual: Usd) {
        let posted = Resolution::Posted { actual, input_tokens: 10, output_tokens: 1 };
        self.ledger.resolve(self.reservation.clone(), posted, NOW).await.unwrap();
    }

    /// Sweeps ten minutes later.
    async fn sweep(&self) {
        self.ledger.sweep(NOW.month(), NOW.plus(Duration::from_secs(600))).await.unwrap();
    }
}

/// What is counted while `scenario` runs.
#[track_caller]
fn check(scenario: impl AsyncFnOnce(Lab), expected: &[(&str, u64)]) {
    let recorder = DebuggingRecorder::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    ::metrics::with_local_recorder(&recorder, || runtime.block_on(async { scenario(Lab::new().await).await }));
    let counted: BTreeMap<String, u64> = recorder
        .snapshotter()
        .snapshot()
        .into_vec()
        .into_iter()
        .filter_map(|(key, _, _, value)| match value {
            DebugValue::Counter(count) => Some((key.key().name().to_owned(), count)),
            DebugValue::Gauge(_) | DebugValue::Histogram(_) => None,
        })
        .collect();
    let expected: BTreeMap<String, u64> = expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    assert_eq!(counted, expected);
}

#[test]
fn a_good_day_counts_nothing() {
    let day = async |lab: Lab| {
        lab.reserve(&[]).await;
        lab.post(CENT).await;
        lab.ledger.sweep(NOW.month(), NOW).await.unwrap();
    };
    check(day, &[]);
}

#[test]
fn conflicts_are_counted_and_load_is_not() {
    use Fault::{Busy, Conflict, Refused};
    check(async |lab| lab.reserve(&[Busy]).await, &[]);
    check(async |lab| lab.reserve(&[Conflict, Busy, Conflict]).await, &[(metrics::TX_CONFLICT, 2)]);
    check(async |lab| lab.reserve(&[Conflict; 6]).await, &[(metrics::TX_CONFLICT, 6)]);
    // A write that is no transaction meets one, and a transaction is met by its own earlier try.
    for code in ["TransactionConflictException", "TransactionInProgressException"] {
        check(async |lab| lab.reserve(&[Refused(code)]).await, &[(metrics::TX_CONFLICT, 1)]);
        let read = async |lab: Lab| {
            lab.dynamo.plan(&[Refused(code)]);
            lab.ledger.books(NOW.month()).await.unwrap();
        };
        check(read, &[(metrics::TX_CONFLICT, 1)]);
    }
    check(async |lab| lab.reserve(&[Refused("ThrottlingException")]).await, &[]);
}

#[test]
fn a_transaction_of_which_nothing_is_known_is_counted() {
    use Fault::{Conflict, Failure, LostReply, LostRequest};
    check(async |lab| lab.reserve(&[LostReply]).await, &[(metrics::TX_AMBIGUOUS, 1)]);
    check(async |lab| lab.reserve(&[Failure, LostRequest]).await, &[(metrics::TX_AMBIGUOUS, 2)]);
    let both = [(metrics::TX_CONFLICT, 1), (metrics::TX_AMBIGUOUS, 1)];
    check(async |lab| lab.reserve(&[LostReply, Conflict]).await, &both);
    // A read that is lost is no transaction.
    let read = async |lab: Lab| {
        lab.dynamo.plan(&[LostReply]);
        lab.ledger.books(NOW.month()).await.unwrap();
    };
    check(read, &[]);
}

#[test]
fn expired_reservations_are_counted_once() {
    let swept = async |lab: Lab| {
        lab.reserve(&[]).await;
        lab.sweep().await;
        lab.sweep().await;
    };
    check(swept, &[(metrics::EXPIRED_POSTED, 2)]);
}

#[test]
fn late_results_are_counted_once() {
    let late = async |lab: Lab| {
        lab.sweep().await;
        lab.post(CENT).await;
        lab.post(CENT).await;
    };
    check(late, &[(metrics::EXPIRED_POSTED, 1), (metrics::LATE_CORRECTIONS, 1)]);
}

#[test]
fn a_charge_above_its_reservation_is_counted() {
    let [whole, above] = [2, 3].map(|cents| Usd::from_nanos(cents * CENT.nanos()));
    check(async |lab| lab.post(whole).await, &[]);
    check(async |lab| lab.post(above).await, &[(metrics::OVERAGE, 1)]);
    let late = async |lab: Lab| {
        lab.sweep().await;
        lab.post(above).await;
    };
    check(late, &[(metrics::EXPIRED_POSTED, 1), (metrics::LATE_CORRECTIONS, 1), (metrics::OVERAGE, 1)]);
}

#[test]
fn a_sweep_by_a_wrong_clock_charges_nothing() {
    let skewed = async |lab: Lab| {
        // Ours is 20 minutes ahead: by it the reservation has expired, by the service's it has not.
        lab.dynamo.set_date("Mon, 30 Nov 2026 23:15:00 GMT");
        let ours = NOW.plus(Duration::from_secs(1_200));
        assert!(lab.ledger.sweep(NOW.month(), ours).await.is_err());
        assert_eq!(lab.ledger.last_sweep(NOW.month()).await.unwrap(), None);
        let resolved = lab.ledger.resolve(lab.reservation.clone(), POSTED, NOW).await.unwrap();
        assert!(!resolved.late);
    };
    check(skewed, &[]);
}
