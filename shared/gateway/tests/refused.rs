//! Paid calls that are not sent because of money are counted by reason.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::agent::BrandProfile;
use farthing_domain::complexity::Tier;
use farthing_domain::ids::{ProviderId, RequestId, Tenant};
use farthing_domain::ledger::{
    Claim, ClaimRefused, ClaimRequest, Finish, LastSweep, LedgerUnavailable, MonthBooks, Reservation, ReserveRefused,
    ReserveRequest, Resolution, Resolved, StoredReply, Swept,
};
use farthing_domain::metrics;
use farthing_domain::money::Usd;
use farthing_domain::outcome::{Outcome, Summary};
use farthing_domain::policy::Policy;
use farthing_domain::ports::{
    Analysis, Analyst, Clock, Ledger, ModelUnavailable, OutcomeLog, StoreError, Validation, Validator,
};
use farthing_domain::prompt::{Conversation, Prompt};
use farthing_domain::quality::Quality;
use farthing_domain::registry::Registry;
use farthing_domain::request::{AgentRequest, CacheUse, RequestContext};
use farthing_domain::time::{Deadline, Month, Timestamp};
use farthing_gateway::{Answering, Parts};
use farthing_testkit::ledger_suite::OracleLedger;
use farthing_testkit::loopback::ScriptedProvider;
use farthing_testkit::plain::Plain;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use serde::de::DeserializeOwned;

/// 2026-11-30, 23:15.
const NOW: Timestamp = Timestamp::from_millis(1_796_080_500_000);
const FIVE_CENTS: Usd = Usd::from_nanos(50_000_000);

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

/// What has nothing to do with money: each question is of the high tier, every answer is good, and
/// time stands still.
struct Good;

impl Clock for Good {
    fn now(&self) -> Timestamp {
        NOW
    }
}

#[async_trait]
impl Analyst for Good {
    async fn analyse(&self, _: &str) -> Result<Analysis, ModelUnavailable> {
        Ok(Plain::analysis(Tier::High))
    }

    fn count_tokens(&self, _: &str) -> u64 {
        3
    }
}

#[async_trait]
impl Validator for Good {
    async fn validate(&self, _: Validation<'_>) -> Result<Quality, ModelUnavailable> {
        Ok(Plain::quality(0.9))
    }
}

#[async_trait]
impl OutcomeLog for Good {
    async fn record(&self, _: &Outcome) -> Result<(), StoreError> {
        Ok(())
    }

    async fn has(&self, _: &str, _: &RequestId) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn summary(&self, _: Month) -> Result<Summary, StoreError> {
        Ok(Summary::default())
    }
}

/// One of the shipped files, or the table `key` of it.
fn owner_file<T: DeserializeOwned>(path: &str, key: Option<&str>) -> T {
    let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra")).join(path);
    let file: toml::Value = toml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    key.map_or(&file, |key| &file[key]).clone().try_into().unwrap()
}

/// Answers one question, with Claude as the only provider that has a key, over a ledger like this.
async fn ask(ledger: Refusing, max_cost: Usd) {
    let (anthropic, good) = (ProviderId::parse("anthropic").unwrap(), Arc::new(Good));
    let provider = ScriptedProvider::new(anthropic.clone());
    provider.push_text("an answer", 10, 10);
    let agent: BrandProfile = owner_file("agents/rprd/agent.toml", None);
    let policy: Policy = owner_file("policy.toml", None);
    let context = RequestContext {
        id: RequestId::parse(&"A".repeat(26)).unwrap(),
        tenant: Tenant::parse("tenant").unwrap(),
        key: None,
        payload_hash: [0; 32],
        deadline: Deadline::at(NOW.plus(Duration::from_secs(26))),
    };
    let request = AgentRequest {
        conversation: Conversation::of(Prompt::parse("a question").unwrap()),
        agent: agent.id.clone(),
        max_output_tokens: 512,
        max_cost,
        cache: CacheUse::Bypass,
        metadata: BTreeMap::new(),
    };
    let answering = Answering::new(Parts {
        policy,
        registry: Registry::parse(owner_file("models.toml", Some("models"))).unwrap(),
        agents: BTreeMap::from([(agent.id.clone(), agent)]),
        providers: BTreeMap::from([(anthropic, Arc::new(provider) as _)]),
        key_settings: BTreeMap::new(),
        analyst: good.clone(),
        knowledge: Arc::new(Plain),
        validator: good.clone(),
        rephraser: Arc::new(Plain),
        ledger: Arc::new(ledger),
        cache: Arc::new(Plain),
        outcomes: good.clone(),
        clock: good,
    });
    answering.reply(&context, &request, |_| StoredReply { status: 200, body: Vec::new() }).await;
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
