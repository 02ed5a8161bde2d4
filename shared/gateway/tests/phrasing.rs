//! Phrasings that a paid model makes of knowledge, through the use case that has them made.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

#[path = "answering/parts.rs"]
#[expect(dead_code, reason = "the answering of requests uses more of it")]
mod parts;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::agent::BrandProfile;
use farthing_domain::hex::hex;
use farthing_domain::ids::{AgentId, ModelId, ProviderId, RequestId, Tenant};
use farthing_domain::ledger::{Claim, ClaimRequest};
use farthing_domain::money::Usd;
use farthing_domain::policy::Policy;
use farthing_domain::ports::{
    Completion, CompletionRequest, Ids, Ledger as _, PreparedCall, Provider, ProviderFailure,
};
use farthing_domain::registry::{Price, Registry};
use farthing_gateway::phrasing::{Phrasing, PhrasingCount, PhrasingRefused, PhrasingTally, Topic};
use farthing_gateway::{Answering, Parts};
use farthing_testkit::ledger_suite::OracleLedger;
use farthing_testkit::loopback::ScriptedProvider;
use farthing_testkit::plain::Plain;
use sha2::{Digest as _, Sha256};

use crate::parts::{Good, NOW, local_tier, owner_file, provider};

const DOLLAR: Usd = Usd::from_nanos(1_000_000_000);

/// A provider that looks into the ledger at each send.
struct Witness {
    inner: Arc<ScriptedProvider>,
    ledger: Arc<OracleLedger>,
    reserved: Arc<Mutex<Vec<Usd>>>,
}

#[async_trait]
impl Provider for Witness {
    fn id(&self) -> &ProviderId {
        self.inner.id()
    }

    fn encode(&self, request: &CompletionRequest) -> PreparedCall {
        self.inner.encode(request)
    }

    async fn send(&self, call: PreparedCall, limit: Duration) -> Result<Completion, ProviderFailure> {
        let reserved = self.ledger.books(NOW.month()).await.unwrap().reserved;
        self.reserved.lock().unwrap().push(reserved);
        self.inner.send(call, limit).await
    }
}

#[derive(Default)]
struct Counted(AtomicU32);

impl Ids for Counted {
    fn request_id(&self) -> RequestId {
        RequestId::parse(&format!("{:026}", self.0.fetch_add(1, Ordering::Relaxed))).unwrap()
    }
}

/// The use case over a ledger with so much money, with providers that have yet to be told what they say.
struct Place {
    phrasing: Phrasing,
    ledger: Arc<OracleLedger>,
    deepseek: Arc<ScriptedProvider>,
    anthropic: Arc<ScriptedProvider>,
    /// What was reserved at each send to DeepSeek.
    reserved: Arc<Mutex<Vec<Usd>>>,
}

impl Place {
    fn new(stop_line: Usd, keys: &[&str]) -> Self {
        Self::under(stop_line, keys, owner_file("policy.toml", None))
    }

    fn under(stop_line: Usd, keys: &[&str], policy: Policy) -> Self {
        let ledger = Arc::new(OracleLedger::new(stop_line, 100));
        let (deepseek, anthropic, reserved) = (provider("deepseek"), provider("anthropic"), Arc::default());
        let witness = Witness { inner: deepseek.clone(), ledger: ledger.clone(), reserved: Arc::clone(&reserved) };
        let providers: [Arc<dyn Provider>; 2] = [Arc::new(witness), anthropic.clone()];
        let providers = providers.into_iter().filter(|provider| keys.contains(&provider.id().as_str()));
        let agent: BrandProfile = owner_file("agents/rprd/agent.toml", None);
        let setting = |name: &str| (ProviderId::parse(name).unwrap(), format!("{}_API_KEY", name.to_uppercase()));
        let good = Arc::new(Good::default());
        let answering = Answering::new(Parts {
            policy,
            registry: registry(),
            agents: BTreeMap::from([(agent.id.clone(), agent)]),
            providers: providers.map(|provider| (provider.id().clone(), provider)).collect(),
            key_settings: ["deepseek", "anthropic", "openai"].map(setting).into(),
            local: Arc::new(local_tier()),
            rules: Arc::new(Plain),
            ledger: ledger.clone(),
            cache: Arc::new(Plain),
            outcomes: good.clone(),
            versions: None,
            learned: None,
            clock: good,
        });
        let tenant = Tenant::parse("tenant").unwrap();
        let phrasing = Phrasing { answering: Arc::new(answering), ids: Arc::new(Counted::default()), tenant };
        Self { phrasing, ledger, deepseek, anthropic, reserved }
    }

