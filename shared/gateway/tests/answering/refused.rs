//! Paid calls that are not sent because of money are counted by reason.

use std::sync::Arc;

use async_trait::async_trait;
use farthing_domain::ledger::{
    Claim, ClaimRefused, ClaimRequest, Finish, LastSweep, LedgerUnavailable, MonthBooks, Reservation, ReserveRefused,
    ReserveRequest, Resolution, Resolved, Swept,
};
use farthing_domain::metrics;
use farthing_domain::money::Usd;
use farthing_domain::ports::Ledger;
use farthing_domain::time::{Month, Timestamp};
use farthing_testkit::ledger_suite::OracleLedger;
use farthing_testkit::plain::Plain;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use crate::parts::{Ask, FIVE_CENTS, id, local_tier, policy, provider};

/// A ledger that refuses every reservation.
struct Refusing {
    inner: OracleLedger,
    refuse: fn() -> Result<(), ReserveRefused>,
    can_claim: bool,
}

#[async_trait]
impl Ledger for Refusing {
    async fn acquire(&self, request: ClaimRequest) -> Result<Claim, ClaimRefused> {
        if self.can_claim { self.inner.acquire(request).await } else { Err(unavailable().into()) }
    }

    async fn reserve(&self, request: ReserveRequest) -> Result<Reservation, ReserveRefused> {
        (self.refuse)()?;
        self.inner.reserve(request).await
    }

    async fn resolve(&self, r: Reservation, to: Resolution, now: Timestamp) -> Result<Resolved, LedgerUnavailable> {
        self.inner.resolve(r, to, now).await
    }

    async fn finish(&self, finish: Finish) -> Result<bool, LedgerUnavailable> {
        self.inner.finish(finish).await
    }

    async fn release(&self, claim: &Claim) -> Result<(), LedgerUnavailable> {
        self.inner.release(claim).await
    }

    async fn sweep(&self, month: Month, now: Timestamp) -> Result<Swept, LedgerUnavailable> {
        self.inner.sweep(month, now).await
    }

    async fn last_sweep(&self, month: Month) -> Result<Option<LastSweep>, LedgerUnavailable> {
        self.inner.last_sweep(month).await
    }

    async fn books(&self, month: Month) -> Result<MonthBooks, LedgerUnavailable> {
        self.inner.books(month).await
    }

    async fn set_stopped(&self, month: Month, stopped: bool) -> Result<(), LedgerUnavailable> {
        self.inner.set_stopped(month, stopped).await
    }
}

fn unavailable() -> LedgerUnavailable {
    LedgerUnavailable("as the test says".into())
}

/// Answers one question, with Claude as the only provider that has a key, over a ledger like this.
async fn ask(ledger: Refusing, max_cost: Usd) {
    let anthropic = provider("anthropic");
    anthropic.push_text("an answer", 10, 10);
    let (ledger, local, rules) = (Arc::new(ledger), Arc::new(local_tier()), Arc::new(Plain));
    let _ended = Ask {
        id: id(1),
        versions: None,
        learned: None,
        policy: policy(),
        keeps_words: false,
        ledger,
        local,
        rules,
        providers: vec![anthropic],
        max_cost,
    }
    .run()
    .await;
}

/// The counts of `budget.refused` by reason, after one question.
#[track_caller]
fn check(refuse: fn() -> Result<(), ReserveRefused>, can_claim: bool, max_cost: Usd, expected: &[(&str, u64)]) {
    let recorder = DebuggingRecorder::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ledger = Refusing { inner: OracleLedger::new(Usd::from_nanos(1_000_000_000), 95), refuse, can_claim };
    ::metrics::with_local_recorder(&recorder, || runtime.block_on(ask(ledger, max_cost)));
    let counted: Vec<(String, u64)> = recorder
        .snapshotter()
        .snapshot()
        .into_vec()
        .into_iter()
        .filter(|(key, ..)| key.key().name() == metrics::BUDGET_REFUSED)
        .map(|(key, _, _, value)| {
            let reason = key.key().labels().find(|label| label.key() == metrics::REASON).unwrap().value().to_owned();
            let DebugValue::Counter(count) = value else { panic!("{value:?}") };
            (reason, count)
        })
        .collect();
    let expected: Vec<(String, u64)> = expected.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect();
    assert_eq!(counted, expected);
}

#[test]
fn each_refusal_is_counted_by_its_reason() {
    let refused = |refuse, reason| check(refuse, true, FIVE_CENTS, &[(reason, 1)]);
    refused(|| Err(ReserveRefused::Exhausted), "exhausted");
    refused(|| Err(ReserveRefused::Stopped), "stopped");
    refused(|| Err(ReserveRefused::InFlight), "in_flight");
    refused(|| Err(ReserveRefused::PriceVersion), "price_version");
    refused(|| Err(ReserveRefused::Fenced), "fenced");
    refused(|| Err(unavailable().into()), "unavailable");
    // What an earlier invocation left of the limit covers no call.
    refused(|| Err(ReserveRefused::RequestLimit { left: Usd::ZERO }), "request_limit");
}

#[test]
fn a_call_that_is_not_even_asked_for_is_counted_too() {
    check(|| Ok(()), true, Usd::from_nanos(1_000), &[("request_limit", 1)]);
    check(|| Ok(()), false, FIVE_CENTS, &[("unavailable", 1)]);
}

#[test]
fn a_call_that_is_sent_is_not_counted() {
    check(|| Ok(()), true, FIVE_CENTS, &[]);
}
