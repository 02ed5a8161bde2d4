use std::sync::atomic::{AtomicI64, Ordering};

use farthing_domain::ids::{ModelId, ProviderId, RequestId, Tenant};
use farthing_domain::ledger::{Claim, ClaimRequest, ReserveRequest};
use farthing_domain::money::Usd;
use farthing_testkit::ledger_suite::OracleLedger;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use super::*;
use crate::status::BudgetStatus;

/// 2026-11-30, 23:15.
const EVENING: Timestamp = Timestamp::from_millis(1_796_080_500_000);

struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A $1 ledger, and a clock that stands at 23:15 on the last evening of November.
struct Lab {
    clock: Arc<SetClock>,
    sweep: Sweep,
}

impl Lab {
    fn new() -> Self {
        let clock = Arc::new(SetClock(AtomicI64::new(EVENING.millis())));
        let ledger = Arc::new(OracleLedger::new(Usd::from_nanos(1_000_000_000), 95));
        Self { sweep: Sweep { ledger, clock: clock.clone() }, clock }
    }

    fn wait(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }

    /// Reserves 20 cents that expire in 93 s.
    async fn reserve(&self, key: u8) {
        let now = self.clock.now();
        let claim = Claim {
            tenant: Tenant::parse("tenant").unwrap(),
            key_hash: format!("{key:064x}"),
            owner: RequestId::parse(&format!("{key:026}")).unwrap(),
            lease: now.plus(Duration::from_secs(33)),
        };
        let amount = Usd::from_nanos(200_000_000);
        let request = ClaimRequest { claim, envelope: amount, payload_hash: [0; 32], now };
        let claim = self.sweep.ledger.acquire(request).await.unwrap();
        let request = ReserveRequest {
            claim,
            attempt: 0,
            amount,
            provider: ProviderId::parse("provider").unwrap(),
            model: ModelId::parse("model").unwrap(),
            month: now.month(),
            now,
        };
        let _reservation = self.sweep.ledger.reserve(request).await.unwrap();
    }

    /// Sweeps, and says for each month what was expired and what is pending.
    async fn check(&self, expected: &[(&str, u32, u32)]) {
        let report = self.sweep.run().await.unwrap();
        let months: Vec<_> =
            report.months.iter().map(|(month, swept)| (month.to_string(), swept.expired, swept.pending)).collect();
        let expected: Vec<_> = expected.iter().map(|(month, a, b)| ((*month).to_owned(), *a, *b)).collect();
        assert_eq!(months, expected, "at {}", self.clock.now());
    }

    async fn lacks_sweeper(&self) -> bool {
        let month = self.clock.now().month();
        let (ledger, last_sweep) = (&self.sweep.ledger, self.sweep.ledger.last_sweep(month).await.unwrap());
        BudgetStatus { books: ledger.books(month).await.unwrap(), last_sweep }.lacks_sweeper(self.clock.now())
    }
}

#[tokio::test]
async fn the_month_before_is_swept_until_nothing_can_be_left_there() {
    let lab = Lab::new();
    lab.check(&[("2026-10", 0, 0), ("2026-11", 0, 0)]).await;
    lab.check(&[("2026-11", 0, 0)]).await;
    lab.wait(44 * 60);
    lab.reserve(1).await;
    // 00:01 of December: the lease has run out, the grace has not.
    lab.wait(2 * 60 - 40);
    lab.reserve(2).await;
    lab.check(&[("2026-11", 0, 1), ("2026-12", 0, 1)]).await;
    lab.wait(60);
    lab.check(&[("2026-11", 1, 0), ("2026-12", 0, 1)]).await;
    // A straggler of November may still come.
    lab.check(&[("2026-11", 0, 0), ("2026-12", 0, 1)]).await;
    lab.wait(300);
    lab.check(&[("2026-11", 0, 0), ("2026-12", 1, 0)]).await;
    lab.check(&[("2026-12", 0, 0)]).await;
}

#[test]
fn a_month_is_finished_when_its_last_sweep_left_nothing() {
    let check = |seconds_after_its_end: u64, pending: u32, expected: bool| {
        let at = EVENING.month().resets_at().plus(Duration::from_secs(seconds_after_its_end));
        let last = LastSweep { at, swept: Swept { pending, ..Swept::default() } };
        assert_eq!(is_finished(EVENING.month(), &last), expected, "{last:?}");
    };
    check(300, 0, false);
    check(301, 0, true);
    check(301, 1, false);
    check(86_400, 1, false);
}

#[test]
fn gauges_tell_what_is_left_and_how_late_the_sweep_was() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let gauges = || -> Vec<(String, f64)> {
        let figures = snapshotter.snapshot().into_vec().into_iter();
        let mut gauges: Vec<_> = figures
            .filter_map(|(key, _, _, value)| match value {
                DebugValue::Gauge(value) => Some((key.key().name().to_owned(), value.into_inner())),
                DebugValue::Counter(_) | DebugValue::Histogram(_) => None,
            })
            .collect();
        gauges.sort_by(|one, other| one.0.cmp(&other.0));
        gauges
    };
    let expected = |available: f64, age: f64| {
        vec![(metrics::BUDGET_AVAILABLE.to_owned(), available), (metrics::PENDING_AGE_MAX.to_owned(), age)]
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    ::metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let lab = Lab::new();
            lab.reserve(1).await;
            lab.sweep.run().await.unwrap();
            assert_eq!(gauges(), expected(750e6, 0.0), "what is pending and not overdue has no age");
            lab.wait(93 + 1_200);
            lab.sweep.run().await.unwrap();
            assert_eq!(gauges(), expected(750e6, 1_200.0));
            lab.sweep.run().await.unwrap();
            assert_eq!(gauges(), expected(750e6, 0.0));
        });
    });
}

#[tokio::test]
async fn the_sweeper_is_missed_when_money_waits_for_it() {
    let lab = Lab::new();
    lab.sweep.run().await.unwrap();
    lab.wait(1_000);
    assert!(!lab.lacks_sweeper().await, "nothing is reserved");
    lab.reserve(1).await;
    assert!(lab.lacks_sweeper().await);
    lab.sweep.run().await.unwrap();
    lab.reserve(2).await;
    lab.wait(900);
    assert!(!lab.lacks_sweeper().await);
    lab.wait(1);
    assert!(lab.lacks_sweeper().await);
    // A month that has just begun has had no time to be swept.
    lab.wait(2_700 - 1_901 + 60);
    lab.reserve(3).await;
    assert!(!lab.lacks_sweeper().await, "{}", lab.clock.now());
    lab.wait(900);
    assert!(lab.lacks_sweeper().await, "{}", lab.clock.now());
}
