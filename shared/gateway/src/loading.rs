//! The use case that loads the local models into a process, and goes on without them when it must.
//!
//! What is loaded is the active release; when it cannot be, the one before it. A process that has
//! loaded one keeps it. One that could load none answers without local models, notes that it does,
//! and tries again while requests come.

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::ports::{Clock, ModelUnavailable, Releases};
use farthing_domain::release::Release;
use farthing_domain::time::Pause;

use crate::local_tier::{LocalTier, LocalTierSource};

/// The least time between two tries.
const TRY_EVERY: Duration = Duration::from_secs(30);
/// How long a process that was seen without models counts as being without them: ten tries.
const UNLOADED_FOR: Duration = Duration::from_secs(300);

/// Loads releases into memory.
#[async_trait]
pub trait ReleaseLoader: Send + Sync {
    /// The local models of `release`, each file verified by length and SHA-256 before it is parsed.
    ///
    /// # Errors
    /// [`ModelUnavailable`] with the first that cannot be loaded.
    async fn load(&self, release: &Release) -> Result<LocalTier, ModelUnavailable>;
}

/// The local models of this process, as far as they could be loaded.
pub struct Loading {
    loader: Arc<dyn ReleaseLoader>,
    releases: Arc<dyn Releases>,
    /// What the owner's files name: loaded when nothing was ever activated, or nobody can tell.
    own: Release,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tier: Option<LocalTier>,
    /// The pause after the last try; the first one needs none.
    pause: Option<Pause>,
    /// Whether this process has noted that it is without models.
    is_noted: bool,
}

impl Loading {
    /// Nothing loaded yet.
    #[must_use]
    pub fn new(
        loader: Arc<dyn ReleaseLoader>,
        releases: Arc<dyn Releases>,
        own: Release,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        Arc::new(Self { loader, releases, own, clock, state: Mutex::default() })
    }

    /// Begins to load, and waits for it at most for `patience`. It goes on afterwards.
    pub async fn begin(self: &Arc<Self>, patience: Duration) {
        if !self.may_try() {
            return;
        }
        let trying = tokio::spawn(Arc::clone(self).try_all());
        if tokio::time::timeout(patience, trying).await.is_err() {
            tracing::warn!("the local models are not loaded after {} ms; the loading goes on", patience.as_millis());
            self.note_unloaded().await;
        }
    }

    /// Whether a try is due; it is then taken to be made.
    fn may_try(&self) -> bool {
        let now = self.clock.now();
        let mut state = self.state();
        let is_due = state.tier.is_none() && !state.pause.is_some_and(|pause| pause.lasts(now));
        if is_due {
            state.pause = Some(Pause::new(now, TRY_EVERY));
        }
        is_due
    }

    async fn try_all(self: Arc<Self>) {
        for release in self.candidates().await {
            let id = release.id();
            match self.loader.load(&release).await {
                Ok(tier) => {
                    tracing::info!(release.id = id, "release {id} is loaded");
                    self.loaded(tier).await;
                    return;
                }
                Err(error) => {
                    let error = &error as &dyn Error;
                    tracing::error!(release.id = id, error, "release {id} cannot be loaded");
                }
            }
        }
        self.note_unloaded().await;
    }

    async fn loaded(&self, tier: LocalTier) {
        let was_noted = {
            let mut state = self.state();
            state.tier = Some(tier);
            std::mem::take(&mut state.is_noted)
        };
        if was_noted && let Err(error) = self.releases.note_unloaded(self.clock.now()).await {
            tracing::warn!(error = &error as &dyn Error, "releases.note_unloaded failed; the note ends by itself");
        }
    }

    /// The releases in the order in which they are tried.
    async fn candidates(&self) -> Vec<Release> {
        match self.releases.active().await {
            Ok(Some(active)) => std::iter::once(active.release).chain(active.previous).collect(),
            Ok(None) => vec![self.own.clone()],
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, "releases.active failed; the owner's files are followed");
                vec![self.own.clone()]
            }
        }
    }

    async fn note_unloaded(&self) {
        self.state().is_noted = true;
        if let Err(error) = self.releases.note_unloaded(self.clock.now().plus(UNLOADED_FOR)).await {
            tracing::error!(error = &error as &dyn Error, "releases.note_unloaded failed");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LocalTierSource for Arc<Loading> {
    fn current(&self) -> Option<LocalTier> {
        let tier = self.state().tier.clone();
        if tier.is_none() && self.may_try() {
            // The request goes on without them; the next one may have them.
            tokio::spawn(Arc::clone(self).try_all());
        }
        tier
    }
}
