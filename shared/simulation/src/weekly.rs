//! The weekly job: its event comes more than once, late, and to processes that die.

use std::sync::Arc;
use std::time::Duration;

use farthing_domain::jobs::{Job, JobClaim, JobResult};
use farthing_domain::ports::Jobs as _;
use farthing_stores::DynamoJobs;

use crate::process::{Life, open_ledger};
use crate::world::Sim;

/// How long one run may work, and for how long it holds the job.
const WORK_LIMIT: Duration = Duration::from_secs(40);
const LEASE: Duration = Duration::from_secs(43);

/// The week's event is delivered at `at_ms` from the start, and again as long as it fails.
pub(crate) async fn event_at(sim: Arc<Sim>, at_ms: u64) {
    tokio::time::sleep(Duration::from_millis(at_ms)).await;
    for _ in 0..3 {
        let life = Life::new(&sim, "weekly");
        let (done, is_done) = tokio::sync::oneshot::channel();
        let (own, of) = (Arc::clone(&life), Arc::clone(&sim));
        life.spawn(async move {
            let _ = done.send(run(&of, &own).await);
        });
        if is_done.await == Ok(true) {
            return;
        }
        tokio::time::sleep(sim.chance.millis(1_000, 60_000)).await;
    }
}

/// Does the job of the week, unless it is done or being done; whether the event is dealt with.
async fn run(sim: &Arc<Sim>, life: &Arc<Life>) -> bool {
    let (table, _) = open_ledger(sim, life);
    let jobs = DynamoJobs::new(table);
    let (owner, now) = (sim.next_request_id(), life.now(sim));
    let claim = JobClaim { job: Job::Optimize, week: now.week(), owner, lease: now.plus(LEASE) };
    if jobs.begin(&claim, now).await.is_err() {
        return false;
    }
    let work = sim.chance.millis(10, 30_000).min(WORK_LIMIT);
    tokio::time::sleep(work).await;
    life.may_die(sim, "in the weekly job").await;
    let Ok(result) = JobResult::parse(claim.owner.as_str()) else { return false };
    let finished = jobs.finish(&claim, &result).await;
    if let Ok(true) = finished {
        sim.check_job(&claim);
    }
    finished.is_ok()
}
