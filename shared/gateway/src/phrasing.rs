//! The use case that has a paid model tell in which other ways customers might ask what an agent's
//! knowledge answers. Each call is a paid step like that of a request: reserved, sent, resolved.

mod reading;

use std::collections::BTreeMap;
use std::error::Error;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use farthing_domain::agent::BrandProfile;
use farthing_domain::ids::{AgentId, ModelId, Tenant};
use farthing_domain::ledger::{Claim, Finish};
use farthing_domain::money::Usd;
use farthing_domain::ports::Ids;
use farthing_domain::prompt::{Conversation, InvalidPrompt, Prompt};
use farthing_domain::request::{AgentRequest, CacheUse, RequestContext};
use farthing_domain::rollout::Arm;
use farthing_domain::time::Deadline;
use farthing_domain::versions::InForce;
use futures::StreamExt as _;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::answer::{Answering, Recorded, Spending, Work};
use crate::receipt::total_cost;
use crate::reply::KEEP_REPLY;

/// How many entries are asked about at once.
const AT_ONCE: usize = 4;
/// The most characters of an answer that are sent: more tell no more of what it is about.
const ANSWER_CHARS: usize = 2_000;
/// Room for the tokens of one phrasing.
const TOKENS_EACH: u32 = 48;
/// The tokens of a call that models are compared by.
const TYPICAL_TOKENS: (u64, u64) = (300, 100);

/// The reasons why an entry has none that hold for every other entry too.
const HOLD_FOR_ALL: [&str; 8] = [
    "budget_exhausted",
    "budget_stopped",
    "circuit_open",
    "disabled",
    "ledger_unavailable",
    "no_key",
    NOT_KEPT,
    "unauthorized",
];
const NOT_KEPT: &str = "not_kept";

/// How many phrasings of an entry are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhrasingCount(u8);

/// The text is no such count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a number from 1 to {}", PhrasingCount::MOST)]
pub struct InvalidPhrasingCount;

impl PhrasingCount {
    /// The greatest count.
    pub const MOST: u8 = 8;

    /// Reads a count.
    ///
    /// # Errors
    /// [`InvalidPhrasingCount`] when it is no number from 1 to [`PhrasingCount::MOST`].
    pub fn parse(text: &str) -> Result<Self, InvalidPhrasingCount> {
        let count = text.parse().map_err(|_| InvalidPhrasingCount)?;
        if (1..=Self::MOST).contains(&count) { Ok(Self(count)) } else { Err(InvalidPhrasingCount) }
    }
}

/// What an entry of knowledge says.
#[derive(Clone, PartialEq, Eq)]
pub struct Topic {
    /// The question or heading.
    pub title: String,
    /// The answer.
    pub answer: String,
}

/// Who is asked, on whose behalf, and for how many phrasings.
pub struct PhrasingOrder {
    brand: BrandProfile,
    model: ModelId,
    count: PhrasingCount,
}

impl PhrasingOrder {
    /// The model that is asked.
    #[must_use]
    pub const fn model(&self) -> &ModelId {
        &self.model
    }
}

/// Why nobody can be asked.
#[derive(Debug, thiserror::Error)]
pub enum PhrasingRefused {
    /// Name another agent.
    #[error("there is no agent `{0}`")]
    UnknownAgent(AgentId),
    /// Name another model.
    #[error("`{0}` is no enabled paid model")]
    NotPaid(ModelId),
    /// Name a model: the policy has no paid one for simple queries.
    #[error("the policy has no enabled paid model for simple queries: name a model")]
    NoModel,
    /// Set a key.
    #[error("no paid model can be asked without a key: set {}", settings.join(" or "))]
    NoKey {
        /// The settings of which one is enough.
        settings: Vec<String>,
    },
}

/// What a model gave for one topic.
#[derive(Clone, PartialEq, Eq)]
pub struct Made {
    /// The phrasings; at least one.
    pub phrasings: Vec<String>,
    /// Input and output tokens as charged.
    pub tokens: (u64, u64),
    /// What it cost.
    pub cost: Usd,
}

