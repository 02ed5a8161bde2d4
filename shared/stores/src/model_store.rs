//! Model artifacts in a directory or a bucket.

mod directory;
mod s3;

pub use directory::DirectoryModelStore;
pub use s3::S3ModelStore;

use std::path::{Component, Path};

/// A cause of failure.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A key that would leave the store.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no key: expected names joined by `/`")]
struct InvalidKey(String);

/// The key as a path below the store's root: plain names, one below the other.
fn below_root(key: &str) -> Result<&Path, InvalidKey> {
    let is_plain = !key.is_empty()
        && !key.contains(['\\', '\0'])
        && key.split('/').all(|name| matches!(Path::new(name).components().next(), Some(Component::Normal(_))));
    if is_plain { Ok(Path::new(key)) } else { Err(InvalidKey(key.to_owned())) }
}