    /// The most that asking DeepSeek about `topics` for three phrasings each can cost.
    fn worst_case(&self, topics: &[Topic]) -> Usd {
        let order = self.phrasing.order(&agent(), None, three()).unwrap();
        self.phrasing.worst_case(&order, topics)
    }

    /// Asks about `topics` for three phrasings each; gives the tally and what was made for which.
    async fn make(&self, topics: &[Topic]) -> (PhrasingTally, Vec<(usize, Vec<String>)>) {
        let order = self.phrasing.order(&agent(), None, three()).unwrap();
        let mut kept = Vec::new();
        let keep = async |at: usize, made: farthing_gateway::phrasing::Made| {
            let count = made.phrasings.len();
            kept.push((at, made.phrasings));
            Ok(count)
        };
        let tally = self.phrasing.make(&order, topics, keep).await;
        (tally, kept)
    }

    /// Reserved and settled money.
    async fn money(&self) -> (Usd, Usd) {
        let books = self.ledger.books(NOW.month()).await.unwrap();
        (books.reserved, books.settled)
    }
}

fn registry() -> Registry {
    Registry::parse(owner_file("models.toml", Some("models"))).unwrap()
}

fn price(model: &str) -> Price {
    registry().api(&ModelId::parse(model).unwrap()).unwrap().price.clone()
}

fn agent() -> AgentId {
    AgentId::parse("rprd").unwrap()
}

fn three() -> PhrasingCount {
    PhrasingCount::parse("3").unwrap()
}

fn topics(count: usize) -> Vec<Topic> {
    let topic =
        |at| Topic { title: format!("How do I unlock bike {at}?"), answer: "Scan the code on its lock.".into() };
    (1..=count).map(topic).collect()
}

fn left(reasons: &[(&str, usize)]) -> BTreeMap<String, usize> {
    reasons.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
}

#[tokio::test]
async fn money_is_reserved_before_a_call_and_what_it_cost_is_charged() {
    let (place, topics) = (Place::new(DOLLAR, &["deepseek"]), topics(1));
    place.deepseek.push_text("open the lock\nrelease it\nget my bike going", 180, 21);
    let at_most = place.worst_case(&topics);
    assert_eq!(place.money().await, (Usd::ZERO, Usd::ZERO), "to say what it may cost reserves nothing");
    let (tally, kept) = place.make(&topics).await;
    assert_eq!(*place.reserved.lock().unwrap(), [at_most], "the send found the worst case reserved");
    let cost = price("deepseek-chat").cost(180, 21);
    assert_eq!(place.money().await, (Usd::ZERO, cost));
    assert!(cost < at_most);
    assert_eq!(kept, [(0, ["open the lock", "release it", "get my bike going"].map(str::to_owned).to_vec())]);
    assert_eq!(tally, PhrasingTally { topics: 1, phrasings: 3, cost, left: BTreeMap::new() });
    let calls = place.deepseek.calls();
    assert_eq!(calls.len(), 1);
    let asked = calls[0].body["messages"][0]["content"].as_str().unwrap();
    assert_eq!(asked, "Question: How do I unlock bike 1?\nAnswer: Scan the code on its lock.");
    assert!(calls[0].body["max_tokens"].as_u64().unwrap() <= 200, "{:?}", calls[0].body["max_tokens"]);
}

