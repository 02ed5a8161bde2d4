//! The traffic, played once through the use case.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use farthing_domain::complexity::Tier;
use farthing_domain::ids::{ModelId, ProviderId};
use farthing_domain::money::Usd;
use farthing_domain::policy::{LocalUse, Policy, TierPolicy};
use farthing_domain::ports::{AnswerCache, Ledger, OutcomeLog, Provider};
use farthing_domain::request::CacheUse;
use farthing_domain::rollout::Stage;
use farthing_gateway::receipt::total_cost;
use farthing_gateway::{Answering, LocalTier, Parts};
use farthing_models::validator::Rules;

use super::recorded::{JudgesWords, NOT_RECORDED, RecordedProvider};
use super::traffic::{Recorded, Traffic};
use crate::asking::{Question, Told, ask};
use crate::door::{Door, EvaluationError, request_id};

/// The output tokens that are asked for, as of a request that does not say.
const OUTPUT_TOKENS: u32 = 512;

/// What one run of the traffic remembers; fresh for each.
#[derive(Clone)]
pub struct Books {
    /// Keeps money.
    pub ledger: Arc<dyn Ledger>,
    /// Keeps answers.
    pub cache: Arc<dyn AnswerCache>,
    /// Keeps outcomes.
    pub outcomes: Arc<dyn OutcomeLog>,
}

/// Plays traffic.
pub struct Replay {
    /// The parts that serve requests.
    pub door: Door,
    /// What is played. A query that comes again gets the answers of its last row.
    pub traffic: Traffic,
    /// The providers that encode the calls. They are never asked to send one.
    pub codecs: BTreeMap<ProviderId, Arc<dyn Provider>>,
}

/// What became of one request.
#[derive(Clone, Debug)]
pub(super) struct Played {
    pub(super) weight: f64,
    pub(super) cost: Usd,
    pub(super) end: End,
    /// The score of a delivered answer whose words are known.
    pub(super) score: Option<f32>,
    /// Whether it was paid for and its words are not known.
    pub(super) is_unread: bool,
    /// For a paid answer after the local tier was asked and was not sure: the input tokens of its call.
    pub(super) unsure_tokens: Option<u64>,
}

/// Who answered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Local,
    Paid(String),
    Cached,
    Refused,
    Failed(&'static str),
}

/// The paid models that any plan of `policy` may ask, and the baseline.
#[must_use]
pub fn models_of(policy: &Policy) -> BTreeSet<ModelId> {
    let planned = Tier::ALL.iter().flat_map(|tier| policy.tiers.of(*tier).paid.clone());
    planned.chain([policy.baseline.clone()]).collect()
}

/// The policy of an owner of `policy` who asks the baseline model everything.
pub(crate) fn everything_to_baseline(policy: &Policy) -> Policy {
    let mut policy = policy.clone();
    let only = TierPolicy { local: LocalUse::Never, paid: vec![policy.baseline.clone()] };
    let tiers = &mut policy.tiers;
    for tier in [&mut tiers.simple, &mut tiers.medium, &mut tiers.high, &mut tiers.creative] {
        tier.clone_from(&only);
    }
    policy.cache.enabled = false;
    policy
}

impl Replay {
    /// The policy with the rollout at `stage`.
    pub(super) fn policy_at(&self, stage: Stage) -> Policy {
        let mut policy = self.door.policy.clone();
        policy.rollout.stage = stage;
        policy
    }

    /// The policy of somebody who asks the baseline model everything.
    pub(super) fn policy_of_baseline(&self) -> Policy {
        everything_to_baseline(&self.door.policy)
    }

    /// Plays all of the traffic, one request after the other, as `policy` has it.
    ///
    /// # Errors
    /// [`EvaluationError`] when a request was not even looked at.
    pub(super) async fn play(&self, policy: Policy, books: Books) -> Result<Vec<Played>, EvaluationError> {
        let answering = self.answering(policy, books);
        let mut played = Vec::with_capacity(self.traffic.rows.len());
        for (number, row) in self.traffic.rows.iter().enumerate() {
            let question = Question {
                id: request_id(number)?,
                agent: self.door.brand.id.clone(),
                query: row.query.clone(),
                max_output_tokens: OUTPUT_TOKENS,
                cache: CacheUse::Use,
            };
            let told = ask(&answering, self.door.clock.as_ref(), question).await?;
            played.push(played_of(row.weight, &told));
        }
        Ok(played)
    }

