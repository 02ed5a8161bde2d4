//! The use case of the weekly run: once a week, by whoever comes first, with one recorded result.
//!
//! It reads the outcomes of the week that has ended, holds them against a baseline, keeps the knowledge that paid answers
//! propose, writes a report and takes one step of the policy at most. It spends nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use farthing_domain::jobs::{Job, JobClaim, JobRefused, JobResult, ResultTooLong};
use farthing_domain::knowledge::LearnedEntry;
use farthing_domain::policy::Policy;
use farthing_domain::ports::{
    ActivationRefused, Clock, Ids, Jobs, LearnedKnowledge, OutcomeLog, PolicyVersions, SHARDS, StoreError, WeekArchive,
};
use farthing_domain::rollout::Stage;
use farthing_domain::time::Week;
use farthing_domain::versions::{InForce, Standing};
use farthing_domain::weekly::drift::{Change, Measure, changes};
use farthing_domain::weekly::learning::{is_frozen, learn};
use farthing_domain::weekly::proposals::{ProposalLine, proposals};
use farthing_domain::weekly::report::report;
use farthing_domain::weekly::{Baseline, Digest, Pages, WeeklyReport};

/// How long an invocation may be silent before another one takes the run over. It renews its lease while it reads, so that a
/// try a minute or two after one that was cut off finds the lease over.
const LEASE: Duration = Duration::from_secs(60);
/// How many outcomes are read at once: half a megabyte.
const PAGE: usize = 500;
/// The most weeks that a report looks back.
const WEEKS: usize = 53;
/// Over how many weeks ratings are looked at.
const RATED_WEEKS: u32 = 6;
const DAYS: u32 = 7;
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The use case of the weekly run.
pub struct Optimize {
    /// The leases of weekly runs.
    pub jobs: Arc<dyn Jobs>,
    /// What became of requests.
    pub outcomes: Arc<dyn OutcomeLog>,
    /// Digests and reports.
    pub archive: Arc<dyn WeekArchive>,
    /// The versions of the policy.
    pub versions: Arc<dyn PolicyVersions>,
    /// Knowledge that paid answers became.
    pub learned: Arc<dyn LearnedKnowledge>,
    /// What the owner decided.
    pub policy: Policy,
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
    /// The policy was changed while the run was made.
    #[error("the policy was changed meanwhile")]
    PolicyChanged,
    /// A store cannot be reached.
    #[error("the weekly run was not made")]
    Store(#[from] StoreError),
    /// The result cannot be kept.
    #[error("the weekly run has a result that cannot be kept")]
    Result(#[from] ResultTooLong),
}

/// What came of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WeeklyRun {
    /// The run was made now, with this result.
    Made(JobResult),
    /// The week's run had been made before, with this result.
    MadeBefore(JobResult),
}

/// A week's report in words.
pub struct Written {
    /// For people.
    pub pages: Pages,
    /// What is recorded as the run's result.
    pub result: JobResult,
}

impl Optimize {
    /// Makes the run of this week, of the week before it, unless that has been done; `write` puts the report into words. A
    /// repeated or late event gets the result that there is.
    ///
    /// # Errors
    /// [`OptimizeFailed`].
    pub async fn run(
        &self,
        write: impl FnOnce(&WeeklyReport) -> Result<Written, ResultTooLong> + Send,
    ) -> Result<WeeklyRun, OptimizeFailed> {
        let now = self.clock.now();
        let owner = self.ids.request_id();
        let claim = JobClaim { job: Job::Optimize, week: now.week(), owner, lease: now.plus(LEASE) };
        match self.jobs.begin(&claim, now).await {
            Ok(()) => {}
            Err(JobRefused::Done(result)) => return Ok(WeeklyRun::MadeBefore(result)),
            Err(JobRefused::Running { retry_after }) => return Err(OptimizeFailed::Underway { retry_after }),
            Err(JobRefused::Store(error)) => return Err(error.into()),
        }
        let made = self.make(&claim, write).await;
        if made.is_err() {
            // The next try need not wait for the lease. Should this fail too, it has to.
            let now = self.clock.now();
            let _given_up = self.jobs.begin(&JobClaim { lease: now, ..claim }, now).await;
        }
        made
    }

    async fn make(
        &self,
        claim: &JobClaim,
        write: impl FnOnce(&WeeklyReport) -> Result<Written, ResultTooLong> + Send,
    ) -> Result<WeeklyRun, OptimizeFailed> {
        let week = claim.week.previous();
        let standing = self.versions.standing().await?;
        let standing = standing.unwrap_or_else(|| Standing::untouched(self.policy.version));
        let (stage, result) = match self.archive.report(week).await? {
            // All of this run was done, but for its end.
            Some((report, _)) if standing.week == Some(week) => (report.stage, write(&report)?.result),
            _ => {
                let (report, next) = self.look(week, claim, &standing).await?;
                let Written { pages, result } = write(&report)?;
                self.archive.keep_report(week, &report, &pages).await?;
                // Whoever was taken over meanwhile leaves the policy alone.
                self.renew(claim).await?;
                match self.versions.stand(&next).await {
                    Ok(()) => (report.stage, result),
                    Err(ActivationRefused::Conflict) => return Err(OptimizeFailed::PolicyChanged),
                    Err(ActivationRefused::Store(error)) => return Err(error.into()),
                }
            }
        };
        self.keep_baseline(week, stage).await?;
        if self.jobs.finish(claim, &result).await? {
            return Ok(WeeklyRun::Made(result));
        }
        // It was silent for so long that another invocation took it over: what holds is that one's.
        Err(OptimizeFailed::Underway { retry_after: LEASE })
    }

