//! The leases of weekly jobs.

mod oracle;
mod race;
mod random;
mod script;

use std::sync::Arc;

use farthing_domain::ports::Jobs;

pub use oracle::OracleJobs;
pub use random::jobs_agree_with_the_oracle;

use script::play;

/// What must come of steps, each at its second; `48` is a week, `a` an invocation.
const SCRIPT: &str = "
    0  begin 48 a -> ok
    0  begin 48 a -> ok
    # It is held until its lease ends, and the lease's last instant belongs to it.
    0  begin 48 b -> running for 60s
    59 begin 48 b -> running for 1s
    60 begin 48 b -> running for 0s
    # Weeks do not hinder each other.
    0  begin 49 b -> ok
    # Whoever does not hold a job ends none.
    61 finish 48 b theirs -> another's
    61 finish 50 a early -> another's
    50 begin 48 a -> ok
    61 begin 48 b -> running for 49s
    # Taken over: the former owner ends nothing, and cannot come back.
    111 begin 48 b -> ok
    112 finish 48 a late -> another's
    112 begin 48 a -> running for 59s
    # The lease may be over, as long as nobody took the job over.
    300 finish 48 b done -> ok
    300 finish 48 b done -> ok
    # There is one result, whoever comes when, in whatever order.
    301 finish 48 b other -> another's
    301 finish 48 a done -> another's
    301 begin 48 a -> done: done
    301 begin 48 b -> done: done
    999 begin 48 c -> done: done
    0   begin 48 c -> done: done
    999 finish 48 c done -> another's
    999 begin 48 a -> done: done
    # The clock of this one was set back since the job was begun.
    0  begin 51 a -> ok
    -3600 begin 51 b -> running for 3660s
    59 finish 51 a done -> ok
";

/// Checks an empty store of jobs: step by step, and under races.
///
/// # Panics
/// When it does not keep the port's guarantees.
pub async fn check_jobs(jobs: Arc<dyn Jobs>) {
    play(jobs.as_ref(), SCRIPT).await;
    script::check_the_longest_result(jobs.as_ref()).await;
    for round in 0..5 {
        race::one_of_many_begins(&jobs, round).await;
        race::one_of_many_takes_over(&jobs, round).await;
        race::a_takeover_and_a_late_end_have_one_result(&jobs, round).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn the_oracle_keeps_jobs() {
        check_jobs(Arc::new(OracleJobs::default())).await;
    }
}
