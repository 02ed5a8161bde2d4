//! Model artifacts in a directory.

use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use farthing_domain::ports::{Fetched, ModelStore, StoreError};
use tempfile::NamedTempFile;

use super::{BoxError, Hashing, PIECE, below_root, blocking};

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
    async fn fetch(&self, key: &str, to: PathBuf) -> Result<Option<Fetched>, StoreError> {
        let from = below_root(key).map(|key| self.root.join(key)).map_err(|error| store_error(error.into()))?;
        blocking(move || match File::open(&from) {
            Ok(file) if file.metadata()?.is_file() => copy_whole(file, &to).map(Some),
            Ok(_) => Ok(None),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        })
        .await
        .map_err(store_error)
    }

    async fn publish(&self, key: &str, from: PathBuf) -> Result<(), StoreError> {
        let to = below_root(key).map(|key| self.root.join(key)).map_err(|error| store_error(error.into()))?;
        blocking(move || copy_whole(File::open(from)?, &to).map(|_| ())).await.map_err(store_error)
    }
}

/// Copies `from` into the file `to`, which holds all of it or what it held before.
fn copy_whole(from: File, to: &Path) -> io::Result<Fetched> {
    let folder = to.parent().ok_or(ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    let mut copy = Hashing::new(NamedTempFile::new_in(folder)?);
    io::copy(&mut BufReader::with_capacity(PIECE, from), &mut copy)?;
    let (file, fetched) = copy.finish();
    file.as_file().sync_all()?;
    file.persist(to).map_err(|error| error.error)?;
    Ok(fetched)
}

fn store_error(cause: BoxError) -> StoreError {
    StoreError { store: "model", cause }
}
