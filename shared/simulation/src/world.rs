//! One world: everything that one seed brings about.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use farthing_domain::ids::RequestId;
use farthing_domain::jobs::JobClaim;
use farthing_domain::money::Usd;
use farthing_domain::time::{Deadline, Timestamp};
use farthing_stores::Table;
use farthing_testkit::strict_dynamo::StrictDynamo;
use tokio::time::Instant;

use crate::chance::Chance;
use crate::customer::{self, Reply};
use crate::monitor::{Monitor, RowKey, Violation};
use crate::plan::{Customer, Plan};
use crate::planted::Bug;
use crate::process::{Life, Process};
use crate::seen::Seen;
use crate::sweeper;
use crate::trace::Trace;
use crate::weekly;

/// After this time, whatever was asked has ended and whatever was reserved has expired.
const QUIET: Duration = Duration::from_secs(400);

/// How a world is run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The bug that is planted, if one is.
    pub bug: Option<Bug>,
    /// Whether the trace is kept.
    pub is_traced: bool,
}

/// How a world ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The first invariant that did not hold, if one did not.
    pub violation: Option<Violation>,
    /// What happened, if it was traced.
    pub trace: Vec<String>,
    /// The seed's plan.
    pub plan: Plan,
    /// What came to pass.
    pub seen: Seen,
    /// What the providers charged.
    pub metered: Usd,
}

/// What everything in a world shares.
pub(crate) struct Sim {
    pub(crate) plan: Plan,
    pub(crate) chance: Chance,
    pub(crate) dynamo: StrictDynamo,
    pub(crate) trace: Trace,
    pub(crate) bug: Option<Bug>,
    began: Instant,
    monitor: Mutex<Monitor>,
    violation: Mutex<Option<Violation>>,
    processes: Mutex<Vec<Option<Arc<Process>>>>,
    numbers: AtomicU64,
    pub(crate) kills: AtomicU64,
    is_healed: AtomicBool,
    working: Mutex<BTreeMap<String, Working>>,
}

/// An invocation that has begun and not ended.
struct Working {
    /// When it was invoked, by its own clock.
    invoked: Timestamp,
    /// When it gives up, whatever its clock shows.
    until: Instant,
    deadline: Deadline,
    life: Arc<Life>,
}

impl std::fmt::Debug for Sim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sim")
    }
}

/// Runs the world of `seed` to its end.
///
/// # Panics
/// When the runtime cannot be built.
#[must_use]
pub fn run(seed: u64, options: Options) -> Ended {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    runtime.block_on(live(seed, options))
}

async fn live(seed: u64, options: Options) -> Ended {
    let chance = Chance::new(seed);
    let plan = Plan::draw(&chance);
    let (began, start) = (Instant::now(), plan.start);
    let slots = plan.processes;
    let sim = Arc::new(Sim {
        plan,
        chance,
        dynamo: StrictDynamo::with_clock(move || start.plus(began.elapsed()).millis()),
        trace: Trace::new(options.is_traced),
        bug: options.bug,
        began,
        monitor: Mutex::default(),
        violation: Mutex::default(),
        processes: Mutex::new((0..slots).map(|_| None).collect()),
        numbers: AtomicU64::new(0),
        kills: AtomicU64::new(0),
        is_healed: AtomicBool::new(false),
        working: Mutex::default(),
    });
    let table = Table::over(sim.dynamo.clone(), "farthing");
    if let Err(error) = table.create_if_missing().await {
        sim.fail(Violation { invariant: "I9", found: format!("no table: {error}") });
    }
    sim.run_to_the_end().await;
    let violation = sim.violation().clone();
    let (mut seen, metered) = sim.monitor().seen();
    (seen.operations, seen.kills) = (sim.dynamo.operations(), sim.kills.load(Ordering::Relaxed));
    Ended { violation, trace: sim.trace.lines(), plan: sim.plan.clone(), seen, metered }
}

impl Sim {
    async fn run_to_the_end(self: &Arc<Self>) {
        let mut customers = tokio::task::JoinSet::new();
        for customer in &self.plan.customers {
            customers.spawn(customer::live(Arc::clone(self), customer.clone()));
        }
        let mut others = tokio::task::JoinSet::new();
        for at_ms in &self.plan.sweeps_ms {
            others.spawn(sweeper::sweep_at(Arc::clone(self), *at_ms));
        }
        for at_ms in &self.plan.weekly_events_ms {
            others.spawn(weekly::event_at(Arc::clone(self), *at_ms));
        }
        others.spawn(Arc::clone(self).trouble());
        while customers.join_next().await.is_some() {
            if self.violation().is_some() {
                return;
            }
        }
        tokio::time::sleep(QUIET).await;
        self.heal();
        others.abort_all();
        tokio::time::sleep(QUIET).await;
        sweeper::sweep(self).await;
        sweeper::sweep(self).await;
        let is_calm = self.plan.is_calm();
        self.check(|monitor, items| monitor.check_end(items, is_calm));
    }

    /// Troubles that come from time: an index that lags, clocks that jump back.
    async fn trouble(self: Arc<Self>) {
        loop {
            self.dynamo.hold_index(self.chance.happens(self.plan.faults.index_lag));
            if self.plan.clocks_step_back && self.chance.happens(100) {
                let processes = self.processes();
                for process in processes.iter().flatten() {
                    process.life.step_back(self.chance.millis(0, 5_000));
                }
            }
            tokio::time::sleep(self.chance.millis(200, 5_000)).await;
        }
    }

