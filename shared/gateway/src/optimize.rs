//! The use case of the weekly run: once a week, by whoever comes first, with one recorded result.

use std::sync::Arc;
use std::time::Duration;

use farthing_domain::jobs::{Job, JobClaim, JobRefused, JobResult, ResultTooLong};
use farthing_domain::outcome::Summary;
use farthing_domain::ports::{Clock, Ids, Jobs, OutcomeLog, StoreError};
use farthing_domain::time::{Timestamp, Week};

/// How long a run may take before another invocation takes it over: a little longer than the
/// deployment gives the function, so that a try after one that was cut off finds the lease over.
const LEASE: Duration = Duration::from_secs(330);

/// The use case of the weekly run. It spends nothing.
pub struct Optimize {
    /// The leases of weekly runs.
    pub jobs: Arc<dyn Jobs>,
    /// What became of requests.
    pub outcomes: Arc<dyn OutcomeLog>,
    /// Names for invocations.
    pub ids: Arc<dyn Ids>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Why it is not known that the week's run has been made; the event has to come again.
#[derive(Debug, thiserror::Error)]
pub enum OptimizeFailed {
    /// Another invocation makes it, or was cut off while it did.
    #[error("another invocation makes the weekly run")]
    Underway {
        /// How long that one's lease lasts.
        retry_after: Duration,
    },
    /// A store cannot be reached.
    #[error("the weekly run was not made")]
    Store(#[from] StoreError),
    /// The result cannot be kept.
    #[error("the weekly run has a result that cannot be kept")]
    Result(#[from] ResultTooLong),
}

/// What a week's run saw: the month so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The week whose run it was.
    pub week: Week,
    /// The start of the outcomes' window, and its end.
    pub window: (Timestamp, Timestamp),
    /// The outcomes.
    pub summary: Summary,
}

/// What came of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WeeklyRun {
    /// The run was made now, with this result.
    Made(JobResult),
    /// The week's run had been made before, with this result.
    MadeBefore(JobResult),
}

impl Optimize {
    /// Makes the run of this week, unless that has been done; `write` puts the result into words.
    /// A repeated or late event gets the result that there is.
    ///
    /// # Errors
    /// [`OptimizeFailed`].
    pub async fn run(
        &self,
        write: impl FnOnce(&Seen) -> Result<JobResult, ResultTooLong> + Send,
    ) -> Result<WeeklyRun, OptimizeFailed> {
        let now = self.clock.now();
        let claim =
            JobClaim { job: Job::Optimize, week: now.week(), owner: self.ids.request_id(), lease: now.plus(LEASE) };
        match self.jobs.begin(&claim, now).await {
            Ok(()) => {}
            Err(JobRefused::Done(result)) => return Ok(WeeklyRun::MadeBefore(result)),
            Err(JobRefused::Running { retry_after }) => return Err(OptimizeFailed::Underway { retry_after }),
            Err(JobRefused::Store(error)) => return Err(error.into()),
        }
        let made = self.make(&claim, now, write).await;
        if made.is_err() {
            // The next try need not wait for the lease. Should this fail too, it has to.
            let _given_up = self.jobs.begin(&JobClaim { lease: now, ..claim }, now).await;
        }
        made
    }

    async fn make(
        &self,
        claim: &JobClaim,
        now: Timestamp,
        write: impl FnOnce(&Seen) -> Result<JobResult, ResultTooLong> + Send,
    ) -> Result<WeeklyRun, OptimizeFailed> {
        let summary = self.outcomes.summary(now.month()).await?;
        let result = write(&Seen { week: claim.week, window: (now.month().start(), now), summary })?;
        if self.jobs.finish(claim, &result).await? {
            return Ok(WeeklyRun::Made(result));
        }
        // It took so long that another invocation took it over: what holds is that one's.
        Err(OptimizeFailed::Underway { retry_after: LEASE })
    }
}