/// What came of asking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhrasingTally {
    /// Topics that have phrasings now.
    pub topics: usize,
    /// How many phrasings those have together.
    pub phrasings: usize,
    /// What all calls cost, those without a result included.
    pub cost: Usd,
    /// How many topics have none, by reason: a paid attempt's outcome, `none_fit`, `not_kept` or `no_prompt`.
    pub left: BTreeMap<String, usize>,
}

/// The use case that has phrasings made.
pub struct Phrasing {
    /// Pays for calls.
    pub answering: Arc<Answering>,
    /// Names for calls.
    pub ids: Arc<dyn Ids>,
    /// On whose behalf it is paid.
    pub tenant: Tenant,
}

/// What asking about one topic gave, and what it cost.
struct Asked {
    made: Result<Made, String>,
    cost: Usd,
}

impl Asked {
    const fn left(reason: String) -> Self {
        Self { made: Err(reason), cost: Usd::ZERO }
    }
}

impl Phrasing {
    /// An order for `count` phrasings a topic of `agent`. Without a `model`, it is the cheapest of the paid
    /// models of simple queries whose provider has a key.
    ///
    /// # Errors
    /// [`PhrasingRefused`].
    pub fn order(
        &self,
        agent: &AgentId,
        model: Option<&ModelId>,
        count: PhrasingCount,
    ) -> Result<PhrasingOrder, PhrasingRefused> {
        let parts = &self.answering.parts;
        let brand = parts.agents.get(agent).cloned();
        let brand = brand.ok_or_else(|| PhrasingRefused::UnknownAgent(agent.clone()))?;
        let candidates = model.map_or(parts.policy.tiers.simple.paid.as_slice(), std::slice::from_ref);
        let apis: Vec<_> = candidates.iter().filter_map(|id| Some((id, parts.registry.api(id)?))).collect();
        if apis.is_empty() {
            let not_paid = |model: &ModelId| PhrasingRefused::NotPaid(model.clone());
            return Err(model.map_or(PhrasingRefused::NoModel, not_paid));
        }
        let have_key = apis.iter().filter(|(_, api)| parts.providers.contains_key(&api.provider));
        let (input, output) = TYPICAL_TOKENS;
        match have_key.min_by_key(|(_, api)| api.price.cost(input, output)) {
            Some((model, _)) => Ok(PhrasingOrder { brand, model: (*model).clone(), count }),
            None => {
                let settings = apis.iter().filter_map(|(_, api)| parts.key_settings.get(&api.provider)).cloned();
                Err(PhrasingRefused::NoKey { settings: settings.collect() })
            }
        }
    }

    /// The most that asking about `topics` can cost: the sum of what would be reserved.
    #[must_use]
    pub fn worst_case(&self, order: &PhrasingOrder, topics: &[Topic]) -> Usd {
        let worst_case = |topic: &Topic| {
            let request = self.request(order, topic).ok()?;
            let context = self.context(&request);
            self.answering.worst_case(&self.work(order, &context, &request), &order.model).ok()
        };
        topics.iter().filter_map(worst_case).sum()
    }

    /// Asks about each of `topics`, a few at once, and has `keep` keep what was made for the one at a place;
    /// it says how many phrasings it kept. What holds for all ends it early.
    pub async fn make(
        &self,
        order: &PhrasingOrder,
        topics: &[Topic],
        mut keep: impl AsyncFnMut(usize, Made) -> Result<usize, Box<dyn Error + Send + Sync>>,
    ) -> PhrasingTally {
        let ended: OnceLock<String> = OnceLock::new();
        let note = |reason: &str| {
            if HOLD_FOR_ALL.contains(&reason) {
                // The first reason is as good as a later one.
                let _is_first = ended.set(reason.to_owned());
            }
        };
        let (ended, note) = (&ended, &note);
        let asked = futures::stream::iter(topics.iter().enumerate()).map(|(at, topic)| async move {
            let asked = match ended.get() {
                Some(reason) => Asked::left(reason.clone()),
                None => self.ask(order, topic).await,
            };
            asked.made.as_ref().err().into_iter().for_each(|reason| note(reason));
            (at, asked)
        });
        let mut asked = pin!(asked.buffer_unordered(AT_ONCE));
        let mut tally = PhrasingTally::default();
        while let Some((at, Asked { made, cost })) = asked.next().await {
            tally.cost = tally.cost.saturating_add(cost);
            let kept = match made {
                Err(reason) => Err(reason),
                Ok(made) => match keep(at, made).await {
                    Ok(0) => Err("none_fit".to_owned()),
                    Ok(count) => Ok(count),
                    Err(error) => {
                        tracing::error!(error = error.as_ref() as &dyn Error, "phrasings could not be kept");
                        note(NOT_KEPT);
                        Err(NOT_KEPT.to_owned())
                    }
                },
            };
            match kept {
                Ok(count) => {
                    tally.topics += 1;
                    tally.phrasings += count;
                }
                Err(reason) => *tally.left.entry(reason).or_default() += 1,
            }
        }
        tally
    }

