//! Where a provider's key comes from.

use std::error::Error;

use async_trait::async_trait;

use crate::config::Secret;

/// Where a provider's key comes from: a fixed [`Secret`], or a place where it may be changed at any
/// time.
#[async_trait]
pub trait Credential: Send + Sync {
    /// The key for the next call.
    ///
    /// # Errors
    /// When there is none; then nothing is sent.
    async fn key(&self) -> Result<Secret, Box<dyn Error + Send + Sync>>;

    /// Hears that the provider refused the key, which may have been changed meanwhile.
    async fn refused(&self);
}

#[async_trait]
impl Credential for Secret {
    async fn key(&self) -> Result<Secret, Box<dyn Error + Send + Sync>> {
        Ok(self.clone())
    }

    async fn refused(&self) {}
}