    /// What the baseline model costs for the questions alone, without any instructions or notes.
    pub(super) fn bare_baseline(&self) -> Vec<Usd> {
        let policy = &self.door.policy;
        let price = self.door.registry.api(&policy.baseline).map(|model| &model.price);
        let count = |text: &str| self.door.tier.analyst.count_tokens(text);
        let cost = |row: &super::TrafficRow| {
            let output = match row.answer_of(&policy.baseline) {
                Some(Recorded::Text(text)) => count(text),
                Some(Recorded::Tokens(tokens)) => *tokens,
                None => 0,
            };
            price.map_or(Usd::ZERO, |price| price.cost(count(row.query.as_str()), output.min(OUTPUT_TOKENS.into())))
        };
        self.traffic.rows.iter().map(cost).collect()
    }

    fn answering(&self, policy: Policy, books: Books) -> Answering {
        let tier = self.door.tier.clone();
        let validator = Arc::new(JudgesWords(Arc::clone(&tier.validator)));
        let local = LocalTier { validator, ..tier };
        Answering::new(Parts {
            policy,
            registry: self.door.registry.clone(),
            agents: BTreeMap::from([(self.door.brand.id.clone(), self.door.brand.clone())]),
            providers: self.providers(),
            key_settings: BTreeMap::new(),
            local: Arc::new(local),
            rules: Arc::new(Rules),
            ledger: books.ledger,
            cache: books.cache,
            outcomes: books.outcomes,
            versions: None,
            learned: None,
            clock: self.door.clock.clone(),
        })
    }

    fn providers(&self) -> BTreeMap<ProviderId, Arc<dyn Provider>> {
        let rows = self.traffic.rows.iter().map(|row| (row.query.as_str().to_owned(), row.clone()));
        let tape: Arc<HashMap<_, _>> = Arc::new(rows.collect());
        let apis = || self.door.registry.models().iter().filter_map(|spec| Some((spec.api.as_ref()?, &spec.id)));
        let provider = |(id, codec): (&ProviderId, &Arc<dyn Provider>)| {
            let models = apis().filter(|(api, _)| &api.provider == id);
            let provider = RecordedProvider {
                codec: codec.clone(),
                models: models.map(|(api, model)| (api.provider_model.clone(), model.clone())).collect(),
                tape: tape.clone(),
                counter: self.door.tier.analyst.clone(),
                encoded: Mutex::default(),
            };
            (id.clone(), Arc::new(provider) as Arc<dyn Provider>)
        };
        self.codecs.iter().map(provider).collect()
    }
}

fn played_of(weight: f64, told: &Told) -> Played {
    let cost = total_cost(&told.attempts);
    let Some(answer) = &told.answer else {
        let end = End::Failed(told.error.unwrap_or("unknown"));
        return Played { weight, cost, end, score: None, is_unread: false, unsure_tokens: None };
    };
    let end = match (&answer.quality, &answer.route.cache) {
        (_, Some(_)) => End::Cached,
        (None, None) => End::Refused,
        (Some(_), None) if answer.route.provider == "local" => End::Local,
        (Some(_), None) => End::Paid(answer.route.model.clone()),
    };
    let was_unsure = told.attempts.first().is_some_and(|first| first.model == "knowledge");
    let is_paid = matches!(end, End::Paid(_));
    Played {
        weight,
        cost,
        score: answer.quality.as_ref().map(|judged| judged.score).filter(|_| answer.text != NOT_RECORDED),
        is_unread: is_paid && answer.text == NOT_RECORDED,
        unsure_tokens: (was_unsure && is_paid).then_some(answer.tokens.0),
        end,
    }
}
