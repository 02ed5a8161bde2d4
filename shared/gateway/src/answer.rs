//! The use case that answers one request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use farthing_domain::agent::BrandProfile;
use farthing_domain::breaker::{Breaker, BreakerRules};
use farthing_domain::complexity::Tier;
use farthing_domain::ids::{AgentId, ProviderId};
use farthing_domain::ledger::Claim;
use farthing_domain::money::Usd;
use farthing_domain::outcome::{KnowledgeRecord, QuantizedVector, QueryRecord};
use farthing_domain::policy::Policy;
use farthing_domain::ports::{
    Analysis, AnswerCache, Clock, LearnedKnowledge, Ledger, ModelUnavailable, OutcomeLog, PolicyVersions, Provider,
    Retrieval, RuleCheck,
};
use farthing_domain::quality::Verdict;
use farthing_domain::registry::Registry;
use farthing_domain::request::{AgentRequest, RequestContext};
use farthing_domain::rollout::Arm;
use farthing_domain::router::{self, Circumstances, Step};
use farthing_domain::time::{Pause, Timestamp};
use farthing_domain::versions::InForce;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::error::AnswerError;
use crate::local_tier::{LocalTier, LocalTierSource};
use crate::policies::Policies;
use crate::receipt::{Answer, Attempt, Judgement, Route, total_cost};
use crate::withdrawals::{Withdrawals, Withdrawn, without};

/// How many passages are retrieved for one query.
pub const RETRIEVED_PASSAGES: usize = 5;

/// What answering needs.
pub struct Parts {
    /// What the owner decided.
    pub policy: Policy,
    /// The known models and their prices.
    pub registry: Registry,
    /// The agents, by name.
    pub agents: BTreeMap<AgentId, BrandProfile>,
    /// The providers that have a key.
    pub providers: BTreeMap<ProviderId, Arc<dyn Provider>>,
    /// For each provider, the name of the setting that holds its key.
    pub key_settings: BTreeMap<ProviderId, String>,
    /// Classify, screen, answer, judge and rephrase.
    pub local: Arc<dyn LocalTierSource>,
    /// Checks answers while nothing can judge them.
    pub rules: Arc<dyn RuleCheck>,
    /// Keeps money.
    pub ledger: Arc<dyn Ledger>,
    /// Keeps answers.
    pub cache: Arc<dyn AnswerCache>,
    /// Keeps outcomes.
    pub outcomes: Arc<dyn OutcomeLog>,
    /// The versions of the policy that weeks make; `None` when the owner's is followed as it is.
    pub versions: Option<Arc<dyn PolicyVersions>>,
    /// What paid answers taught; `None` when nothing was.
    pub learned: Option<Arc<dyn LearnedKnowledge>>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// The use case that answers requests.
pub struct Answering {
    pub(crate) parts: Parts,
    pub(crate) breakers: Mutex<BTreeMap<ProviderId, Breaker>>,
    pub(crate) sweep_pause: Mutex<Option<Pause>>,
    policies: Policies,
    withdrawals: Withdrawals,
    places: Semaphore,
}

/// What is known and done for one request while it is being answered.
pub(crate) struct Work<'a> {
    pub(crate) context: &'a RequestContext,
    /// When the work began, and how much time there was then: a clock that is set back during the
    /// work gives no more.
    pub(crate) began: (Instant, Duration),
    pub(crate) request: &'a AgentRequest,
    pub(crate) brand: &'a BrandProfile,
    pub(crate) query: &'a str,
    pub(crate) arm: Arm,
    /// What the request follows.
    pub(crate) in_force: Arc<InForce>,
    /// What the agent's knowledge has no more.
    pub(crate) withdrawn: Withdrawn,
    pub(crate) system_prompt: String,
    /// The system prompt without the notes of knowledge, which are meant to be said.
    pub(crate) instructions: String,
    pub(crate) spending: Spending,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) recorded: Recorded,
}

/// What is recorded of a request beside its answer.
#[derive(Default)]
pub(crate) struct Recorded {
    pub(crate) query: Option<QueryRecord>,
    pub(crate) plan: Vec<Step>,
    /// What was tried for comparison only.
    pub(crate) shadow: Option<Attempt>,
}

/// The local models that a request has, and what they tell of its query.
pub(crate) struct Insight {
    pub(crate) tier: LocalTier,
    pub(crate) analysis: Analysis,
    pub(crate) retrieval: Retrieval,
}

/// The money side of one request.
#[derive(Default)]
pub(crate) struct Spending {
    /// The claim on the request's key; taken at the first paid send when the caller sent no key.
    pub(crate) claim: Option<Claim>,
    /// Reservations asked for so far.
    pub(crate) reservations: u32,
    /// Sends so far.
    pub(crate) sends: u32,
    /// Reserved or charged so far.
    pub(crate) committed: Usd,
    /// The last refusal for lack of money.
    pub(crate) refusal: Option<Refusal>,
}

