//! The use case that tells how things stand. It reads stores and never loads a model.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use farthing_domain::ledger::{LastSweep, LedgerUnavailable, MonthBooks, MonthState};
use farthing_domain::money::Usd;
use farthing_domain::outcome::Summary;
use farthing_domain::policy::Policy;
use farthing_domain::ports::{ActiveRelease, Clock, Ledger, OutcomeLog, PolicyVersions, Releases};
use farthing_domain::registry::{ModelSpec, Registry};
use farthing_domain::release::ReleasedModel;
use farthing_domain::time::Timestamp;
use farthing_domain::versions::Standing;

/// The age from which the last sweep is too old: two sweeps in a row were missed.
const SWEEP_IS_LATE: Duration = Duration::from_secs(900);

/// The use case that tells how things stand.
pub struct Status {
    /// What the owner decided.
    pub policy: Policy,
    /// The known models.
    pub registry: Registry,
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// The outcomes.
    pub outcomes: Arc<dyn OutcomeLog>,
    /// The active release.
    pub releases: Arc<dyn Releases>,
    /// The versions of the policy.
    pub versions: Arc<dyn PolicyVersions>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Whether requests are answered as they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// They are.
    Operational,
    /// Something is missing.
    Degraded(Vec<String>),
    /// No money may be spent.
    Stopped,
}

/// How one model stands.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelState {
    /// The registry's entry.
    pub spec: ModelSpec,
    /// Its active version; `None` for paid models and ones that were never activated.
    pub active: Option<ReleasedModel>,
}

impl ModelState {
    /// `active`, `available` (a paid model), `inactive` (enabled but never activated) or `disabled`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match (self.spec.enabled, self.spec.api.is_some(), self.active.is_some()) {
            (false, _, _) => "disabled",
            (true, true, _) => "available",
            (true, false, true) => "active",
            (true, false, false) => "inactive",
        }
    }
}

/// How the models, the routing and the costs stand.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelsStatus {
    /// Whether requests are answered as they should be.
    pub health: Health,
    /// Every model of the registry.
    pub models: Vec<ModelState>,
    /// The active release.
    pub release: Option<ActiveRelease>,
    /// The policy that holds, and the version that is tried out beside it.
    pub policy: (Policy, Option<u32>),
    /// The month's outcomes.
    pub summary: Summary,
    /// The start and end of the window of the outcomes.
    pub window: (Timestamp, Timestamp),
}

/// How the month's money stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetStatus {
    /// The month's books.
    pub books: MonthBooks,
    /// The month's last sweep, if there was one.
    pub last_sweep: Option<LastSweep>,
}

impl BudgetStatus {
    /// Whether money is reserved that a sweep should have looked at and did not. A month without
    /// any sweep has waited for one since it began.
    #[must_use]
    pub fn lacks_sweeper(&self, now: Timestamp) -> bool {
        let since = self.last_sweep.map_or_else(|| self.books.month.start(), |last| last.at);
        self.books.reserved > Usd::ZERO && now.since(since) > SWEEP_IS_LATE
    }
}

impl Status {
    /// How the models, the routing and the costs stand this month. What cannot be read is named
    /// as missing and counted as nothing.
    pub async fn models(&self) -> ModelsStatus {
        let now = self.clock.now();
        let mut missing = Vec::new();
        let release = note_missing("active release", self.releases.active().await, &mut missing);
        if self.releases.unloaded_until().await.is_ok_and(|until| until.is_some_and(|until| until > now)) {
            missing.push("local models".to_owned());
        }
        let standing = note_missing("policy versions", self.versions.standing().await, &mut missing);
        let standing = standing.unwrap_or_else(|| Standing::untouched(self.policy.version));
        let (active, tried) = standing.in_force(&self.policy);
        let policy = (active.policy, tried.map(|(_, tried)| tried.policy.version));
        let summary = note_missing("outcomes", self.outcomes.summary(now.month()).await, &mut missing);
        let budget = match self.budget_of(now).await {
            Ok(budget) => Some(budget),
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, "ledger.books failed");
                missing.push("ledger".to_owned());
                None
            }
        };
        let models: Vec<ModelState> = self
            .registry
            .models()
            .iter()
            .map(|spec| ModelState {
                spec: spec.clone(),
                active: release.as_ref().and_then(|active| active.release.model(&spec.id)).cloned(),
            })
            .collect();
        missing
            .extend(models.iter().filter(|model| model.as_str() == "inactive").map(|model| model.spec.id.to_string()));
        if budget.as_ref().is_some_and(|budget| budget.lacks_sweeper(now)) {
            missing.push("sweeper".to_owned());
        }
        let is_stopped = budget.is_some_and(|budget| is_stopped(&budget.books));
        let health = match (missing.is_empty(), is_stopped) {
            (_, true) => Health::Stopped,
            (true, false) => Health::Operational,
            (false, false) => Health::Degraded(missing),
        };
        ModelsStatus { health, models, release, policy, summary, window: (now.month().start(), now) }
    }

    /// How the month's money stands.
    ///
    /// # Errors
    /// [`LedgerUnavailable`].
    pub async fn budget(&self) -> Result<BudgetStatus, LedgerUnavailable> {
        self.budget_of(self.clock.now()).await
    }

    async fn budget_of(&self, now: Timestamp) -> Result<BudgetStatus, LedgerUnavailable> {
        let books = self.ledger.books(now.month()).await?;
        Ok(BudgetStatus { books, last_sweep: self.ledger.last_sweep(now.month()).await? })
    }
}

/// Whether no paid call can be made, for want of money or by a stop.
#[must_use]
pub fn is_stopped(books: &MonthBooks) -> bool {
    books.state != MonthState::Open || (books.available.nanos() <= 0 && books.reserved.nanos() == 0)
}

fn note_missing<T: Default, E: Error>(what: &str, result: Result<T, E>, missing: &mut Vec<String>) -> T {
    result.unwrap_or_else(|error| {
        tracing::error!(error = %error, "status: {what} unavailable");
        missing.push(what.to_owned());
        T::default()
    })
}