    async fn ask(&self, order: &PhrasingOrder, topic: &Topic) -> Asked {
        let Ok(request) = self.request(order, topic) else { return Asked::left("no_prompt".to_owned()) };
        let context = self.context(&request);
        let mut work = self.work(order, &context, &request);
        let sent = self.answering.send(&mut work, &order.model).await;
        if let Some(claim) = work.spending.claim.take() {
            self.finish(claim).await;
        }
        let cost = total_cost(&work.attempts);
        let Some(sent) = sent else {
            let reason = work.attempts.last().map(|attempt| attempt.outcome.clone());
            return Asked { made: Err(reason.unwrap_or_else(|| "not_sent".to_owned())), cost };
        };
        let phrasings = reading::phrasings(&sent.text, sent.truncated, &topic.title, usize::from(order.count.0));
        let made = if phrasings.is_empty() {
            Err("none_fit".to_owned())
        } else {
            Ok(Made { phrasings, tokens: sent.tokens, cost })
        };
        Asked { made, cost }
    }

    /// Ends the claim on the call's own key.
    async fn finish(&self, claim: Claim) {
        let finish = Finish { claim, reply: None, forget_at: self.answering.now().plus(KEEP_REPLY) };
        if let Err(error) = self.answering.parts.ledger.finish(finish).await {
            tracing::warn!(error = &error as &dyn Error, "ledger.finish failed; the lease will run out");
        }
    }

    fn request(&self, order: &PhrasingOrder, topic: &Topic) -> Result<AgentRequest, InvalidPrompt> {
        let answer: String = topic.answer.chars().take(ANSWER_CHARS).collect();
        let prompt = Prompt::parse(&format!("Question: {}\nAnswer: {answer}", topic.title))?;
        Ok(AgentRequest {
            conversation: Conversation::of(prompt),
            agent: order.brand.id.clone(),
            max_output_tokens: TOKENS_EACH * (1 + u32::from(order.count.0)),
            max_cost: self.answering.parts.policy.budget.per_request_usd,
            cache: CacheUse::Bypass,
            metadata: BTreeMap::new(),
        })
    }

    fn context(&self, request: &AgentRequest) -> RequestContext {
        let time = Duration::from_millis(self.answering.parts.policy.limits.request_ms);
        RequestContext {
            id: self.ids.request_id(),
            tenant: self.tenant.clone(),
            key: None,
            payload_hash: Sha256::digest(request.conversation.query().as_str()).into(),
            deadline: Deadline::at(self.answering.now().plus(time)),
        }
    }

    fn work<'a>(&self, order: &'a PhrasingOrder, context: &'a RequestContext, request: &'a AgentRequest) -> Work<'a> {
        Work {
            context,
            began: (Instant::now(), context.deadline.left(self.answering.now())),
            request,
            brand: &order.brand,
            query: request.conversation.query().as_str(),
            arm: Arm::Paid,
            withdrawn: Arc::default(),
            in_force: Arc::new(InForce::file(&self.answering.parts.policy)),
            system_prompt: instructions(order.count),
            instructions: String::new(),
            spending: Spending::default(),
            attempts: Vec::new(),
            recorded: Recorded::default(),
        }
    }
}

fn instructions(PhrasingCount(count): PhrasingCount) -> String {
    format!(
        "You are given a question from a company's help pages, with its answer. Write {count} other ways in which a \
         customer might ask exactly what this answer answers: in the language of the question, in everyday words \
         other than its own, some of them short. Write one on each line and nothing else: no numbers, no quotes."
    )
}
