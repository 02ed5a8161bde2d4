//! The whole simulation: the run that learns, and those that it is held against.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use farthing_domain::agent::BrandProfile;
use farthing_domain::ids::ProviderId;
use farthing_domain::policy::Policy;
use farthing_domain::ports::Provider;
use farthing_domain::prompt::Prompt;
use farthing_domain::registry::Registry;
use farthing_domain::rollout::Stage;
use farthing_gateway::answer::RETRIEVED_PASSAGES;
use farthing_gateway::batch::in_order;
use farthing_gateway::receipt::total_cost;

use super::bank::{Bank, BankError};
use super::compare::{FixedStage, Summary};
use super::course::{Common, Course, Mode, PlayedWeek};
use super::events::{Conditions, Events};
use super::figures::WeekFigures;
use super::oracle::Oracle;
use super::plan::{InvalidPlan, Plan};
use super::setting::{BoxError, Setting};
use super::traffic::{self, Request};
use crate::door::{EvaluationError, request_id};
use crate::replay::{Memory, everything_to_baseline};

/// How many queries are looked at together before anything is played.
const LOOKED_AT: usize = 32;

/// What is simulated.
pub struct Simulation {
    /// How much.
    pub plan: Plan,
    /// What happens meanwhile.
    pub events: Events,
    /// What is asked, and what is right.
    pub bank: Bank,
    /// Whose voice answers.
    pub brand: BrandProfile,
    /// What the owner decided; the [`Plan`] sets a part of it aside.
    pub policy: Policy,
    /// The known models and their prices.
    pub registry: Registry,
    /// The providers that encode the calls. They are never asked to send one.
    pub codecs: BTreeMap<ProviderId, Arc<dyn Provider>>,
    /// What is outside.
    pub setting: Arc<dyn Setting>,
}

/// Why a simulation did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// The plan is out of its limits.
    #[error(transparent)]
    Plan(#[from] InvalidPlan),
    /// The bank is not as it should be.
    #[error(transparent)]
    Bank(#[from] BankError),
    /// A request was not even looked at.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// Something outside failed.
    #[error("the simulation cannot go on")]
    Outside(#[source] BoxError),
}

/// What a simulation came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Weeks {
    /// How much was played.
    pub plan: Plan,
    /// What was set aside of the owner's policy, in words by key.
    pub overrides: BTreeMap<&'static str, String>,
    /// The model that costs are compared with.
    pub baseline: String,
    /// The share of its answers that would have been right, over all questions that there are, each counted once.
    pub baseline_right: f64,
    /// The run that learns.
    pub learning: Vec<WeekFigures>,
    /// The runs that stay at a stage, least rolled out first; the first of them is the control, with learning off.
    pub fixed: Vec<FixedStage>,
    /// What all this comes to.
    pub summary: Summary,
}

impl Simulation {
    /// Plays the run that learns, and those that stay at a stage; `told` hears how far it is.
    ///
    /// # Errors
    /// [`SimulationError`].
    pub async fn run(&self, told: impl Fn(&str)) -> Result<Weeks, SimulationError> {
        self.plan.validate()?;
        let (policy, overrides) = self.plan.policy(&self.policy);
        let mut common = Common {
            oracle: Arc::new(Oracle::new(self.plan.seed, &self.bank)),
            memory: Memory::default(),
            baseline: BTreeMap::new(),
        };
        told("the local models look at every question once");
        let (baseline, baseline_right) = self.baseline(&common, &policy).await?;
        common.baseline = baseline;
        told("the run that learns begins at the shadow stage");
        let learning = Course::begin(self, &common, policy.clone(), Mode::Learns).await?.play().await?;
        told("the runs begin that stay at the first and at the last stage");
        let (paid, local) =
            (self.kept(&common, &policy, Stage::Shadow).await?, self.kept(&common, &policy, Stage::Full).await?);
        let fixed = Stage::ALL.map(|stage| FixedStage::mixed(stage, &paid, &local)).to_vec();
        let learning: Vec<WeekFigures> =
            learning.into_iter().map(|PlayedWeek { about, rows }| about.figures(&rows)).collect();
        let summary = Summary::of(&learning, &fixed);
        let baseline = policy.baseline.to_string();
        Ok(Weeks { plan: self.plan, overrides, baseline, baseline_right, learning, fixed, summary })
    }

    /// The queries that are asked at all, each once.
    fn drawn(&self) -> Result<Vec<&Prompt>, SimulationError> {
        let mut drawn = BTreeSet::new();
        for number in 1..=self.plan.weeks {
            let requests = traffic::week(&self.bank, &self.plan, (Plan::first(), number), &self.events.at(number));
            let requests = requests.map_err(|error| EvaluationError::Request(error.to_string()))?;
            drawn.extend(requests.iter().map(|request| request.query.as_str()));
        }
        Ok(self.bank.queries().filter(|query| drawn.remove(query.as_str())).collect())
    }

    /// The run that stays at `stage`.
    async fn kept(&self, common: &Common, owner: &Policy, stage: Stage) -> Result<Vec<PlayedWeek>, SimulationError> {
        let mut policy = owner.clone();
        policy.rollout.stage = stage;
        Course::begin(self, common, policy, Mode::Stays).await?.play().await
    }

    /// What each query costs with the baseline model alone, in dollars, with instructions and passages and without, and the
    /// share of its answers that are right.
    async fn baseline(
        &self,
        common: &Common,
        policy: &Policy,
    ) -> Result<(BTreeMap<String, (f64, f64)>, f64), SimulationError> {
        let course = Course::begin(self, common, everything_to_baseline(policy), Mode::Stays).await?;
        let (tier, agent) = (course.tier(), &self.brand.id);
        let queries = self.drawn()?;
        let looked = in_order(queries.clone(), LOOKED_AT, |_, query| async move {
            let analysis = tier.analyst.analyse(query.as_str()).await?;
            tier.knowledge.retrieve(agent, query.as_str(), &analysis, RETRIEVED_PASSAGES).await
        });
        looked.await.into_iter().collect::<Result<Vec<_>, _>>().map_err(EvaluationError::from)?;
        let calm = Conditions::default();
        let answering = course.answering(&calm).await?;
        let price = self.registry.api(&policy.baseline).map(|model| &model.price);
        let (mut costs, mut right) = (BTreeMap::new(), 0);
        for (number, query) in queries.into_iter().enumerate() {
            let at = Plan::first().start().plus(Duration::from_secs(60 * number as u64));
            let request = Request { id: request_id(number)?, at, query, rates: None };
            let (told, is_right) = course.ask(&answering, &request, &calm).await?;
            let said = common.oracle.say(&policy.baseline, query.as_str(), &calm);
            let tokens = |text: &str| tier.analyst.count_tokens(text);
            let alone = price.zip(said).map(|(price, said)| price.cost(tokens(query.as_str()), tokens(&said.text)));
            let cost = total_cost(&told.attempts).as_dollars();
            costs.insert(query.as_str().to_owned(), (cost, alone.unwrap_or_default().as_dollars()));
            right += usize::from(is_right);
        }
        let share = right as f64 / costs.len().max(1) as f64;
        Ok((costs, share))
    }
}
