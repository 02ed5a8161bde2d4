//! Model artifacts in a directory.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use farthing_domain::ports::{ModelStore, StoreError};
use tempfile::NamedTempFile;

use super::{BoxError, below_root};

/// Model artifacts in a directory, the key being the path below it.
#[derive(Clone, Debug)]
pub struct DirectoryModelStore {
    root: PathBuf,
}

impl DirectoryModelStore {
    /// The artifacts below `root`, which is made when something is published.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }
}

#[async_trait]
impl ModelStore for DirectoryModelStore {
    async fn fetch(&self, key: &str, to: PathBuf) -> Result<bool, StoreError> {
        let from = below_root(key).map(|key| self.root.join(key)).map_err(|error| store_error(error.into()))?;
        blocking(move || match File::open(&from) {
            Ok(file) if file.metadata()?.is_file() => copy_whole(file, &to).map(|()| true),
            Ok(_) => Ok(false),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
            Err(error) => Err(error),
        })
        .await
    }

    async fn publish(&self, key: &str, from: PathBuf) -> Result<(), StoreError> {
        let to = below_root(key).map(|key| self.root.join(key)).map_err(|error| store_error(error.into()))?;
        blocking(move || copy_whole(File::open(from)?, &to)).await
    }
}

/// Copies `from` into the file `to`, which holds all of it or what it held before.
fn copy_whole(mut from: File, to: &Path) -> io::Result<()> {
    let folder = to.parent().ok_or(ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    let mut copy = NamedTempFile::new_in(folder)?;
    io::copy(&mut from, copy.as_file_mut())?;
    copy.as_file().sync_all()?;
    copy.persist(to).map_err(|error| error.error)?;
    Ok(())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| store_error(error.into())),
        Err(error) => Err(store_error(error.into())),
    }
}

fn store_error(cause: BoxError) -> StoreError {
    StoreError { store: "model", cause }
}
