//! One run: its weeks in order, each played, reported and followed by what it changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use farthing_domain::outcome::Feedback;
use farthing_domain::policy::{Approval, Policy};
use farthing_domain::request::CacheUse;
use farthing_domain::time::Week;
use farthing_gateway::{Answering, LocalTier, Parts};
use farthing_models::knowledge::source::Entry;
use farthing_models::knowledge::with_accepted;
use farthing_models::validator::Rules;

use super::clock::SimulatedClock;
use super::events::Conditions;
use super::figures::{About, Row};
use super::oracle::Oracle;
use super::plan::Plan;
use super::played::{Company, providers};
use super::setting::{BoxError, Premises};
use super::simulation::{Simulation, SimulationError};
use super::traffic::{self, Request};
use crate::asking::{Question, Told, ask, tenant};
use crate::door::EvaluationError;
use crate::replay::Memory;

/// The output tokens that are asked for, as of a request that does not say.
const OUTPUT_TOKENS: u32 = 512;
/// How long after the week's end its run is made.
const WEEKLY_AT: Duration = Duration::from_secs(3 * 3_600);

/// What all runs go by and remember.
pub(super) struct Common {
    pub(super) oracle: Arc<Oracle>,
    pub(super) memory: Memory,
    /// What each query costs with the baseline model, in dollars: with instructions and passages, and alone.
    pub(super) baseline: BTreeMap<String, (f64, f64)>,
}

/// A week as it was played.
pub(super) struct PlayedWeek {
    pub(super) about: About,
    pub(super) rows: Vec<Row>,
}

/// One run.
pub(super) struct Course<'a> {
    simulation: &'a Simulation,
    common: &'a Common,
    clock: Arc<SimulatedClock>,
    premises: Box<dyn Premises>,
    /// What the owner's file says.
    owner: Policy,
    mode: Mode,
    standing: Standing,
    tier: LocalTier,
}

/// Whether a run learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// It follows what weekly runs make of the policy, and knows what paid answers taught.
    Learns,
    /// It stays as it began.
    Stays,
}

/// What a run goes by.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standing {
    /// The policy in force.
    pub(super) policy: Policy,
    /// All that the agent knows.
    pub(super) knowledge: Vec<Entry>,
}

impl<'a> Course<'a> {
    /// A run that begins with `policy` and what the agent knows at the start, on fresh premises.
    pub(super) async fn begin(
        simulation: &'a Simulation,
        common: &'a Common,
        mut owner: Policy,
        mode: Mode,
    ) -> Result<Self, SimulationError> {
        if mode == Mode::Stays {
            (owner.rollout.frozen, owner.learning.approve) = (true, Approval::Owner);
        }
        let clock = Arc::new(SimulatedClock::at(Plan::first().start()));
        let premises = simulation.setting.premises(clock.clone()).await.map_err(SimulationError::Outside)?;
        let standing = Standing { policy: owner.clone(), knowledge: simulation.bank.knowledge(Plan::KNOWN) };
        let tier = simulation.setting.knowing(standing.knowledge.clone()).await.map_err(SimulationError::Outside)?;
        let tier = common.memory.remembering(tier);
        Ok(Self { simulation, common, clock, premises, owner, mode, standing, tier })
    }

    /// Plays all weeks.
    pub(super) async fn play(mut self) -> Result<Vec<PlayedWeek>, SimulationError> {
        let (mut weeks, mut week) = (Vec::new(), Plan::first());
        for number in 1..=self.simulation.plan.weeks {
            let conditions = self.simulation.events.at(number);
            let rows = self.play_week((week, number), &conditions).await?;
            week = week.next();
            self.clock.set(week.start().plus(WEEKLY_AT));
            let report = self.premises.weekly(&self.owner).await.map_err(SimulationError::Outside)?;
            let mut about = About::of(number, &self.standing, &report, conditions.news);
            if self.mode == Mode::Learns {
                about = about.with_compared(&report, &rows);
            }
            weeks.push(PlayedWeek { about, rows });
            if self.mode == Mode::Learns {
                self.learn().await.map_err(SimulationError::Outside)?;
            }
        }
        Ok(weeks)
    }

