//! The versions of the policy.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use farthing_domain::policy::{Calibration, Thresholds, Tuning};
use farthing_domain::ports::{ActivationRefused, PolicyVersions, StoreError};
use farthing_domain::rollout::Stage;
use farthing_domain::time::Timestamp;
use farthing_domain::versions::{Author, Canary, PolicyVersion, Standing};
use futures::future::join_all;

/// The versions in memory, and a switch that makes them unreachable.
#[derive(Debug, Default)]
pub struct OracleVersions(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    standing: Option<Standing>,
    versions: BTreeMap<u32, PolicyVersion>,
    is_down: bool,
}

impl OracleVersions {
    /// Makes the store unreachable, or reachable again.
    pub fn set_down(&self, is_down: bool) {
        self.lock().is_down = is_down;
    }

    fn kept(&self) -> Result<MutexGuard<'_, Kept>, StoreError> {
        let kept = self.lock();
        if kept.is_down { Err(StoreError { store: "policy", cause: "as the test says".into() }) } else { Ok(kept) }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl PolicyVersions for OracleVersions {
    async fn standing(&self) -> Result<Option<Standing>, StoreError> {
        Ok(self.kept()?.standing.clone())
    }

    async fn stand(&self, next: &Standing) -> Result<(), ActivationRefused> {
        let mut kept = self.kept()?;
        if kept.standing.as_ref() == Some(next) {
            return Ok(());
        }
        let named = [next.active.as_ref(), next.canary.as_ref().map(|canary| &canary.version)];
        let named: Vec<&PolicyVersion> = named.into_iter().flatten().collect();
        let is_other =
            |version: &&PolicyVersion| kept.versions.get(&version.number).is_some_and(|kept| kept != *version);
        let is_next = kept.standing.as_ref().map_or(0, |standing| standing.revision) + 1 == next.revision;
        if !is_next || named.iter().any(is_other) {
            return Err(ActivationRefused::Conflict);
        }
        for version in named {
            kept.versions.insert(version.number, version.clone());
        }
        kept.standing = Some(next.clone());
        Ok(())
    }

    async fn history(&self) -> Result<Vec<PolicyVersion>, StoreError> {
        Ok(self.kept()?.versions.values().cloned().collect())
    }
}

/// A version with this number and stage.
#[must_use]
pub fn version(number: u32, stage: Stage) -> PolicyVersion {
    let thresholds =
        Thresholds { min_answerability: 0.6, confident_retrieval: 0.8, cheap_below: 0.05, strong_from: 0.3 };
    let calibrations = BTreeMap::from([("knowledge".to_owned(), Calibration { slope: 0.9375, offset: -0.25 })]);
    let base = Tuning { stage: Stage::Shadow, thresholds, calibrations: BTreeMap::new() };
    PolicyVersion {
        number,
        parent: number - 1,
        tuning: Tuning { stage, thresholds, calibrations },
        base,
        at: Timestamp::from_millis(1_780_000_000_000),
        by: Author::Owner,
        why: "a test's".to_owned(),
    }
}

/// Checks an empty store of versions.
///
/// # Panics
/// When it does not keep the port's guarantees.
pub async fn check_policy_versions(store: &dyn PolicyVersions) {
    assert_eq!(standing(store).await, None, "nothing was changed at first");
    assert!(history(store).await.is_empty());

    let untouched = Standing::untouched(1);
    let first = untouched.activating(version(2, Stage::Tenth));
    for _ in 0..2 {
        stand(store, &first).await;
        assert_eq!(standing(store).await.as_ref(), Some(&first), "a repeated call changes nothing");
    }
    assert_eq!(history(store).await, [version(2, Stage::Tenth)]);

    let canary = Canary { version: version(3, Stage::Half), share: 0.1, weeks: 0 };
    let second = Standing { revision: 2, newest: 3, canary: Some(canary.clone()), ..first.clone() };
    stand(store, &second).await;
    let late = Standing { frozen: true, ..second.clone() };
    assert!(is_conflict(store, &late).await, "another change with this revision came first");
    assert!(is_conflict(store, &Standing { revision: 4, ..second.clone() }).await, "one was left out");
    assert!(is_conflict(store, &untouched).await, "revision 0 is before all");
    assert_eq!(standing(store).await.as_ref(), Some(&second));

    let promoted = second.activating(canary.version);
    stand(store, &promoted).await;
    let other = PolicyVersion { why: "another".to_owned(), ..version(3, Stage::Full) };
    assert!(is_conflict(store, &promoted.activating(other)).await, "a version is never changed");
    assert_eq!(standing(store).await.as_ref(), Some(&promoted));

    let rivals: Vec<Standing> = (0..8_u32)
        .map(|number| promoted.activating(PolicyVersion { why: format!("rival {number}"), ..version(4, Stage::Most) }))
        .collect();
    let came = join_all(rivals.iter().map(|rival| store.stand(rival))).await;
    assert_eq!(came.iter().filter(|done| done.is_ok()).count(), 1, "one of those that come at once");
    let found = standing(store).await;
    assert!(rivals.iter().zip(&came).any(|(rival, done)| done.is_ok() && found.as_ref() == Some(rival)));

    for number in 5..40 {
        let before = standing(store).await.unwrap_or_else(|| panic!("there is a standing"));
        stand(store, &before.activating(version(number, Stage::Full))).await;
    }
    let numbers: Vec<u32> = history(store).await.iter().map(|version| version.number).collect();
    assert_eq!(numbers, (2..40).collect::<Vec<_>>(), "all are kept, in order");
}

async fn standing(store: &dyn PolicyVersions) -> Option<Standing> {
    store.standing().await.unwrap_or_else(|error| panic!("{error}"))
}

async fn history(store: &dyn PolicyVersions) -> Vec<PolicyVersion> {
    store.history().await.unwrap_or_else(|error| panic!("{error}"))
}

async fn stand(store: &dyn PolicyVersions, next: &Standing) {
    store.stand(next).await.unwrap_or_else(|error| panic!("{error}"));
}

async fn is_conflict(store: &dyn PolicyVersions, next: &Standing) -> bool {
    matches!(store.stand(next).await, Err(ActivationRefused::Conflict))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oracle_keeps_the_port_s_guarantees() {
        check_policy_versions(&OracleVersions::default()).await;
    }
}
