//! Processes: each runs the real use case on the real ledger, with a clock of its own.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use farthing_domain::ids::{IdempotencyKey, RequestId, Tenant};
use farthing_domain::ledger::StoredReply;
use farthing_domain::ports::{Clock, Ledger};
use farthing_domain::request::{AgentRequest, RequestContext};
use farthing_domain::time::{Deadline, Timestamp};
use farthing_gateway::{Answer, AnswerError, Answering};
use farthing_stores::{DynamoLedger, DynamoOutcomes, LedgerConfig, Table};
use tokio::task::AbortHandle;

use crate::customer::Reply;
use crate::network::Network;
use crate::parts;
use crate::plan::Customer;
use crate::planted::Bug;
use crate::world::Sim;

/// When a function is ended from outside, counted from the start of its invocation.
const FUNCTION_LIMIT: Duration = Duration::from_secs(29);
/// A gateway on a laptop is ended by nobody.
const NO_LIMIT: Duration = Duration::from_secs(3_600);
/// The handler's own time.
pub(crate) const HANDLER_LIMIT: Duration = Duration::from_secs(26);

/// Whether a process lives, and what its clock shows.
#[derive(Debug)]
pub(crate) struct Life {
    /// The process's name in traces.
    pub(crate) name: String,
    /// The prices it came with.
    pub(crate) prices: String,
    is_alive: AtomicBool,
    /// How far its clock is ahead, in milliseconds.
    ahead_ms: AtomicI64,
    tasks: Mutex<Vec<AbortHandle>>,
}

/// A clock that is off.
pub(crate) struct SkewedClock {
    sim: Arc<Sim>,
    life: Arc<Life>,
}

impl SkewedClock {
    pub(crate) fn new(sim: &Arc<Sim>, life: &Arc<Life>) -> Self {
        Self { sim: Arc::clone(sim), life: Arc::clone(life) }
    }
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        self.life.now(&self.sim)
    }
}

/// A process that answers requests.
pub(crate) struct Process {
    pub(crate) life: Arc<Life>,
    answering: Answering,
}

impl Life {
    pub(crate) fn new(sim: &Sim, kind: &str) -> Arc<Self> {
        let number = sim.next_number();
        let skew = if sim.is_healed() { Duration::ZERO } else { sim.plan.skew };
        let most = u64::try_from(skew.as_millis()).unwrap_or_default();
        let off = i64::try_from(sim.chance.between(0, 2 * most)).unwrap_or_default();
        let prices = if sim.plan.prices_change && sim.chance.happens(300) { "2" } else { "1" };
        Arc::new(Self {
            name: format!("{kind}{number}"),
            prices: prices.to_owned(),
            is_alive: AtomicBool::new(true),
            ahead_ms: AtomicI64::new(off - i64::try_from(most).unwrap_or_default()),
            tasks: Mutex::default(),
        })
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.is_alive.load(Ordering::Relaxed)
    }

    /// How far its clock is from true time.
    pub(crate) fn skew(&self) -> Duration {
        Duration::from_millis(self.ahead_ms.load(Ordering::Relaxed).unsigned_abs())
    }

    /// What its clock shows.
    pub(crate) fn now(&self, sim: &Sim) -> Timestamp {
        Timestamp::from_millis(sim.now().millis() + self.ahead_ms.load(Ordering::Relaxed))
    }

    /// Sets its clock back.
    pub(crate) fn step_back(&self, by: Duration) {
        self.ahead_ms.fetch_sub(i64::try_from(by.as_millis()).unwrap_or_default(), Ordering::Relaxed);
    }

    /// Ends the process, at times; what it was about to do is never done.
    pub(crate) async fn may_die(&self, sim: &Sim, at: &str) {
        if self.is_alive() && (sim.is_healed() || !sim.chance.happens(sim.plan.faults.kill)) {
            return;
        }
        if self.is_alive() {
            sim.note(&self.name, &format!("is killed {at}"));
            sim.kills.fetch_add(1, Ordering::Relaxed);
            self.kill();
        }
        std::future::pending().await
    }

    /// Ends everything that the process does.
    pub(crate) fn kill(&self) {
        self.is_alive.store(false, Ordering::Relaxed);
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }

    /// Has the process do `work`, until it is done or the process dies.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let task = tokio::spawn(work);
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task.abort_handle());
    }
}

/// The ledger as a process of this life opens it.
pub(crate) fn open_ledger(sim: &Arc<Sim>, life: &Arc<Life>) -> (Table, DynamoLedger) {
    let chance = sim.chance.clone();
    let table = Table::over(Network::new(Arc::clone(sim), Arc::clone(life)), "farthing")
        .with_jitter(move |most| chance.up_to(most));
    let mut config = LedgerConfig::new(sim.plan.cap, 95, &life.prices);
    config.unknown_allowance = sim.plan.unknown_allowance;
    if sim.bug == Some(Bug::SkewIsIgnored) {
        config.max_skew = Duration::MAX;
    }
    (table.clone(), DynamoLedger::new(table, config))
}

