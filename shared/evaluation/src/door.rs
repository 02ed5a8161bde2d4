//! The parts that serve requests, as an evaluation has them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::agent::BrandProfile;
use farthing_domain::cache::CachedAnswer;
use farthing_domain::ids::{AgentId, RequestId, Tenant};
use farthing_domain::ledger::{
    Claim, ClaimRefused, ClaimRequest, Finish, LastSweep, LedgerUnavailable, MonthBooks, Reservation, ReserveRefused,
    ReserveRequest, Resolution, Resolved, Swept,
};
use farthing_domain::outcome::{Feedback, Outcome, Summary};
use farthing_domain::policy::Policy;
use farthing_domain::ports::{
    Analysis, AnswerCache, CacheLookup, Clock, Ledger, ModelUnavailable, OutcomeLog, Rated, StoreError,
};
use farthing_domain::registry::Registry;
use farthing_domain::rollout::Stage;
use farthing_domain::time::{Month, Timestamp};
use farthing_gateway::batch::in_order;
use farthing_gateway::{Answering, LocalTier, Parts};
use farthing_models::knowledge::source::Fault;
use farthing_models::validator::Rules;

use crate::table::TableError;

/// Rows in work at once. Each waits for a core; this keeps the cores busy.
const IN_FLIGHT: usize = 32;
/// The same where a language model writes, one text at a time and each in limited time.
const WRITING: usize = 1;

/// Why there is no figure.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// The file is not as it should be.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The knowledge is not as it should be.
    #[error(transparent)]
    Knowledge(#[from] Fault),
    /// A model cannot run.
    #[error(transparent)]
    Model(#[from] ModelUnavailable),
    /// A request was not even looked at.
    #[error("a request was not answered: {0}")]
    Request(String),
}

/// The parts that serve requests.
#[derive(Clone)]
pub struct Door {
    /// The local models.
    pub tier: LocalTier,
    /// What the owner decided.
    pub policy: Policy,
    /// The known models.
    pub registry: Registry,
    /// Whose voice and knowledge answer.
    pub brand: BrandProfile,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

impl Door {
    /// What `each` makes of all `items`, in their order, as many at once as keeps the cores busy.
    ///
    /// # Errors
    /// The first of `each`.
    pub async fn for_all<T, R, F>(&self, items: Vec<T>, each: impl Fn(usize, T) -> F) -> Result<Vec<R>, EvaluationError>
    where
        F: Future<Output = Result<R, EvaluationError>>,
    {
        let most = if self.tier.grounded.is_some() { WRITING } else { IN_FLIGHT };
        in_order(items, most.min(self.policy.limits.in_flight), each).await.into_iter().collect()
    }

    /// What the analyst tells of each of `texts`.
    ///
    /// # Errors
    /// [`EvaluationError::Model`].
    pub async fn analyse_all(&self, texts: Vec<&str>) -> Result<Vec<Analysis>, EvaluationError> {
        self.for_all(texts, |_, text| async move { Ok(self.tier.analyst.analyse(text).await?) }).await
    }

    /// The use case that answers requests, without stores and without paid providers, as it is once
    /// local answers are rolled out to every request.
    #[must_use]
    pub fn answering_locally(&self) -> Answering {
        let mut policy = self.policy.clone();
        policy.rollout.stage = Stage::Full;
        let nowhere = Arc::new(Nowhere);
        Answering::new(Parts {
            policy,
            registry: self.registry.clone(),
            agents: BTreeMap::from([(self.brand.id.clone(), self.brand.clone())]),
            providers: BTreeMap::new(),
            key_settings: BTreeMap::new(),
            local: Arc::new(self.tier.clone()),
            rules: Arc::new(Rules),
            ledger: nowhere.clone(),
            cache: nowhere.clone(),
            outcomes: nowhere,
            versions: None,
            learned: None,
            clock: self.clock.clone(),
        })
    }
}

/// The name of the request with this number: the same in every run, so that the rollout sends it the
/// same way.
///
/// # Errors
/// [`EvaluationError::Request`] never in practice: the name has the form of one.
pub fn request_id(number: usize) -> Result<RequestId, EvaluationError> {
    RequestId::parse(&format!("{number:026}")).map_err(|error| EvaluationError::Request(error.to_string()))
}

/// Stores that keep nothing: local answers need none.
struct Nowhere;

fn no_ledger() -> LedgerUnavailable {
    LedgerUnavailable("an evaluation has no ledger".into())
}

#[async_trait]
impl Ledger for Nowhere {
    async fn acquire(&self, _: ClaimRequest) -> Result<Claim, ClaimRefused> {
        Err(no_ledger().into())
    }

    async fn reserve(&self, _: ReserveRequest) -> Result<Reservation, ReserveRefused> {
        Err(ReserveRefused::Unavailable(no_ledger()))
    }

    async fn resolve(&self, _: Reservation, _: Resolution, _: Timestamp) -> Result<Resolved, LedgerUnavailable> {
        Err(no_ledger())
    }

    async fn finish(&self, _: Finish) -> Result<bool, LedgerUnavailable> {
        Err(no_ledger())
    }

    async fn release(&self, _: &Claim) -> Result<(), LedgerUnavailable> {
        Err(no_ledger())
    }

    async fn sweep(&self, _: Month, _: Timestamp) -> Result<Swept, LedgerUnavailable> {
        Err(no_ledger())
    }

    async fn last_sweep(&self, _: Month) -> Result<Option<LastSweep>, LedgerUnavailable> {
        Err(no_ledger())
    }

    async fn books(&self, _: Month) -> Result<MonthBooks, LedgerUnavailable> {
        Err(no_ledger())
    }

    async fn set_stopped(&self, _: Month, _: bool) -> Result<(), LedgerUnavailable> {
        Err(no_ledger())
    }
}

#[async_trait]
impl AnswerCache for Nowhere {
    async fn look_up(
        &self,
        _: CacheLookup<'_>,
    ) -> Result<(Option<CachedAnswer>, Vec<(f32, CachedAnswer)>), StoreError> {
        Ok((None, Vec::new()))
    }

    async fn keep(&self, _: &AgentId, _: &CachedAnswer, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl OutcomeLog for Nowhere {
    async fn record(&self, _: &Outcome) -> Result<(), StoreError> {
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

/// How long a request may take, as the policy says.
#[must_use]
pub const fn time_limit(policy: &Policy) -> Duration {
    Duration::from_millis(policy.limits.request_ms)
}
