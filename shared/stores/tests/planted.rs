//! Planted bugs: the ledger's conditions are taken away, one at a time, on the way to the
//! database, and the conformance suite has to notice each time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use farthing_domain::money::Usd;
use farthing_domain::ports::Ledger;
use farthing_embedded::EmbeddedDynamo;
use farthing_stores::{DynamoLedger, LedgerConfig, Table};
use farthing_testkit::ledger_suite;

/// Embedded DynamoDB that is asked something else than was meant, in requests that hold `marker`.
#[derive(Clone, Debug)]
struct Tampered {
    inner: EmbeddedDynamo,
    marker: &'static str,
    from: &'static str,
    to: &'static str,
    was_used: Arc<AtomicBool>,
    /// Whether the database could read all that it was asked.
    is_understood: Arc<AtomicBool>,
}

impl HttpClient for Tampered {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Tampered {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let body = std::str::from_utf8(request.body().bytes().unwrap()).unwrap().to_owned();
        if body.contains(self.marker) && body.contains(self.from) {
            self.was_used.store(true, Ordering::Relaxed);
            *request.body_mut() = body.replace(self.from, self.to).into();
        }
        let answer = self.inner.call(request);
        let is_understood = Arc::clone(&self.is_understood);
        HttpConnectorFuture::new(async move {
            let response = answer.await?;
            if response.body().bytes().is_some_and(|body| body.windows(19).any(|part| part == b"ValidationException")) {
                is_understood.store(false, Ordering::Relaxed);
            }
            Ok(response)
        })
    }
}

/// Whether the suite fails when `from` is `to` in every request that holds `marker`.
fn is_noticed(marker: &'static str, from: &'static str, to: &'static str) -> bool {
    let (was_used, is_understood) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(true)));
    let (used, understood) = (Arc::clone(&was_used), Arc::clone(&is_understood));
    let suite = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(ledger_suite::run_cases(async |cap: Usd, stop_percent: u8| {
            let inner = EmbeddedDynamo::in_memory().unwrap();
            let dynamo = Tampered {
                inner,
                marker,
                from,
                to,
                was_used: Arc::clone(&used),
                is_understood: Arc::clone(&understood),
            };
            let table = Table::over(dynamo, "farthing");
            table.create_if_missing().await.unwrap();
            let ledger: Arc<dyn Ledger> = Arc::new(DynamoLedger::new(table, LedgerConfig::new(cap, stop_percent, "1")));
            ledger
        }));
    });
    let is_noticed = suite.join().is_err();
    assert!(was_used.load(Ordering::Relaxed) || from.is_empty(), "`{from}` is in no request");
    assert!(is_understood.load(Ordering::Relaxed), "`{to}` is no expression");
    is_noticed
}

#[track_caller]
fn check(bug: &str, marker: &'static str, from: &'static str, to: &'static str) {
    assert!(is_noticed(marker, from, to), "nobody noticed: {bug}");
}

#[test]
fn without_a_bug_there_is_nothing_to_notice() {
    assert!(!is_noticed("no request holds this", "", ""));
}

#[test]
fn every_condition_of_a_claim_is_needed() {
    check("takeover refills the envelope", "", "if_not_exists(#env, :env)", ":env");
    check("takeover with another body", "", "#hash = :h AND (", "(#hash = :h OR #hash <> :h) AND (");
    check("takeover before the lease ends", "", "#lease < :now", "(#lease < :now OR #lease >= :now)");
    check("takeover of what is done", "", "#st = :inprog AND #hash", "(#st = :inprog OR #st <> :inprog) AND #hash");
    check(
        "no fence on done",
        "",
        r##""ConditionExpression":"#st = :inprog AND #ow = :me""##,
        r##""ConditionExpression":"#st = :inprog AND (#ow = :me OR #ow <> :me)""##,
    );
    check("release does nothing", "", "SET #lease = :past", "SET #lease = if_not_exists(#lease, :past)");
}

#[test]
fn every_condition_of_a_reservation_is_needed() {
    check("no head-room", "", "#avail >= :r", "(#avail >= :r OR #avail < :r)");
    check("a stop is ignored", "", "#st = :open AND", "(#st = :open OR #st <> :open) AND");
    check("no envelope", "", "#env >= :r", "(#env >= :r OR #env < :r)");
    check("no fence", "", "#ow = :me AND #env", "(#ow = :me OR #ow <> :me) AND #env");
    check("send after done", "", "#st = :inprog AND #ow = :me AND #env", "(#st = :inprog OR #ow = :me) AND #env");
    check("no durable row", "PENDING#", "attribute_not_exists(PK)", "attribute_not_exists(PK) OR attribute_exists(PK)");
}

#[test]
fn every_condition_of_a_resolution_is_needed() {
    check("resolves twice", "", "#st = :from", "(#st = :from OR #st <> :from)");
    check("settles in another month", ":from", "BUDGET#2026-11", "BUDGET#2026-12");
    check("an overage does not stop", "", "#st = :stopped", "#st = if_not_exists(#st, :stopped)");
    check("unknown usage is not counted", "", "#unknown = #unknown + :u", "#unknown = if_not_exists(#unknown, :u)");
    check("sweeps what may still come", "", "< :now", ">= :now");
    check(
        "expiry gives money back",
        r#"{"S":"expired"}"#,
        "#settled + :c, #avail = #avail + :d",
        "#settled + :d, #avail = #avail + :c",
    );
    check(
        "a resolved row stays in the index",
        "",
        " REMOVE #g1pk, #g1sk",
        ", #g1pk = if_not_exists(#g1pk, :to), #g1sk = if_not_exists(#g1sk, :a)",
    );
    check(
        "a late result is not booked",
        "",
        "#settled = #settled - :d, #avail = #avail + :d",
        "#settled = if_not_exists(#settled, :d), #avail = if_not_exists(#avail, :d)",
    );
}
