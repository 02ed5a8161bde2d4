//! Which release is in use.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use farthing_domain::ids::{AgentId, ModelId};
use farthing_domain::ports::{ActivationRefused, ActiveRelease, Releases, StoreError};
use farthing_domain::release::{Release, ReleasedFile, ReleasedKnowledge, ReleasedModel};
use farthing_domain::time::Timestamp;
use futures::future::join_all;

/// The releases in memory, and a switch that makes them unreachable.
#[derive(Debug, Default)]
pub struct OracleReleases(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    active: Option<ActiveRelease>,
    unloaded_until: Option<Timestamp>,
    is_down: bool,
}

impl OracleReleases {
    /// Makes the store unreachable, or reachable again.
    pub fn set_down(&self, is_down: bool) {
        self.lock().is_down = is_down;
    }

    fn kept(&self) -> Result<MutexGuard<'_, Kept>, StoreError> {
        let kept = self.lock();
        if kept.is_down { Err(StoreError { store: "release", cause: "as the test says".into() }) } else { Ok(kept) }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Releases for OracleReleases {
    async fn active(&self) -> Result<Option<ActiveRelease>, StoreError> {
        Ok(self.kept()?.active.clone())
    }

    async fn activate(&self, next: &ActiveRelease) -> Result<(), ActivationRefused> {
        let mut kept = self.kept()?;
        if kept.active.as_ref().map_or(0, |active| active.revision) + 1 != next.revision {
            return Err(ActivationRefused::Conflict);
        }
        kept.active = Some(next.clone());
        Ok(())
    }

    async fn note_unloaded(&self, until: Timestamp) -> Result<(), StoreError> {
        self.kept()?.unloaded_until = Some(until);
        Ok(())
    }

    async fn unloaded_until(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.kept()?.unloaded_until)
    }
}

/// Checks an empty store of releases.
///
/// # Panics
/// When it does not keep the port's guarantees.
pub async fn check_releases(store: &dyn Releases) {
    assert_eq!(active(store).await, None, "nothing is active at first");
    let first = activation(1, "a", None);
    activate(store, &activation(2, "a", None), false).await;
    activate(store, &activation(0, "a", None), false).await;
    activate(store, &first, true).await;
    assert_eq!(active(store).await.as_ref(), Some(&first));

    let second = activation(2, "b", Some(&first));
    activate(store, &activation(3, "b", Some(&first)), false).await;
    activate(store, &second, true).await;
    activate(store, &activation(2, "c", Some(&first)), false).await;
    assert_eq!(active(store).await.as_ref(), Some(&second), "with the one before");
    activate(store, &activation(3, "a", Some(&second)), true).await;

    // Of many that follow the same release, one does.
    let rivals: Vec<_> = (0..8).map(|rival| activation(4, &format!("rival-{rival}"), Some(&second))).collect();
    let outcomes = join_all(rivals.iter().map(|rival| store.activate(rival))).await;
    let winners: Vec<_> = outcomes.iter().zip(&rivals).filter(|(outcome, _)| outcome.is_ok()).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    assert_eq!(active(store).await.as_ref(), Some(winners[0].1));

    assert_eq!(unloaded_until(store).await, None, "nobody is without models at first");
    // The last note counts, also when it takes an earlier one back.
    for until in [1_796_080_500_000, 1_796_080_200_000].map(Timestamp::from_millis) {
        store.note_unloaded(until).await.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause));
        assert_eq!(unloaded_until(store).await, Some(until));
    }
    assert_eq!(active(store).await.as_ref(), Some(winners[0].1), "a note changes nothing else");
}

/// An activation of a small release that differs from others by `content`.
#[must_use]
pub fn activation(revision: u64, content: &str, previous: Option<&ActiveRelease>) -> ActiveRelease {
    ActiveRelease {
        release: release(content),
        previous: previous.map(|previous| previous.release.clone()),
        revision,
        since: Timestamp::from_millis(1_796_080_500_000),
    }
}

/// A small release that differs from others by `content`.
///
/// # Panics
/// Never: its names are valid.
#[must_use]
pub fn release(content: &str) -> Release {
    let file = |name: &str| ReleasedFile {
        key: format!("models/{content}/{name}"),
        sha256: "0123456789abcdef".repeat(4),
        bytes: u64::MAX,
    };
    let id = ModelId::parse("head").unwrap_or_else(|error| panic!("{error}"));
    let agent = AgentId::parse("rprd").unwrap_or_else(|error| panic!("{error}"));
    Release {
        models: vec![ReleasedModel {
            id,
            version: content.to_owned(),
            files: vec![file("one.json"), file("two.onnx")],
        }],
        knowledge: vec![ReleasedKnowledge { agent, version: content.to_owned(), file: file("rprd.knowledge") }],
    }
}

async fn active(store: &dyn Releases) -> Option<ActiveRelease> {
    store.active().await.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause))
}

async fn unloaded_until(store: &dyn Releases) -> Option<Timestamp> {
    store.unloaded_until().await.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause))
}

async fn activate(store: &dyn Releases, next: &ActiveRelease, is_accepted: bool) {
    match store.activate(next).await {
        Ok(()) => assert!(is_accepted, "{next:?} was activated"),
        Err(ActivationRefused::Conflict) => assert!(!is_accepted, "{next:?} was refused"),
        Err(ActivationRefused::Store(error)) => panic!("{error}: {:?}", error.cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oracle_keeps_its_own_rules() {
        check_releases(&OracleReleases::default()).await;
    }
}
