//! Ports of what is remembered between requests.

use std::path::PathBuf;

use async_trait::async_trait;

use crate::cache::CachedAnswer;
use crate::ids::{AgentId, RequestId, Tenant};
use crate::jobs::{JobClaim, JobRefused, JobResult};
use crate::ledger::{
    AttemptEntry, Claim, ClaimRefused, ClaimRequest, Finish, LastSweep, LedgerUnavailable, MonthBooks, Reservation,
    ReserveRefused, ReserveRequest, Resolution, Resolved, Swept,
};
use crate::outcome::{Feedback, Outcome, Summary};
use crate::release::Release;
use crate::time::{Month, Timestamp, Week};
use crate::weekly::{Baseline, Checkpoint, Line, Pages, WeeklyReport};

/// A store cannot be reached or answered nonsense.
#[derive(Debug, thiserror::Error)]
#[error("the {store} store is unavailable")]
pub struct StoreError {
    /// Which store.
    pub store: &'static str,
    /// Why.
    #[source]
    pub cause: Box<dyn std::error::Error + Send + Sync>,
}

/// The ledger of money and request keys.
///
/// Guarantees, under any concurrency, crash, duplicate or lost reply:
/// - at every instant `reserved + settled` of a month is at most its cap less its floor;
/// - the reservations of one key never exceed its envelope, over all owners;
/// - a reservation resolves once, in the month it was made for;
/// - a finished key is never claimed again;
/// - an error means that nothing may be sent: the caller does not know whether money is set aside.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Claims a key for one invocation. The first claim sets the envelope; a later one, after the
    /// lease of the former ran out, finds what is left of it.
    ///
    /// # Errors
    /// [`ClaimRefused`] when the key is done, in progress or was used with another body.
    async fn acquire(&self, request: ClaimRequest) -> Result<Claim, ClaimRefused>;

    /// Sets money aside for one send.
    ///
    /// # Errors
    /// [`ReserveRefused`]: nothing may be sent.
    async fn reserve(&self, request: ReserveRequest) -> Result<Reservation, ReserveRefused>;

    /// Resolves a reservation. Repeating a resolution changes nothing.
    ///
    /// # Errors
    /// [`LedgerUnavailable`] when it is not known whether it was resolved; the sweeper will charge
    /// it in full if it was not.
    async fn resolve(
        &self,
        reservation: Reservation,
        resolution: Resolution,
        now: Timestamp,
    ) -> Result<Resolved, LedgerUnavailable>;

    /// Ends a key with its reply. Returns `false` when another invocation has taken it over: then
    /// that one's reply counts.
    ///
    /// # Errors
    /// [`LedgerUnavailable`] when it is not known whether the key is done.
    async fn finish(&self, finish: Finish) -> Result<bool, LedgerUnavailable>;

    /// Lets a key go unfinished, so that the caller may try again with what is left of its envelope.
    ///
    /// # Errors
    /// [`LedgerUnavailable`]; the lease will run out by itself.
    async fn release(&self, claim: &Claim) -> Result<(), LedgerUnavailable>;

    /// Charges reservations in full that nobody resolved before they expired, and remembers that
    /// it did. Two sweeps at once charge each of them once.
    ///
    /// # Errors
    /// [`LedgerUnavailable`] when the sweep did not complete, or nothing was swept because `now` is
    /// too far from the store's own time.
    async fn sweep(&self, month: Month, now: Timestamp) -> Result<Swept, LedgerUnavailable>;

    /// The last sweep of `month` that completed, if there was one.
    ///
    /// # Errors
    /// [`LedgerUnavailable`].
    async fn last_sweep(&self, month: Month) -> Result<Option<LastSweep>, LedgerUnavailable>;

    /// The books of `month`; those of a fresh month when nothing was spent yet.
    ///
    /// # Errors
    /// [`LedgerUnavailable`].
    async fn books(&self, month: Month) -> Result<MonthBooks, LedgerUnavailable>;

    /// Stops or reopens spending of `month` by hand.
    ///
    /// # Errors
    /// [`LedgerUnavailable`].
    async fn set_stopped(&self, month: Month, stopped: bool) -> Result<(), LedgerUnavailable>;
}

/// The ledger read row by row, for its owner. It takes time and read capacity in proportion to the
/// whole table: nothing that answers requests uses it.
#[async_trait]
pub trait LedgerAudit: Send + Sync {
    /// Every attempt of `month` that is still kept, in no order. It is no snapshot: what changes
    /// while it is read may be seen before or after the change.
    ///
    /// # Errors
    /// [`LedgerUnavailable`] when not all of them could be read.
    async fn attempts(&self, month: Month) -> Result<Vec<AttemptEntry>, LedgerUnavailable>;
}

/// What is looked for in the answer cache.
#[derive(Clone, Copy, Debug)]
pub struct CacheLookup<'a> {
    /// Whose answers.
    pub agent: &'a AgentId,
    /// The exact key.
    pub key: &'a str,
    /// The question's embedding for a search by meaning; `None` to look for the exact key only.
    pub embedding: Option<&'a [f32]>,
    /// The least cosine similarity of an answer by meaning.
    pub min_similarity: f32,
    /// The time now; what has expired is not found.
    pub now: Timestamp,
}

/// Answers kept for later.
#[async_trait]
pub trait AnswerCache: Send + Sync {
    /// The answer with the exact key, if there is one, and those that are similar, most similar
    /// first, each with its cosine similarity, at most eight.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn look_up(
        &self,
        lookup: CacheLookup<'_>,
    ) -> Result<(Option<CachedAnswer>, Vec<(f32, CachedAnswer)>), StoreError>;

    /// Keeps an answer until `expires`; an older one with the same key is replaced.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn keep(&self, agent: &AgentId, answer: &CachedAnswer, expires: Timestamp) -> Result<(), StoreError>;
}