    /// Takes up what the weekly run made of the policy, and what it taught, as the next init does.
    async fn learn(&mut self) -> Result<(), BoxError> {
        if let Some(standing) = self.premises.versions().standing().await? {
            self.standing.policy = standing.in_force(&self.owner).0.policy;
        }
        let learned = self.premises.learned().entries(&self.simulation.brand.id).await?;
        let knowledge = with_accepted(self.simulation.bank.knowledge(Plan::KNOWN), learned);
        if knowledge != self.standing.knowledge {
            let knowing = self.simulation.setting.knowing(knowledge.clone()).await?;
            self.tier = self.common.memory.remembering(knowing);
            self.standing.knowledge = knowledge;
        }
        Ok(())
    }

    async fn play_week(&self, week: (Week, usize), conditions: &Conditions) -> Result<Vec<Row>, SimulationError> {
        self.clock.set(week.0.start());
        let answering = self.answering(conditions).await?;
        let requests = traffic::week(&self.simulation.bank, &self.simulation.plan, week, conditions);
        let mut rows = Vec::with_capacity(self.simulation.plan.requests);
        for request in requests.map_err(|error| EvaluationError::Request(error.to_string()))? {
            let (told, is_right) = self.ask(&answering, &request, conditions).await?;
            let baseline = self.common.baseline.get(request.query.as_str()).copied().unwrap_or_default();
            rows.push(Row::of(request.id, &told, is_right, baseline));
        }
        Ok(rows)
    }

    /// Asks one question when it comes, and has its caller rate the answer if it does so. Gives whether it was right, too.
    pub(super) async fn ask(
        &self,
        answering: &Answering,
        request: &Request<'_>,
        conditions: &Conditions,
    ) -> Result<(Told, bool), SimulationError> {
        self.clock.set(request.at);
        let question = Question {
            id: request.id.clone(),
            agent: self.simulation.brand.id.clone(),
            query: request.query.clone(),
            max_output_tokens: OUTPUT_TOKENS,
            cache: CacheUse::Use,
        };
        let told = ask(answering, self.clock.as_ref(), question).await?;
        let right = |answer| self.common.oracle.is_right(request.query.as_str(), answer, conditions);
        let is_right = told.answer.as_ref().is_some_and(right);
        if let (Some(says_so), Some(_)) = (request.rates, &told.answer) {
            let feedback = if is_right == says_so { Feedback::Helpful } else { Feedback::Unhelpful };
            let rated = answering.rate(&tenant()?, &request.id, feedback).await;
            rated.map_err(|error| SimulationError::Outside(error.into()))?;
        }
        Ok((told, is_right))
    }

    /// The use case that answers, as the week has it.
    pub(super) async fn answering(&self, conditions: &Conditions) -> Result<Answering, SimulationError> {
        let simulation = self.simulation;
        let registry = conditions.registry(&simulation.registry);
        let policy = self.owner.clone();
        let learns = self.mode == Mode::Learns;
        let books = self.premises.books(&policy, &registry).await.map_err(SimulationError::Outside)?;
        let company = Arc::new(Company {
            seed: simulation.plan.seed,
            oracle: self.common.oracle.clone(),
            conditions: conditions.clone(),
            counter: self.tier.analyst.clone(),
            clock: self.clock.clone(),
        });
        Ok(Answering::new(Parts {
            providers: providers(&simulation.codecs, &registry, &company),
            policy,
            registry,
            agents: BTreeMap::from([(simulation.brand.id.clone(), simulation.brand.clone())]),
            key_settings: BTreeMap::new(),
            local: Arc::new(self.tier.clone()),
            rules: Arc::new(Rules),
            ledger: books.ledger,
            cache: books.cache,
            outcomes: books.outcomes,
            versions: learns.then(|| self.premises.versions()),
            learned: learns.then(|| self.premises.learned()),
            clock: self.clock.clone(),
        }))
    }

    /// The local models of this run.
    pub(super) const fn tier(&self) -> &LocalTier {
        &self.tier
    }
}