/// Why money was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The month's is spent, or spending is stopped.
    Month,
    /// The month's is reserved by others.
    InFlight,
    /// The request's own limit is too low.
    Request,
}

/// What one request ended with, whatever it ended with.
pub(crate) struct Ended {
    pub(crate) result: Result<Answer, AnswerError>,
    /// What it followed.
    pub(crate) in_force: Arc<InForce>,
    pub(crate) recorded: Recorded,
    pub(crate) claim: Option<Claim>,
}

impl Answering {
    /// A use case over `parts`.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let places = Semaphore::new(parts.policy.limits.in_flight);
        let policies = Policies::new(&parts.policy, parts.versions.clone(), Arc::clone(&parts.clock));
        let withdrawals = Withdrawals::new(parts.learned.clone(), Arc::clone(&parts.clock));
        Self { parts, breakers: Mutex::default(), sweep_pause: Mutex::default(), policies, withdrawals, places }
    }

    /// The owner's policy.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.parts.policy
    }

    /// The time now, by the gateway's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// The most that `request` may cost.
    pub(crate) fn envelope(&self, request: &AgentRequest) -> Usd {
        request.max_cost.min(self.parts.policy.budget.per_request_usd)
    }

    pub(crate) const fn breaker_rules(&self) -> BreakerRules {
        let limits = &self.parts.policy.limits;
        BreakerRules {
            failures: limits.breaker_failures,
            cool_down: Duration::from_millis(limits.breaker_cool_down_ms),
        }
    }

    /// Answers `request`. `claim` is the claim on the caller's key, when it sent one.
    pub(crate) async fn answer(
        &self,
        context: &RequestContext,
        request: &AgentRequest,
        claim: Option<Claim>,
        started: Timestamp,
    ) -> Ended {
        let in_force = self.policies.of(&context.id, &self.parts.policy).await;
        let mut ended = Ended { result: Err(AnswerError::Overloaded), in_force, recorded: Recorded::default(), claim };
        let Ok(_place) = self.places.try_acquire() else { return ended };
        let Some(brand) = self.parts.agents.get(&request.agent) else {
            ended.result = Err(AnswerError::UnknownAgent(request.agent.clone()));
            return ended;
        };
        let query = request.conversation.query().as_str();
        let insight = match self.insight(query).await {
            Ok(insight) => insight,
            Err(cause) => {
                ended.result = Err(AnswerError::Unavailable { what: "the query encoder", cause: Box::new(cause) });
                return ended;
            }
        };
        let rollout = &ended.in_force.policy.rollout;
        let mut work = Work {
            context,
            began: (Instant::now(), context.deadline.left(self.now())),
            request,
            brand,
            query,
            arm: rollout.stage.arm(context.id.as_str(), rollout.shadow_sample),
            in_force: Arc::clone(&ended.in_force),
            withdrawn: self.withdrawals.of(&brand.id).await,
            system_prompt: String::new(),
            instructions: String::new(),
            spending: Spending { claim: ended.claim.take(), ..Spending::default() },
            attempts: Vec::new(),
            recorded: Recorded { query: insight.as_ref().map(Insight::record), ..Recorded::default() },
        };
        ended.result = match insight {
            Some(insight) => self.walk(&mut work, insight, started).await,
            None => self.walk_unjudged(&mut work, started).await,
        };
        (ended.claim, ended.recorded) = (work.spending.claim, work.recorded);
        ended
    }

    async fn insight(&self, query: &str) -> Result<Option<Insight>, ModelUnavailable> {
        let Some(tier) = self.parts.local.current() else { return Ok(None) };
        let analysis = tier.analyst.analyse(query).await?;
        Ok(Some(Insight { tier, analysis, retrieval: Retrieval::default() }))
    }

    /// The walk of a request: screen, cache, retrieve, plan, cascade, keep.
    async fn walk(&self, work: &mut Work<'_>, mut insight: Insight, started: Timestamp) -> Result<Answer, AnswerError> {
        let screen = &self.parts.policy.screen;
        if insight.analysis.injection >= screen.injection || insight.analysis.toxicity >= screen.toxicity {
            return Ok(self.refuse(work, &insight, started));
        }
        let (fresh, stale) = self.look_up(work, &insight).await;
        if let Some((hit, cached)) = fresh {
            return Ok(self.cached_answer(work, &insight, hit, &cached, None, started));
        }
        insight.retrieval = insight
            .tier
            .knowledge
            .retrieve(work.brand_id(), work.query, &insight.analysis, RETRIEVED_PASSAGES)
            .await
            .unwrap_or_else(|error| {
                tracing::error!(error = &error as &dyn std::error::Error, "knowledge.retrieve failed");
                Retrieval::default()
            });
        insight.retrieval = without(insight.retrieval, &work.withdrawn);
        if let (Some(query), Some(first)) = (&mut work.recorded.query, insight.retrieval.passages.first()) {
            let (passage, answerability) = (first.id.clone(), insight.retrieval.answerability);
            query.knowledge = Some(KnowledgeRecord { passage, answerability });
        }
        work.system_prompt = crate::system_prompt::system_prompt(work.brand, &insight.retrieval.passages);
        work.instructions = crate::system_prompt::system_prompt(work.brand, &[]);
        let circumstances = Circumstances {
            complexity: insight.analysis.complexity,
            answerability: insight.retrieval.answerability,
            gain: insight.analysis.gain,
            can_be_checked: insight.analysis.can_be_checked,
            arm: work.arm,
        };
        let steps = router::plan(&circumstances, &work.in_force.policy);
        work.recorded.plan.clone_from(&steps);
        let delivered = self.cascade(work, &insight, &steps).await;
        let is_passed = matches!(&delivered, Ok(delivered) if !delivered.best_effort);
        let is_out_of_money = matches!(work.spending.refusal, Some(Refusal::Month | Refusal::InFlight));
        if let Some((hit, cached)) = stale.filter(|_| is_out_of_money && !is_passed) {
            let age = cached.age(self.now());
            return Ok(self.cached_answer(work, &insight, hit, &cached, Some(age), started));
        }
        let delivered = delivered?;
        work.recorded.shadow = self.compare(work, &insight, &delivered).await;
        if delivered.is_cacheable() {
            self.keep(work, &insight, &delivered).await;
        }
        Ok(self.receipt(work, &insight, delivered, started))
    }

    fn refuse(&self, work: &Work<'_>, insight: &Insight, started: Timestamp) -> Answer {
        let tokens = (insight.analysis.tokens, insight.tier.analyst.count_tokens(&work.brand.refusal));
        let mut attempt = Attempt::skipped("screen", "refused");
        attempt.latency_ms = self.elapsed_ms(started);
        self.answer_of(work, Some(insight), work.brand.refusal.clone(), tokens, started, |route| {
            route.provider = "local".to_owned();
            route.model = "screen".to_owned();
            route.attempts = vec![attempt];
        })
    }

    fn receipt(
        &self,
        work: &Work<'_>,
        insight: &Insight,
        delivered: crate::cascading::Delivered,
        started: Timestamp,
    ) -> Answer {
        let given = delivered.answer;
        let mut answer = self.answer_of(work, Some(insight), given.text, given.tokens, started, |route| {
            route.provider = given.provider;
            route.model = given.model;
            route.escalated = delivered.step > 0;
            route.rephrased = delivered.rephrased;
            route.best_effort = delivered.best_effort;
        });
        answer.sources = given.sources;
        answer.quality = Some(Judgement {
            score: given.quality.score,
            action: if delivered.rephrased { Verdict::Rephrase } else { delivered.verdict },
            parts: Some(given.quality),
        });
        answer
    }

    pub(crate) fn answer_of(
        &self,
        work: &Work<'_>,
        insight: Option<&Insight>,
        text: String,
        tokens: (u64, u64),
        started: Timestamp,
        fill: impl FnOnce(&mut Route),
    ) -> Answer {
        let mut route = Route {
            complexity: insight.map(Insight::complexity),
            provider: String::new(),
            model: String::new(),
            escalated: false,
            rephrased: false,
            best_effort: false,
            unjudged: false,
            cache: None,
            stale: None,
            arm: work.arm,
            attempts: work.attempts.clone(),
        };
        fill(&mut route);
        let baseline = self.parts.registry.api(&self.parts.policy.baseline);
        Answer {
            id: work.context.id.clone(),
            text,
            sources: Vec::new(),
            quality: None,
            tokens,
            cost: total_cost(&route.attempts),
            baseline: baseline.map_or(Usd::ZERO, |model| model.price.cost(tokens.0, tokens.1)),
            latency_ms: self.elapsed_ms(started),
            route,
        }
    }

    /// What is left of the time for the request.
    pub(crate) fn time_left(&self, work: &Work<'_>) -> Duration {
        let (began, given) = work.began;
        work.context.deadline.left(self.now()).min(given.saturating_sub(began.elapsed()))
    }

    pub(crate) fn elapsed_ms(&self, since: Timestamp) -> u64 {
        u64::try_from(self.now().since(since).as_millis()).unwrap_or(u64::MAX)
    }
}

impl Insight {
    /// The query's tier and its calibrated probability.
    pub(crate) fn complexity(&self) -> (Tier, f32) {
        (self.analysis.complexity.tier(), self.analysis.complexity.confidence())
    }

    fn record(&self) -> QueryRecord {
        let (tier, confidence) = self.complexity();
        let Analysis { embedding, injection, toxicity, gain, can_be_checked, tokens, .. } = &self.analysis;
        QueryRecord {
            tier,
            confidence,
            embedding: QuantizedVector::of(embedding),
            injection: *injection,
            toxicity: *toxicity,
            gain: *gain,
            can_be_checked: *can_be_checked,
            tokens: *tokens,
            knowledge: None,
        }
    }
}

impl Work<'_> {
    pub(crate) const fn brand_id(&self) -> &AgentId {
        &self.brand.id
    }
}
