//! The parts of a gateway that have nothing to do with money, as plain as they can be.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use farthing_domain::agent::BrandProfile;
use farthing_domain::complexity::Tier;
use farthing_domain::ids::{ProviderId, RequestId};
use farthing_domain::policy::Policy;
use farthing_domain::ports::{
    Analysis, Analyst, Clock, Ledger, ModelUnavailable, OutcomeLog, Provider, Validation, Validator,
};
use farthing_domain::prompt::{Conversation, Prompt};
use farthing_domain::quality::Quality;
use farthing_domain::registry::{ApiModel, ModelSpec, Registry};
use farthing_domain::request::{AgentRequest, CacheUse};
use farthing_gateway::wrappers::WithTimeout;
use farthing_gateway::{LocalTier, Parts};
use farthing_testkit::plain::Plain;

use crate::plan::Customer;
use crate::planted::Bug;
use crate::process::Life;
use crate::provider::{Interrupted, SimulatedProvider};
use crate::world::Sim;

/// Two models: one of about half a cent a call, one of about three cents.
const MODELS: &str = include_str!("models.toml");
/// The shipped policy's shape: escalation from the cheap model to the dear one, one retry.
const POLICY: &str = include_str!("policy.toml");

static FILES: LazyLock<(Registry, Policy, BrandProfile)> = LazyLock::new(|| {
    #[derive(serde::Deserialize)]
    struct Models {
        models: Vec<ModelSpec>,
        agent: BrandProfile,
    }
    let models: Models = toml::from_str(MODELS).unwrap_or_else(|error| panic!("models.toml: {error}"));
    let registry = Registry::parse(models.models).unwrap_or_else(|error| panic!("models.toml: {error}"));
    let policy: Policy = toml::from_str(POLICY).unwrap_or_else(|error| panic!("policy.toml: {error}"));
    policy.validate(&registry).unwrap_or_else(|error| panic!("policy.toml: {error}"));
    (registry, policy, models.agent)
});

/// The model that its provider knows by this name.
pub(crate) fn api_model(provider_model: &str) -> &'static ApiModel {
    let mut models = FILES.0.models().iter().filter_map(|model| model.api.as_ref());
    let model = models.find(|model| model.provider_model == provider_model);
    model.unwrap_or_else(|| panic!("no model `{provider_model}`"))
}

/// The request of `customer`; its text names the invocation, so that providers can tell whose call
/// they get.
pub(crate) fn request(customer: &Customer, id: &RequestId) -> AgentRequest {
    let tier = customer.tier.as_str();
    let query = Prompt::parse(&format!("{} {tier}", id.as_str())).unwrap_or_else(|error| panic!("{error}"));
    AgentRequest {
        conversation: Conversation::of(query),
        agent: FILES.2.id.clone(),
        max_output_tokens: customer.max_output_tokens,
        max_cost: customer.max_cost,
        cache: CacheUse::Bypass,
        metadata: BTreeMap::new(),
    }
}

/// The parts of the gateway of one process.
pub(crate) fn parts(
    sim: &Arc<Sim>,
    life: &Arc<Life>,
    ledger: Arc<dyn Ledger>,
    outcomes: Arc<dyn OutcomeLog>,
    clock: Arc<dyn Clock>,
) -> Parts {
    let (registry, policy, agent) = &*FILES;
    let mut policy = policy.clone();
    policy.budget.monthly_usd = sim.plan.cap;
    let provider = |name: &str| {
        let id = ProviderId::parse(name).unwrap_or_else(|error| panic!("{error}"));
        let provider = SimulatedProvider { sim: Arc::clone(sim), life: Arc::clone(life), id: id.clone() };
        let provider = Bug::over_provider(
            sim,
            Arc::new(Interrupted(WithTimeout::new(provider), Arc::clone(sim), Arc::clone(life))),
        );
        (id, provider as Arc<dyn Provider>)
    };
    let planned = Arc::new(Planned { sim: Arc::clone(sim) });
    Parts {
        policy,
        registry: registry.clone(),
        agents: BTreeMap::from([(agent.id.clone(), agent.clone())]),
        providers: BTreeMap::from([provider("cheap"), provider("dear")]),
        key_settings: BTreeMap::new(),
        local: Arc::new(LocalTier {
            analyst: planned.clone(),
            matcher: Arc::new(Plain),
            knowledge: Arc::new(Plain),
            grounded: None,
            validator: planned,
            rephraser: Arc::new(Plain),
        }),
        rules: Arc::new(Plain),
        ledger,
        cache: Arc::new(Plain),
        outcomes,
        versions: None,
        learned: None,
        clock,
    }
}

/// The judging models of this process: they say what the plan says.
struct Planned {
    sim: Arc<Sim>,
}

#[async_trait]
impl Analyst for Planned {
    async fn analyse(&self, query: &str) -> Result<Analysis, ModelUnavailable> {
        let is_high = query.ends_with(Tier::High.as_str());
        Ok(Plain::analysis(if is_high { Tier::High } else { Tier::Medium }))
    }

    fn count_tokens(&self, _: &str) -> u64 {
        3
    }
}

#[async_trait]
impl Validator for Planned {
    async fn validate(&self, _: Validation<'_>) -> Result<Quality, ModelUnavailable> {
        let is_low = self.sim.chance.happens(self.sim.plan.faults.low_scores);
        Ok(Plain::quality(if is_low { self.sim.chance.pick(&[0.2, 0.5]) } else { 0.9 }))
    }
}
