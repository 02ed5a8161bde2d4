//! What the owner does with callers' keys.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;

use farthing_domain::auth::{ApiKey, ApiKeyId, ApiKeyText, KeyBytes, KeyName, Scope, StoredKey};
use farthing_domain::ids::Tenant;
use farthing_domain::ports::{ApiKeys, Clock, SecretSource, StoreError};
use farthing_domain::time::Timestamp;

use super::pepper::Pepper;

/// The use cases of the owner who makes, lists and revokes callers' keys.
pub struct KeyAdmin {
    /// The callers' keys.
    pub keys: Arc<dyn ApiKeys>,
    /// The secret that keys are hashed with; the one that callers are let in by.
    pub pepper: Arc<dyn SecretSource>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What a new key is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// Whose requests are made with it.
    pub tenant: Tenant,
    /// What it opens; at least one scope.
    pub scopes: BTreeSet<Scope>,
    /// What it is for.
    pub name: KeyName,
    /// From when on it opens nothing; never when none.
    pub expires: Option<Timestamp>,
}

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateRefused {
    /// It would open nothing.
    #[error("a key needs at least one scope")]
    NoScope,
    /// It would open nothing any more.
    #[error("a key cannot expire before it is made")]
    ExpiresBeforeItIsMade,
    /// Another key has the id that these random bytes make.
    #[error("another key has the same id: try again with other random bytes")]
    IdTaken,
    /// It cannot be hashed.
    #[error("the pepper cannot be used")]
    Pepper(#[source] Box<dyn Error + Send + Sync>),
    /// It is not known whether it was kept; nobody has its text.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a key was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeRefused {
    /// There is none with this id.
    #[error("there is no key `{0}`")]
    NoSuchKey(ApiKeyId),
    /// It is not known whether it is revoked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl KeyAdmin {
    /// Makes a key of `random` bytes, and gives its text, which nobody can give again: what is kept
    /// is a hash.
    ///
    /// # Errors
    /// [`CreateRefused`].
    pub async fn create(&self, new: NewKey, random: &KeyBytes) -> Result<ApiKeyText, CreateRefused> {
        let NewKey { tenant, scopes, name, expires } = new;
        let created = self.clock.now();
        if scopes.is_empty() {
            return Err(CreateRefused::NoScope);
        }
        if expires.is_some_and(|expires| expires <= created) {
            return Err(CreateRefused::ExpiresBeforeItIsMade);
        }
        let pepper = Pepper::read(self.pepper.as_ref()).await.map_err(CreateRefused::Pepper)?;
        let text = ApiKeyText::of(random);
        let key = ApiKey { id: text.id().clone(), tenant, scopes, name, created, expires, revoked: None };
        let stored = StoredKey { key, digest: pepper.digest(&text) };
        if self.keys.add(&stored).await? { Ok(text) } else { Err(CreateRefused::IdTaken) }
    }

    /// Every key, the oldest first, revoked and expired ones included; neither texts nor hashes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.keys.list().await
    }

    /// Revokes a key for ever. It opens nothing from now on, except where somebody remembers having
    /// let it in, as API Gateway does for as long as the deployment says.
    ///
    /// # Errors
    /// [`RevokeRefused`].
    pub async fn revoke(&self, id: &ApiKeyId) -> Result<(), RevokeRefused> {
        let is_revoked = self.keys.revoke(id, self.clock.now()).await?;
        if is_revoked { Ok(()) } else { Err(RevokeRefused::NoSuchKey(id.clone())) }
    }
}