/// Into how many parts the outcomes of a day are spread, so that no part of a table takes every request.
pub const SHARDS: u8 = 16;

/// What came of what a caller said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rated {
    /// It is noted, now or before.
    Noted,
    /// The opposite was noted before.
    Otherwise,
    /// That tenant has no such request, as far as is remembered.
    Unknown,
}

/// What became of requests.
#[async_trait]
pub trait OutcomeLog: Send + Sync {
    /// Records an outcome and adds it to the day's sums. Recording the same request twice counts once.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn record(&self, outcome: &Outcome) -> Result<(), StoreError>;

    /// The outcomes of a day, such as `2026-11-29`, in one of [`SHARDS`] parts: those behind the request `after`, in the
    /// order of their names, `most` at most. All have been read when it gives none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn page(
        &self,
        day: &str,
        shard: u8,
        after: Option<&RequestId>,
        most: usize,
    ) -> Result<Vec<Outcome>, StoreError>;

    /// Notes what `tenant` says of the answer to its `request`, and adds it to the day's sums. What was said first holds;
    /// saying it again counts once.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn rate(&self, tenant: &Tenant, request: &RequestId, feedback: Feedback) -> Result<Rated, StoreError>;

    /// The sum over the days of `month`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn summary(&self, month: Month) -> Result<Summary, StoreError>;
}

/// The release that is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveRelease {
    /// What is loaded.
    pub release: Release,
    /// What was active before, to go back to.
    pub previous: Option<Release>,
    /// Counts activations; the next one must name it.
    pub revision: u64,
    /// Since when it is active.
    pub since: Timestamp,
}

/// Why a release was not activated.
#[derive(Debug, thiserror::Error)]
pub enum ActivationRefused {
    /// Somebody else activated a release since this one was read.
    #[error("another activation came first")]
    Conflict,
    /// The store cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which release is in use, and whether it can be loaded.
#[async_trait]
pub trait Releases: Send + Sync {
    /// The active release; `None` when none was ever activated.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn active(&self) -> Result<Option<ActiveRelease>, StoreError>;

    /// Makes `next` the active release if the revision in the store is one less than its own.
    ///
    /// # Errors
    /// [`ActivationRefused`].
    async fn activate(&self, next: &ActiveRelease) -> Result<(), ActivationRefused>;

    /// Notes that somebody answers without local models, as far as is known until `until`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn note_unloaded(&self, until: Timestamp) -> Result<(), StoreError>;

    /// Until when somebody is known to answer without local models; `None` when nobody ever noted it.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn unloaded_until(&self) -> Result<Option<Timestamp>, StoreError>;
}

/// The leases of what is done once a week.
///
/// Guarantees, under any concurrency, crash, duplicate, late delivery or lost reply:
/// - a week's job has one result, and never another one;
/// - that result is of an invocation which held the job when it was ended: whoever was taken over
///   ends nothing. What such an invocation does besides must be undone, or harmless when done twice;
/// - a job that nobody ended is free again when its lease is over.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Begins a week's job, or takes it over when its lease ended before `now`. Beginning it again
    /// with the same owner renews the lease.
    ///
    /// # Errors
    /// [`JobRefused`]: it is not to be done.
    async fn begin(&self, claim: &JobClaim, now: Timestamp) -> Result<(), JobRefused>;

    /// Ends a week's job with its result, whether or not the lease is over. Returns `false` when
    /// that is not the week's result, because another invocation has taken the job over or another
    /// result was first. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known whether the job is done.
    async fn finish(&self, claim: &JobClaim, result: &JobResult) -> Result<bool, StoreError>;
}

/// What was fetched, as it was seen on its way into the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// SHA-256 of the content, in lower-case hex.
    pub sha256: String,
    /// The content's length.
    pub bytes: u64,
}

/// Model artifacts by key, as an S3 bucket or a directory holds them.
#[async_trait]
pub trait ModelStore: Send + Sync {
    /// Copies the object `key` into the file `to`, which is whole or absent afterwards; `None` when
    /// there is no such object. Whether the content is the right one is for the caller to tell by
    /// its hash.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn fetch(&self, key: &str, to: PathBuf) -> Result<Option<Fetched>, StoreError>;

    /// Keeps the file `from` as the object `key`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn publish(&self, key: &str, from: PathBuf) -> Result<(), StoreError>;
}

/// What weeks came to, as documents. Each is kept whole or not at all, in place of the one before; keeping the same again
/// changes nothing.
#[async_trait]
pub trait WeekArchive: Send + Sync {
    /// How far the reading of `week` has come.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn checkpoint(&self, week: Week) -> Result<Option<Checkpoint>, StoreError>;

    /// Keeps how far the reading of `week` has come.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn keep_checkpoint(&self, week: Week, checkpoint: &Checkpoint) -> Result<(), StoreError>;

    /// What weeks are held against.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn baseline(&self) -> Result<Option<Baseline>, StoreError>;

    /// Has weeks held against `baseline`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn keep_baseline(&self, baseline: &Baseline) -> Result<(), StoreError>;

    /// The sums of the weeks that the last report looked back on, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn weeks(&self) -> Result<Vec<Line>, StoreError>;

    /// Keeps the report of `week`, for programs and for people, and the weeks that it looks back on.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn keep_report(&self, week: Week, report: &WeeklyReport, pages: &Pages) -> Result<(), StoreError>;

    /// The report of `week`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn report(&self, week: Week) -> Result<Option<(WeeklyReport, Pages)>, StoreError>;
}
