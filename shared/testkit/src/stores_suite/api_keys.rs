//! Callers' keys.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::auth::{ApiKey, ApiKeyId, ApiKeyText, KeyBytes, KeyDigest, KeyName, Scope, StoredKey};
use farthing_domain::ids::Tenant;
use farthing_domain::ports::{ApiKeys, SecretSource, SecretText, SecretUnavailable, StoreError};
use farthing_domain::time::Timestamp;
use futures::future::join_all;

const NOW: Timestamp = Timestamp::from_millis(1_796_080_500_000);
const HOUR: Duration = Duration::from_secs(3_600);

/// Checks an empty store of keys.
///
/// # Panics
/// When it does not keep the port's guarantees.
pub async fn check_api_keys(store: &dyn ApiKeys) {
    assert_eq!(list(store).await, []);
    assert!(get(store, &id(1)).await.is_none());
    assert!(!revoke(store, &id(1), NOW).await, "there is none");
    assert!(get(store, &id(1)).await.is_none(), "what is not there is not made by revoking it");

    // What is kept is found as it was, with all that may be missing and without.
    let plain = key(1, NOW);
    let full = StoredKey {
        key: ApiKey {
            tenant: tenant("other"),
            scopes: Scope::ALL.into(),
            name: name("Ωmega – 32 §"),
            expires: Some(NOW.plus(HOUR)),
            ..key(2, NOW.minus(HOUR)).key
        },
        digest: KeyDigest::new([255; 32]),
    };
    for kept in [&plain, &full] {
        assert!(add(store, kept).await);
        assert_same(&get(store, &kept.key.id).await, kept);
    }
    assert_eq!(list(store).await, [full.key.clone(), plain.key.clone()], "the oldest first");

    // An id has one key for ever.
    assert!(add(store, &plain).await, "the same key once more changes nothing");
    let others = [
        StoredKey { digest: full.digest.clone(), ..plain.clone() },
        StoredKey { key: ApiKey { tenant: tenant("other"), ..plain.key.clone() }, ..plain.clone() },
        StoredKey { key: ApiKey { scopes: [Scope::Admin].into(), ..plain.key.clone() }, ..plain.clone() },
        StoredKey { key: ApiKey { expires: Some(NOW), ..plain.key.clone() }, ..plain.clone() },
    ];
    for other in &others {
        assert!(!add(store, other).await, "{other:?} took the place of {plain:?}");
        assert_same(&get(store, &plain.key.id).await, &plain);
    }

    // What is revoked stays, and stays revoked since then.
    let (then, later) = (NOW.plus(HOUR), NOW.plus(2 * HOUR));
    let revoked = StoredKey { key: ApiKey { revoked: Some(then), ..plain.key.clone() }, ..plain.clone() };
    for at in [then, later, NOW] {
        assert!(revoke(store, &plain.key.id, at).await);
        assert_same(&get(store, &plain.key.id).await, &revoked);
    }
    assert!(!add(store, &plain).await, "what is revoked does not come back");
    assert_same(&get(store, &plain.key.id).await, &revoked);
    assert_same(&get(store, &full.key.id).await, &full);
    assert_eq!(list(store).await, [full.key.clone(), revoked.key.clone()]);

    // Of many with one id, one is kept.
    let rivals: Vec<_> = (0..8).map(|rival| StoredKey { digest: KeyDigest::new([rival; 32]), ..key(3, NOW) }).collect();
    let outcomes = join_all(rivals.iter().map(|rival| add(store, rival))).await;
    let winners: Vec<_> = outcomes.iter().zip(&rivals).filter(|(is_kept, _)| **is_kept).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    assert_same(&get(store, &id(3)).await, winners[0].1);

    // Of many that revoke one, all do, and one says when.
    let times: Vec<_> = (0..8).map(|minute| NOW.plus(Duration::from_secs(60 * minute))).collect();
    let third = id(3);
    assert_eq!(join_all(times.iter().map(|at| revoke(store, &third, *at))).await, [true; 8]);
    let at = get(store, &third).await.and_then(|found| found.key.revoked);
    assert!(at.is_some_and(|at| times.contains(&at)), "{at:?}");
}