    /// What `week` came to, and what it makes of the policy.
    async fn look(
        &self,
        week: Week,
        claim: &JobClaim,
        standing: &Standing,
    ) -> Result<(WeeklyReport, Standing), OptimizeFailed> {
        let InForce { mut policy, tuning } = standing.in_force(&self.policy).0;
        policy.rollout.frozen = is_frozen(standing, &self.policy);
        let mut digest = self.digest(week, claim).await?;
        self.add_ratings(week, &mut digest).await?;
        // A week is not held against itself, or against a later one.
        let baseline = self.archive.baseline().await?.filter(|baseline| baseline.week < week);
        let drift = baseline.as_ref().map(|before| drift(before, &digest, &policy));
        let mut before = self.archive.weeks().await?;
        // This run may have been made before, but for its end.
        before.retain(|line| line.period < week.to_string());
        let before = before.split_off(before.len().saturating_sub(WEEKS - 1));
        let since = baseline.map(|before| before.week);
        let mut report = report(week, &digest, (&policy, &tuning), before, since, drift.unwrap_or_default());
        let (next, step) = learn(standing, &self.policy, &digest, &report.rollout, (week, self.clock.now()));
        report.policy = step;
        report.proposals = self.propose(week, &digest).await?.iter().map(ProposalLine::from).collect();
        Ok((report, next))
    }

    /// Adds what callers said in the weeks before: of one week they say little, and an answer of this score is as good as it was.
    async fn add_ratings(&self, week: Week, digest: &mut Digest) -> Result<(), OptimizeFailed> {
        let mut before = week;
        for _ in 1..RATED_WEEKS {
            before = before.previous();
            if let Some(earlier) = self.archive.checkpoint(before).await? {
                digest.ratings.merge(&earlier.digest.ratings);
            }
        }
        Ok(())
    }

    /// Keeps the knowledge that the week's paid answers propose. Doing it again changes nothing.
    async fn propose(&self, week: Week, digest: &Digest) -> Result<Vec<LearnedEntry>, StoreError> {
        let with_words = digest.bought.sample.iter().filter(|question| question.answered.is_some());
        let agents: BTreeSet<_> = with_words.map(|question| &question.agent).collect();
        let mut known = Vec::new();
        for agent in agents {
            known.extend(self.learned.entries(agent).await?);
        }
        let proposed = proposals(week, &digest.bought, &self.policy, &known);
        for entry in &proposed {
            self.learned.propose(entry).await?;
        }
        Ok(proposed)
    }

    /// What the outcomes of `week` come to, from where an invocation that was cut off had come to.
    async fn digest(&self, week: Week, claim: &JobClaim) -> Result<Digest, OptimizeFailed> {
        let mut read = self.archive.checkpoint(week).await?.unwrap_or_default();
        let mut renewed = self.clock.now();
        while read.days < DAYS {
            let day = week.start().plus(read.days * DAY).day();
            for shard in 0..SHARDS {
                self.read_shard(&day, shard, &mut read.digest).await?;
                if self.clock.now().since(renewed) > LEASE / 4 {
                    self.renew(claim).await?;
                    renewed = self.clock.now();
                }
            }
            read.days += 1;
            // Whoever was taken over meanwhile leaves the other one's documents alone.
            self.renew(claim).await?;
            self.archive.keep_checkpoint(week, &read).await?;
        }
        Ok(read.digest)
    }

    async fn read_shard(&self, day: &str, shard: u8, digest: &mut Digest) -> Result<(), OptimizeFailed> {
        let mut after = None;
        loop {
            let page = self.outcomes.page(day, shard, after.as_ref(), PAGE).await?;
            page.iter().for_each(|outcome| digest.add(outcome, &self.policy.quality));
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.request.clone());
        }
    }

    /// Renews the lease; an invocation that lost it must not go on.
    async fn renew(&self, claim: &JobClaim) -> Result<(), OptimizeFailed> {
        let now = self.clock.now();
        match self.jobs.begin(&JobClaim { lease: now.plus(LEASE), ..claim.clone() }, now).await {
            Ok(()) => Ok(()),
            Err(JobRefused::Store(error)) => Err(error.into()),
            Err(JobRefused::Running { retry_after }) => Err(OptimizeFailed::Underway { retry_after }),
            Err(JobRefused::Done(_)) => Err(OptimizeFailed::Underway { retry_after: Duration::ZERO }),
        }
    }

    /// Has later weeks held against this one, if it is the first that had outcomes enough. Once the rollout is at another stage than
    /// then, answers come from elsewhere and score otherwise: the first such week takes its place.
    async fn keep_baseline(&self, week: Week, stage: Stage) -> Result<(), OptimizeFailed> {
        let kept = self.archive.baseline().await?;
        if kept.is_some_and(|kept| kept.week >= week || kept.stage.is_none_or(|then| then == stage)) {
            return Ok(());
        }
        let digest = self.archive.checkpoint(week).await?.unwrap_or_default().digest;
        if digest.requests >= self.policy.drift.min_outcomes {
            self.archive.keep_baseline(&Baseline { week, stage: Some(stage), digest }).await?;
        }
        Ok(())
    }
}

/// How the week differs from `before`. Where the rollout was at another stage, scores are not comparable.
fn drift(before: &Baseline, digest: &Digest, policy: &Policy) -> Vec<Change> {
    let mut all = changes(&before.digest, digest, &policy.drift);
    if before.stage.is_some_and(|stage| stage != policy.rollout.stage) {
        all.retain(|change| !matches!(change.measure, Measure::Scores | Measure::ScoreDrop));
    }
    all
}