#[tokio::test]
async fn the_bound_is_the_sum_over_the_topics() {
    let place = Place::new(DOLLAR, &["deepseek"]);
    let all = topics(3);
    let each: Usd = all.iter().map(|topic| place.worst_case(std::slice::from_ref(topic))).sum();
    assert_eq!(place.worst_case(&all), each);
    assert!(each > Usd::ZERO);
    let huge = Topic { title: "Why?".to_owned(), answer: "word ".repeat(100_000) };
    let bound = place.worst_case(std::slice::from_ref(&huge));
    assert!(bound < Usd::parse("0.001").unwrap(), "a long answer is cut: {bound}");
}

#[tokio::test]
async fn at_the_end_of_the_budget_what_was_made_is_kept() {
    let all = topics(6);
    let probe = Place::new(DOLLAR, &["deepseek"]);
    let each = probe.worst_case(&all[..1]);
    // Each call costs the half of what is reserved for it: after four there is too little for a fifth.
    let place = Place::new(Usd::from_nanos(each.nanos() * 29 / 10), &["deepseek"]);
    let output_price = price("deepseek-chat").cost(0, 1_000_000).nanos();
    let half = u64::try_from(each.nanos() / 2 * 1_000_000 / output_price).unwrap();
    for _ in &all {
        place.deepseek.push_text("open the lock", 0, half);
    }
    let (tally, kept) = place.make(&all).await;
    assert_eq!(kept.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!((tally.topics, tally.phrasings), (4, 4));
    assert_eq!(tally.left, left(&[("budget_exhausted", 2)]));
    assert_eq!(place.deepseek.calls().len(), 4, "nothing is sent without a reservation");
    assert_eq!(place.money().await, (Usd::ZERO, tally.cost));
}

#[tokio::test]
async fn a_stopped_month_pays_for_nothing() {
    let place = Place::new(DOLLAR, &["deepseek"]);
    place.ledger.set_stopped(NOW.month(), true).await.unwrap();
    let (tally, kept) = place.make(&topics(3)).await;
    assert!(kept.is_empty() && place.deepseek.calls().is_empty());
    assert_eq!(tally, PhrasingTally { left: left(&[("budget_stopped", 3)]), ..PhrasingTally::default() });
}

#[tokio::test]
async fn a_call_that_fails_is_told_and_the_others_go_on() {
    let place = Place::new(DOLLAR, &["deepseek"]);
    place.deepseek.push_text("open the lock", 100, 10);
    place.deepseek.push(Err(ProviderFailure::Broken { reason: "as the test says".to_owned() }));
    place.deepseek.push_text("release it", 100, 10);
    let all = topics(3);
    let (tally, kept) = place.make(&all).await;
    assert_eq!(kept.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 2]);
    assert_eq!((tally.topics, &tally.left), (2, &left(&[("provider_error", 1)])));
    let known = price("deepseek-chat").cost(100, 10);
    let unknown = place.worst_case(&all[1..2]);
    let charged = known.saturating_add(known).saturating_add(unknown);
    assert_eq!((tally.cost, place.money().await), (charged, (Usd::ZERO, charged)), "what may have cost is charged");
}

#[tokio::test]
async fn what_holds_for_every_topic_is_not_tried_for_each() {
    let place = Place::new(DOLLAR, &["deepseek"]);
    place.deepseek.push(Err(ProviderFailure::Unauthorized { status: 401 }));
    let (tally, _) = place.make(&topics(5)).await;
    assert_eq!((place.deepseek.calls().len(), &tally.left), (1, &left(&[("unauthorized", 5)])));
    assert_eq!(place.money().await, (Usd::ZERO, Usd::ZERO));
}

