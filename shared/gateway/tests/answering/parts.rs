//! A gateway whose parts, but for money and providers, are as plain as they can be.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::agent::BrandProfile;
use farthing_domain::complexity::Tier;
use farthing_domain::ids::{ProviderId, RequestId, Tenant};
use farthing_domain::ledger::StoredReply;
use farthing_domain::money::Usd;
use farthing_domain::outcome::{Feedback, Outcome, Summary};
use farthing_domain::policy::Policy;
use farthing_domain::ports::{
    Analysis, Analyst, Clock, LearnedKnowledge, Ledger, ModelUnavailable, OutcomeLog, PolicyVersions, Provider as _,
    Rated, RuleCheck, StoreError, Validation, Validator,
};
use farthing_domain::prompt::{Conversation, Prompt};
use farthing_domain::quality::Quality;
use farthing_domain::registry::Registry;
use farthing_domain::request::{AgentRequest, CacheUse, RequestContext};
use farthing_domain::time::{Deadline, Month, Timestamp};
use farthing_gateway::{Answer, Answering, LocalTier, LocalTierSource, Parts};
use farthing_testkit::loopback::ScriptedProvider;
use farthing_testkit::plain::Plain;
use serde::de::DeserializeOwned;

/// 2026-11-30, 23:15.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_796_080_500_000);
pub(crate) const FIVE_CENTS: Usd = Usd::from_nanos(50_000_000);

/// What has nothing to do with money: each question is of the high tier, every answer is good, time
/// stands still, and outcomes are kept to be looked at.
#[derive(Default)]
pub(crate) struct Good {
    pub(crate) outcomes: Mutex<Vec<Outcome>>,
}
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
    async fn record(&self, outcome: &Outcome) -> Result<(), StoreError> {
        self.outcomes.lock().unwrap().push(outcome.clone());
        Ok(())
    }

    async fn page(&self, _: &str, _: u8, _: Option<&RequestId>, _: usize) -> Result<Vec<Outcome>, StoreError> {
        Ok(Vec::new())
    }

    async fn rate(&self, _: &Tenant, _: &RequestId, _: Feedback) -> Result<Rated, StoreError> {
        Ok(Rated::Unknown)
    }

    async fn summary(&self, _: Month) -> Result<Summary, StoreError> {
        Ok(Summary::default())
    }
}

/// One of the shipped files, or the table `key` of it.
pub(crate) fn owner_file<T: DeserializeOwned>(path: &str, key: Option<&str>) -> T {
    let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra")).join(path);
    let file: toml::Value = toml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    key.map_or(&file, |key| &file[key]).clone().try_into().unwrap()
}

/// The local models, all of them plain.
pub(crate) fn local_tier() -> LocalTier {
    let good = Arc::new(Good::default());
    LocalTier {
        analyst: good.clone(),
        matcher: Arc::new(Plain),
        knowledge: Arc::new(Plain),
        grounded: None,
        validator: good,
        rephraser: Arc::new(Plain),
    }
}

/// The shipped policy.
pub(crate) fn policy() -> Policy {
    owner_file("policy.toml", None)
}

/// The name of a request that is one of many.
pub(crate) fn id(number: u32) -> RequestId {
    RequestId::parse(&format!("{number:026}")).unwrap()
}

/// What one question needs.
pub(crate) struct Ask {
    pub(crate) id: RequestId,
    pub(crate) versions: Option<Arc<dyn PolicyVersions>>,
    pub(crate) learned: Option<Arc<dyn LearnedKnowledge>>,
    pub(crate) policy: Policy,
    /// Whether the agent's owner wants words kept.
    pub(crate) keeps_words: bool,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) local: Arc<dyn LocalTierSource>,
    pub(crate) rules: Arc<dyn RuleCheck>,
    /// The providers that have a key.
    pub(crate) providers: Vec<Arc<ScriptedProvider>>,
    pub(crate) max_cost: Usd,
}

impl Ask {
    /// Asks one question of the shipped agent.
    pub(crate) async fn run(self) -> (Result<Answer, &'static str>, Outcome) {
        let good = Arc::new(Good::default());
        let agent: BrandProfile = owner_file("agents/rprd/agent.toml", None);
        let agent = BrandProfile { keeps_words: self.keeps_words, ..agent };
        let context = RequestContext {
            id: self.id,
            tenant: Tenant::parse("tenant").unwrap(),
            key: None,
            payload_hash: [0; 32],
            deadline: Deadline::at(NOW.plus(Duration::from_secs(26))),
        };
        let request = AgentRequest {
            conversation: Conversation::of(Prompt::parse("a question").unwrap()),
            agent: agent.id.clone(),
            max_output_tokens: 512,
            max_cost: self.max_cost,
            cache: CacheUse::Bypass,
            metadata: BTreeMap::new(),
        };
        let providers = self.providers.into_iter().map(|provider| (provider.id().clone(), provider as _));
        let answering = Answering::new(Parts {
            policy: self.policy,
            registry: Registry::parse(owner_file("models.toml", Some("models"))).unwrap(),
            agents: BTreeMap::from([(agent.id.clone(), agent)]),
            providers: providers.collect(),
            key_settings: BTreeMap::new(),
            local: self.local,
            rules: self.rules,
            ledger: self.ledger,
            cache: Arc::new(Plain),
            outcomes: good.clone(),
            versions: self.versions,
            learned: self.learned,
            clock: good.clone(),
        });
        let seen = Mutex::new(None);
        answering
            .reply(&context, &request, |result| {
                *seen.lock().unwrap() = Some(match result {
                    Ok(answer) => Ok(answer.clone()),
                    Err(error) => Err(error.code()),
                });
                StoredReply { status: 200, body: Vec::new() }
            })
            .await;
        let outcome = good.outcomes.lock().unwrap().pop();
        (seen.into_inner().unwrap().unwrap(), outcome.unwrap())
    }
}

/// A provider that has yet to be told what it says.
pub(crate) fn provider(id: &str) -> Arc<ScriptedProvider> {
    Arc::new(ScriptedProvider::new(ProviderId::parse(id).unwrap()))
}