    /// From now on nothing goes wrong any more.
    fn heal(&self) {
        self.note("world", "heals");
        self.is_healed.store(true, Ordering::Relaxed);
        self.dynamo.hold_index(false);
        for process in self.processes().drain(..).flatten() {
            process.life.kill();
        }
    }

    /// A process that lives, started if need be.
    pub(crate) async fn process(self: &Arc<Self>) -> Arc<Process> {
        let slots = self.plan.processes as u64;
        let slot = usize::try_from(self.chance.between(0, slots - 1)).unwrap_or_default();
        let found = self.processes().get(slot).cloned().flatten();
        if let Some(process) = found.filter(|process| process.life.is_alive()) {
            return process;
        }
        let process = Process::start(self).await;
        if let Some(place) = self.processes().get_mut(slot) {
            *place = Some(Arc::clone(&process));
        }
        process
    }

    /// True time.
    pub(crate) fn now(&self) -> Timestamp {
        self.plan.start.plus(self.began.elapsed())
    }

    pub(crate) fn is_healed(&self) -> bool {
        self.is_healed.load(Ordering::Relaxed)
    }

    pub(crate) fn is_outage(&self) -> bool {
        let millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or_default();
        self.plan.faults.outage_ms.is_some_and(|(from, to)| (from..to).contains(&millis))
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn next_request_id(&self) -> RequestId {
        let id = format!("R{:025}", self.next_number());
        RequestId::parse(&id).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn note(&self, who: &str, what: &str) {
        if self.trace.is_kept() {
            self.trace.add(u64::try_from(self.began.elapsed().as_millis()).unwrap_or_default(), who, what);
        }
    }

    /// An invocation begins to work.
    pub(crate) fn begin(&self, id: &RequestId, invoked: Timestamp, deadline: Deadline, life: &Arc<Life>) {
        let until = Instant::now() + deadline.left(life.now(self));
        let working = Working { invoked, until, deadline, life: Arc::clone(life) };
        self.working().insert(id.as_str().to_owned(), working);
    }

    /// When an invocation that is at work was invoked, by its own clock.
    pub(crate) fn invoked(&self, id: &RequestId) -> Option<Timestamp> {
        self.working().get(id.as_str()).map(|working| working.invoked)
    }

    /// An invocation has ended.
    pub(crate) fn end(&self, id: &RequestId) {
        self.working().remove(id.as_str());
    }

    /// Whether an invocation still works on its request, as far as it knows itself.
    fn is_working(&self, id: &str) -> bool {
        self.working().get(id).is_some_and(|working| {
            let life = &working.life;
            life.is_alive() && Instant::now() < working.until && !working.deadline.left(life.now(self)).is_zero()
        })
    }

    fn working(&self) -> MutexGuard<'_, BTreeMap<String, Working>> {
        self.working.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks the books after a write of the process with this life.
    pub(crate) fn check_books(&self, life: &Life) {
        self.check(|monitor, items| {
            monitor.check_items(items, Some(&life.prices))?;
            monitor.check_holders(items, |id| self.is_working(id))
        });
    }

    pub(crate) fn check_send(&self, owner: &str, worst_case: Usd, life: &Life) -> Option<RowKey> {
        let is_too_far_off = life.skew() > Duration::from_secs(32) && !self.plan.clocks_step_back;
        if is_too_far_off {
            let found = format!("{} sends with a clock {} s off", life.name, life.skew().as_secs());
            self.fail(Violation { invariant: "I6", found });
        }
        self.check(|monitor, items| monitor.check_send(items, owner, worst_case))
    }

    pub(crate) fn bill(&self, row: RowKey, cost: Usd, is_over: bool) {
        self.note("meter", &format!("charges {cost} for {}", row.sk));
        self.check(|monitor, items| monitor.bill(items, &row, cost, is_over));
    }

    pub(crate) fn check_reply(&self, customer: &Customer, id: &RequestId, reply: &Reply) {
        self.end(id);
        self.note("reply", &format!("to {}, key {:?}: {} {}", id.as_str(), customer.key, reply.status, reply.body));
        self.check(|monitor, items| monitor.check_reply(items, customer.key, id.as_str(), reply.status, &reply.body));
    }

    pub(crate) fn check_job(&self, claim: &JobClaim) {
        self.note("weekly", &format!("{} is done by {}", claim.week, claim.owner.as_str()));
        self.check(|monitor, items| monitor.check_job(items, claim));
    }

    fn check<T>(
        &self,
        check: impl FnOnce(&mut Monitor, &farthing_testkit::strict_dynamo::Items) -> Result<T, Violation>,
    ) -> Option<T> {
        let checked = self.dynamo.read(|items| check(&mut self.monitor(), items));
        checked.map_err(|violation| self.fail(violation)).ok()
    }

    /// Only the first violation counts: what comes after it may follow from it.
    fn fail(&self, violation: Violation) {
        self.note("MONITOR", &violation.to_string());
        self.violation().get_or_insert(violation);
    }

    fn monitor(&self) -> MutexGuard<'_, Monitor> {
        self.monitor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn violation(&self) -> MutexGuard<'_, Option<Violation>> {
        self.violation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn processes(&self) -> MutexGuard<'_, Vec<Option<Arc<Process>>>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
