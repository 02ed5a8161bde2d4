//! Model artifacts in a directory or a bucket.

mod directory;
mod s3;

pub use directory::DirectoryModelStore;
pub use s3::S3ModelStore;

use std::io::{self, Write};
use std::path::{Component, Path};

use farthing_domain::hex::hex;
use farthing_domain::ports::Fetched;
use sha2::{Digest, Sha256};

/// How much is copied at once.
const PIECE: usize = 64 * 1024;

/// A cause of failure.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A key that would leave the store.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no key: expected names joined by `/`")]
pub(crate) struct InvalidKey(String);

/// The key as a path below the store's root: plain names, one below the other.
pub(crate) fn below_root(key: &str) -> Result<&Path, InvalidKey> {
    let is_plain = !key.is_empty()
        && !key.contains(['\\', '\0'])
        && key.split('/').all(|name| matches!(Path::new(name).components().next(), Some(Component::Normal(_))));
    if is_plain { Ok(Path::new(key)) } else { Err(InvalidKey(key.to_owned())) }
}

/// The key as an object's in a bucket, below `prefix`.
pub(crate) fn below_prefix(prefix: &str, key: &str) -> Result<String, InvalidKey> {
    below_root(key)?;
    Ok(format!("{prefix}{key}"))
}

/// What `work` on files gives, off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, BoxError> {
    Ok(tokio::task::spawn_blocking(work).await??)
}

/// A writer that hashes what passes through it.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
}

impl<W> Hashing<W> {
    fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0 }
    }

    fn finish(self) -> (W, Fetched) {
        (self.inner, Fetched { sha256: hex(&self.hash.finalize()), bytes: self.bytes })
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(piece)?;
        self.hash.update(&piece[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
