//! Secrets in files, on a machine that nobody else uses.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use farthing_domain::auth::base32;
use farthing_domain::ports::{SecretSource, SecretText, SecretUnavailable};
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use tempfile::NamedTempFile;

/// A text in a file, read anew each time.
#[derive(Clone, Debug)]
pub struct FileSecret {
    path: PathBuf,
}

impl FileSecret {
    /// The secret in the file `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The secret in the file `path`. Where that is missing, it is made of 32 random bytes in base32,
    /// for its owner alone to read; of several processes that do so at once, all find the same text.
    ///
    /// # Errors
    /// [`SecretUnavailable`] when it is missing and cannot be made.
    pub fn create_if_missing(path: impl Into<PathBuf>) -> Result<Self, SecretUnavailable> {
        let secret = Self::new(path);
        match create_if_missing(&secret.path) {
            Ok(()) => Ok(secret),
            Err(error) => Err(secret.unavailable(error)),
        }
    }

    fn unavailable(&self, error: io::Error) -> SecretUnavailable {
        SecretUnavailable { secret: self.path.display().to_string(), cause: error.into() }
    }
}

#[async_trait]
impl SecretSource for FileSecret {
    async fn current(&self) -> Result<SecretText, SecretUnavailable> {
        let text = tokio::fs::read_to_string(&self.path).await.map_err(|error| self.unavailable(error))?;
        Ok(SecretText::new(&text))
    }
}

/// Makes the file, whole or not at all.
fn create_if_missing(path: &Path) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let mut random = [0; 32];
    OsRng.try_fill_bytes(&mut random).map_err(io::Error::other)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Temporary files are readable for their owner alone, and stay so under their new name.
    let mut file = NamedTempFile::new_in(folder)?;
    writeln!(file, "{}", base32(&random))?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        // Somebody else was quicker.
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error),
        Ok(_) => Ok(()),
    }
}