/// Keys in memory, and how often one was looked for.
#[derive(Debug, Default)]
pub struct OracleKeys {
    keys: Mutex<BTreeMap<ApiKeyId, StoredKey>>,
    looked: AtomicU64,
}

impl OracleKeys {
    /// How often a key was looked for.
    #[must_use]
    pub fn looked(&self) -> u64 {
        self.looked.load(Ordering::Relaxed)
    }

    fn keys(&self) -> MutexGuard<'_, BTreeMap<ApiKeyId, StoredKey>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ApiKeys for OracleKeys {
    async fn get(&self, id: &ApiKeyId) -> Result<Option<StoredKey>, StoreError> {
        self.looked.fetch_add(1, Ordering::Relaxed);
        Ok(self.keys().get(id).cloned())
    }

    async fn add(&self, key: &StoredKey) -> Result<bool, StoreError> {
        let mut keys = self.keys();
        let there = keys.entry(key.key.id.clone()).or_insert_with(|| key.clone());
        Ok(is_same(there, key))
    }

    async fn list(&self) -> Result<Vec<ApiKey>, StoreError> {
        let mut keys: Vec<_> = self.keys().values().map(|stored| stored.key.clone()).collect();
        keys.sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
        Ok(keys)
    }

    async fn revoke(&self, id: &ApiKeyId, now: Timestamp) -> Result<bool, StoreError> {
        let mut keys = self.keys();
        let Some(stored) = keys.get_mut(id) else { return Ok(false) };
        stored.key.revoked.get_or_insert(now);
        Ok(true)
    }
}

/// A secret that never changes.
#[derive(Clone, Copy, Debug)]
pub struct FixedSecret(pub &'static str);

#[async_trait]
impl SecretSource for FixedSecret {
    async fn current(&self) -> Result<SecretText, SecretUnavailable> {
        Ok(SecretText::new(self.0))
    }
}

fn is_same(one: &StoredKey, other: &StoredKey) -> bool {
    one.key == other.key && one.digest.bytes() == other.digest.bytes()
}

#[track_caller]
fn assert_same(found: &Option<StoredKey>, expected: &StoredKey) {
    assert!(found.as_ref().is_some_and(|found| is_same(found, expected)), "{found:?} is not {expected:?}");
}

fn id(number: u8) -> ApiKeyId {
    ApiKeyText::of(&KeyBytes { id: [number; 10], secret: [0; 32] }).id().clone()
}

fn tenant(name: &str) -> Tenant {
    Tenant::parse(name).unwrap_or_else(|error| panic!("{error}"))
}

fn name(text: &str) -> KeyName {
    KeyName::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn key(number: u8, created: Timestamp) -> StoredKey {
    let key = ApiKey {
        id: id(number),
        tenant: tenant("tenant"),
        scopes: [Scope::Infer].into(),
        name: name("a key"),
        created,
        expires: None,
        revoked: None,
    };
    StoredKey { key, digest: KeyDigest::new([number; 32]) }
}

async fn get(store: &dyn ApiKeys, id: &ApiKeyId) -> Option<StoredKey> {
    store.get(id).await.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause))
}

async fn add(store: &dyn ApiKeys, key: &StoredKey) -> bool {
    store.add(key).await.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause))
}

async fn list(store: &dyn ApiKeys) -> Vec<ApiKey> {
    store.list().await.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause))
}

async fn revoke(store: &dyn ApiKeys, id: &ApiKeyId, now: Timestamp) -> bool {
    store.revoke(id, now).await.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oracle_is_a_store_of_keys() {
        check_api_keys(&OracleKeys::default()).await;
    }
}
