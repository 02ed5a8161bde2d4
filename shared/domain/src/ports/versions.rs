//! The port of the policy's versions.

use async_trait::async_trait;

use super::{ActivationRefused, StoreError};
use crate::versions::{PolicyVersion, Standing};

/// The versions of the policy, and which one holds. Versions are never changed and never removed.
#[async_trait]
pub trait PolicyVersions: Send + Sync {
    /// Which version holds; `None` when nothing was ever changed.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn standing(&self) -> Result<Option<Standing>, StoreError>;

    /// Makes `next` hold, if the standing is still the one with the revision before its own, and keeps the versions that it
    /// names and that are new. Repeating the call changes nothing.
    ///
    /// # Errors
    /// [`ActivationRefused::Conflict`] when another change came first: nothing is changed then.
    async fn stand(&self, next: &Standing) -> Result<(), ActivationRefused>;

    /// All versions that were ever kept, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn history(&self) -> Result<Vec<PolicyVersion>, StoreError>;
}