#[tokio::test]
async fn a_limit_that_covers_no_call_is_held() {
    let mut policy: Policy = owner_file("policy.toml", None);
    policy.budget.per_request_usd = Usd::from_nanos(1_000);
    let place = Place::under(DOLLAR, &["deepseek"], policy);
    let (tally, _) = place.make(&topics(2)).await;
    assert_eq!(tally.left, left(&[("over_request_limit", 2)]));
    assert!(place.deepseek.calls().is_empty());
    assert_eq!(place.worst_case(&topics(2)), Usd::ZERO);
}

#[tokio::test]
async fn what_cannot_be_kept_ends_it() {
    let place = Place::new(DOLLAR, &["deepseek"]);
    let all = topics(9);
    for _ in &all {
        place.deepseek.push_text("open the lock", 100, 10);
    }
    let order = place.phrasing.order(&agent(), None, three()).unwrap();
    let mut calls = 0;
    let keep = async |_, _| {
        calls += 1;
        if calls == 1 { Ok(0) } else { Err("the disk is full".into()) }
    };
    let tally = place.phrasing.make(&order, &all, keep).await;
    assert_eq!((tally.topics, tally.left["none_fit"], tally.left["not_kept"]), (0, 1, 8));
    assert!(place.deepseek.calls().len() < all.len(), "no more is paid for");
}

/// What is made of a reply to "How do I unlock bike 1?", three phrasings at most.
async fn check_reply(reply: Completion, expected: &[&str]) {
    let place = Place::new(DOLLAR, &["deepseek"]);
    let text = reply.text.clone();
    place.deepseek.push(Ok(reply));
    let (tally, kept) = place.make(&topics(1)).await;
    let made = kept.first().map(|(_, made)| made.as_slice()).unwrap_or_default();
    assert_eq!(made, expected, "{text:?}");
    let none_fit = if expected.is_empty() { left(&[("none_fit", 1)]) } else { BTreeMap::new() };
    assert_eq!(tally.left, none_fit, "{text:?}");
    assert!(tally.cost > Usd::ZERO, "junk is paid for too");
}

#[tokio::test]
async fn a_reply_is_not_trusted() {
    let long = "way too long ".repeat(16);
    for (reply, expected) in [
        ("1. open the lock\n2) release it\n(3) get going", &["open the lock", "release it", "get going"][..]),
        ("- open the lock\n* release it\n• get going", &["open the lock", "release it", "get going"]),
        ("\"open the lock\"\n“release it”\n«get going»", &["open the lock", "release it", "get going"]),
        ("1. **\"open the lock\"**\r\n\r\n\t- 'release it' \r\n", &["open the lock", "release it"]),
        ("[\n\"open the lock\",\n\"release it\"\n]\n```", &["open the lock", "release it"]),
        ("Sure, here are three:\nopen the lock", &["open the lock"]),
        ("a b\nc d\ne f\ng h\ni j", &["a b", "c d", "e f"]),
        ("Open the lock\nopen the LOCK!\nhow do i unlock bike 1", &["Open the lock"]),
        ("24/7 unlocking?\n3.5 tonnes\n2FA lost", &["24/7 unlocking?", "3.5 tonnes", "2FA lost"]),
        (
            "open\u{2028}the lock\nrelease\rit\nget\u{0}going\nwie öffne ich das Schloss?",
            &["wie öffne ich das Schloss?"],
        ),
        (&long, &[]),
        ("", &[]),
        ("\n \n---\n???\n\"\"\n", &[]),
    ] {
        let text = reply.to_owned();
        check_reply(Completion { text, truncated: false, input_tokens: 9, output_tokens: 9 }, expected).await;
    }
    let text = "open the lock\nget my bi".to_owned();
    check_reply(Completion { text, truncated: true, input_tokens: 9, output_tokens: 9 }, &["open the lock"]).await;
}

