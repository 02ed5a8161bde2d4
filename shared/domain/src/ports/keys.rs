//! Ports of callers' keys and of secrets.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::auth::{ApiKey, ApiKeyId, StoredKey};
use crate::time::Timestamp;

/// The callers' keys.
///
/// Guarantees, under any concurrency, crash, duplicate or lost reply:
/// - an id has one key for ever: neither its text nor what it opens ever changes;
/// - what is revoked stays revoked, and is found so by every `get` that begins after.
#[async_trait]
pub trait ApiKeys: Send + Sync {
    /// The key with this id, revoked and expired ones included.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn get(&self, id: &ApiKeyId) -> Result<Option<StoredKey>, StoreError>;

    /// Keeps a new key; `false`, and nothing is kept, when the id is another key's. Adding the same
    /// key again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known whether it was kept.
    async fn add(&self, key: &StoredKey) -> Result<bool, StoreError>;

    /// Every key, the oldest first. It may take time in proportion to the whole store: nothing that
    /// answers requests uses it.
    ///
    /// # Errors
    /// [`StoreError`] when not all of them could be read.
    async fn list(&self) -> Result<Vec<ApiKey>, StoreError>;

    /// Revokes a key at `now`; `false` when there is none with this id. What was revoked before
    /// keeps the time of that.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known whether it is revoked.
    async fn revoke(&self, id: &ApiKeyId, now: Timestamp) -> Result<bool, StoreError>;
}

/// The text of a secret. Its `Debug` is a constant.
#[derive(Clone)]
pub struct SecretText(Arc<str>);

impl SecretText {
    /// Takes a text as a secret, without the white space around it, which editors and consoles add.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.trim().into())
    }

    /// The text itself: not to be logged.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText")
    }
}

/// A secret cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the secret `{secret}` cannot be read")]
pub struct SecretUnavailable {
    /// The name of the secret, which is none itself.
    pub secret: String,
    /// Why.
    #[source]
    pub cause: Box<dyn std::error::Error + Send + Sync>,
}

/// A secret that is kept elsewhere, where it may be changed at any time.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// Its text now.
    ///
    /// # Errors
    /// [`SecretUnavailable`].
    async fn current(&self) -> Result<SecretText, SecretUnavailable>;
}

#[async_trait]
impl<S: SecretSource + ?Sized> SecretSource for Arc<S> {
    async fn current(&self) -> Result<SecretText, SecretUnavailable> {
        (**self).current().await
    }
}