impl Process {
    /// Starts a process as `bootstrap` does: it adopts its prices and its budget first.
    pub(crate) async fn start(sim: &Arc<Sim>) -> Arc<Self> {
        let life = Life::new(sim, "process");
        sim.note(&life.name, &format!("starts, its clock {} ms off", life.ahead_ms.load(Ordering::Relaxed)));
        let (table, ledger) = open_ledger(sim, &life);
        let month = life.now(sim).month();
        // As in bootstrap: what fails here fails again, harmlessly, when money is asked for.
        let _ = ledger.adopt_prices(month).await;
        let _ = ledger.adopt_budget(month).await;
        let ledger: Arc<dyn Ledger> = Bug::over_ledger(sim, Arc::new(ledger));
        let clock = SkewedClock::new(sim, &life);
        let parts = parts::parts(sim, &life, ledger, Arc::new(DynamoOutcomes::new(table)), Arc::new(clock));
        Arc::new(Self { life, answering: Answering::new(parts) })
    }

    /// Answers one request; `None` when it did not come to a reply.
    pub(crate) async fn invoke(self: &Arc<Self>, sim: &Arc<Sim>, customer: &Customer) -> Option<Reply> {
        let (reply, replied) = tokio::sync::oneshot::channel();
        let (this, sim, customer) = (Arc::clone(self), Arc::clone(sim), customer.clone());
        let id = sim.next_request_id();
        let work = async move {
            let began = tokio::time::Instant::now();
            let limit = if sim.plan.is_lambda { FUNCTION_LIMIT } else { NO_LIMIT };
            match tokio::time::timeout_at(began + limit, this.answer(&sim, &customer, &id)).await {
                Ok(answered) => {
                    sim.check_reply(&customer, &id, &answered);
                    let _ = reply.send(answered);
                }
                Err(_) => {
                    sim.end(&id);
                    sim.note(&this.life.name, &format!("{} is ended by the function's limit", id.as_str()));
                }
            }
        };
        self.life.spawn(work);
        replied.await.ok()
    }

    async fn answer(&self, sim: &Arc<Sim>, customer: &Customer, id: &RequestId) -> Reply {
        let invoked = self.life.now(sim);
        tokio::time::sleep(sim.chance.millis(0, sim.plan.faults.late_start_ms)).await;
        let counts_from = if sim.bug == Some(Bug::DeadlineFromWorkStart) { self.life.now(sim) } else { invoked };
        let deadline = Deadline::at(counts_from.plus(HANDLER_LIMIT));
        sim.begin(id, invoked, deadline, &self.life);
        let (context, request) = ask(customer, id, deadline);
        sim.note(&self.life.name, &format!("{} begins, key {:?}", id.as_str(), customer.key));
        self.answering.reply(&context, &request, |ended| render(id, ended)).await
    }
}

fn ask(customer: &Customer, id: &RequestId, deadline: Deadline) -> (RequestContext, AgentRequest) {
    let key = customer.key.map(|key| format!("k{key}"));
    let context = RequestContext {
        id: id.clone(),
        tenant: Tenant::parse("t").unwrap_or_else(|error| panic!("{error}")),
        key: key.map(|key| IdempotencyKey::parse(&key).unwrap_or_else(|error| panic!("{error}"))),
        payload_hash: [customer.body; 32],
        deadline,
    };
    (context, parts::request(customer, id))
}

/// The reply as a caller sees it: every successful one differs from every other.
fn render(id: &RequestId, ended: &Result<Answer, AnswerError>) -> Reply {
    match ended {
        Ok(answer) => Reply::of(200, format!("{} for {}", id.as_str(), answer.cost), ended.is_err()),
        Err(error) => {
            let status = match error {
                AnswerError::BudgetExhausted { .. } | AnswerError::RequestTooExpensive { .. } => 402,
                AnswerError::InProgress { .. } => 409,
                AnswerError::KeyReused => 422,
                AnswerError::BudgetInFlight { .. } => 429,
                AnswerError::NoAnswer { .. } => 502,
                AnswerError::DeadlineExceeded { .. } => 504,
                AnswerError::UnknownAgent(_) => 404,
                AnswerError::AlreadyAnswered(StoredReply { status, .. }) => *status,
                AnswerError::Overloaded | AnswerError::Unavailable { .. } => 503,
            };
            Reply::of(status, format!("{} {}", id.as_str(), error.code()), error.is_retryable())
        }
    }
}