/// The model that is asked when these providers have a key and the owner wants `model`.
#[track_caller]
fn check_order(keys: &[&str], model: Option<&str>, expected: Result<&str, &str>) {
    let place = Place::new(DOLLAR, keys);
    let model = model.map(|model| ModelId::parse(model).unwrap());
    let order = place.phrasing.order(&agent(), model.as_ref(), three());
    let found = order.map(|order| order.model().to_string()).map_err(|refused: PhrasingRefused| refused.to_string());
    assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned));
}

#[test]
fn the_cheapest_paid_model_of_simple_queries_that_has_a_key_is_asked() {
    check_order(&["anthropic", "deepseek"], None, Ok("deepseek-chat"));
    check_order(&["anthropic"], None, Ok("claude-sonnet"));
    check_order(&["anthropic", "deepseek"], Some("claude-haiku"), Ok("claude-haiku"));
    let settings = "no paid model can be asked without a key: set DEEPSEEK_API_KEY or ANTHROPIC_API_KEY";
    check_order(&[], None, Err(settings));
    let setting = "no paid model can be asked without a key: set ANTHROPIC_API_KEY";
    check_order(&["deepseek"], Some("claude-haiku"), Err(setting));
    check_order(&["deepseek"], Some("all-minilm-l6-v2"), Err("`all-minilm-l6-v2` is no enabled paid model"));
    let place = Place::new(DOLLAR, &["deepseek"]);
    let mut policy: Policy = owner_file("policy.toml", None);
    policy.tiers.simple.paid.clear();
    let without = Place::under(DOLLAR, &["deepseek"], policy);
    assert!(matches!(without.phrasing.order(&agent(), None, three()), Err(PhrasingRefused::NoModel)));
    let unknown = place.phrasing.order(&AgentId::parse("nobody").unwrap(), None, three()).map(|_| ());
    assert_eq!(unknown.unwrap_err().to_string(), "there is no agent `nobody`");
}

#[tokio::test]
async fn the_model_of_the_order_is_asked() {
    let place = Place::new(DOLLAR, &["anthropic", "deepseek"]);
    place.anthropic.push_text("open the lock", 100, 10);
    let order = place.phrasing.order(&agent(), Some(&ModelId::parse("claude-haiku").unwrap()), three()).unwrap();
    let tally = place.phrasing.make(&order, &topics(1), async |_, made| Ok(made.phrasings.len())).await;
    assert_eq!((tally.topics, tally.cost), (1, price("claude-haiku").cost(100, 10)));
    assert!(place.deepseek.calls().is_empty());
}

#[tokio::test]
async fn the_key_of_a_call_is_ended() {
    let (place, topics) = (Place::new(DOLLAR, &["deepseek"]), topics(1));
    place.deepseek.push_text("open the lock", 100, 10);
    place.make(&topics).await;
    let key_hash = hex(&Sha256::digest(format!("own:{:026}", 0)));
    let (tenant, owner) = (Tenant::parse("tenant").unwrap(), RequestId::parse(&"B".repeat(26)).unwrap());
    let claim = Claim { tenant, key_hash, owner, lease: NOW.plus(Duration::from_secs(1)) };
    let payload_hash = Sha256::digest("Question: How do I unlock bike 1?\nAnswer: Scan the code on its lock.").into();
    let again = place.ledger.acquire(ClaimRequest { claim, envelope: DOLLAR, payload_hash, now: NOW }).await;
    let refused = with_causes(again.unwrap_err());
    assert!(refused.contains("ended without a reply"), "{refused}");
}

/// The error with its causes.
fn with_causes(error: impl std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        told = format!("{told}: {cause}");
        source = cause.source();
    }
    told
}

#[test]
fn a_count_is_from_one_to_eight() {
    for (text, is_count) in [("1", true), ("8", true), ("0", false), ("9", false), ("-1", false), ("x", false)] {
        assert_eq!(PhrasingCount::parse(text).is_ok(), is_count, "{text}");
    }
}
