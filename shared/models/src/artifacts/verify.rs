//! Length and SHA-256 of files, and files that appear whole or not at all.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use farthing_domain::hex::hex;
use farthing_domain::ports::Fetched;
use farthing_domain::registry::Artifact;
use farthing_domain::release::ReleasedFile;
use sha2::{Digest, Sha256};

use super::ArtifactError;

/// What a content is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl Fingerprint {
    /// What an empty file, or none, is known by.
    pub(crate) fn of_nothing() -> Self {
        Self { bytes: 0, sha256: sha256_of(b"") }
    }
}

impl From<&Artifact> for Fingerprint {
    fn from(artifact: &Artifact) -> Self {
        Self { bytes: artifact.bytes, sha256: artifact.sha256.clone() }
    }
}

impl From<&ReleasedFile> for Fingerprint {
    fn from(file: &ReleasedFile) -> Self {
        Self { bytes: file.bytes, sha256: file.sha256.clone() }
    }
}

impl From<Fetched> for Fingerprint {
    fn from(Fetched { sha256, bytes }: Fetched) -> Self {
        Self { bytes, sha256 }
    }
}

/// The fingerprint of the file `path`; `None` when there is no such file.
pub(crate) fn fingerprint(path: &Path) -> Result<Option<Fingerprint>, ArtifactError> {
    match File::open(path) {
        Ok(file) => copy_and_hash(file, std::io::sink()).map(Some).map_err(ArtifactError::disk(path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ArtifactError::disk(path)(error)),
    }
}

/// The length and the SHA-256 of the file `path`, as the registry pins a file by.
///
/// # Errors
/// [`ArtifactError::Disk`] when it cannot be read.
pub fn pin(path: &Path) -> Result<(u64, String), ArtifactError> {
    let missing = || ArtifactError::disk(path)(std::io::ErrorKind::NotFound.into());
    let Fingerprint { bytes, sha256 } = fingerprint(path)?.ok_or_else(missing)?;
    Ok((bytes, sha256))
}

/// Checks that content found at `path` is the expected one.
pub(crate) fn expect(expected: &Fingerprint, found: Fingerprint, path: &Path) -> Result<(), ArtifactError> {
    if &found == expected {
        return Ok(());
    }
    Err(ArtifactError::Mismatch {
        path: path.to_owned(),
        expected_sha256: expected.sha256.clone(),
        expected_bytes: expected.bytes,
        found_sha256: found.sha256,
        found_bytes: found.bytes,
    })
}

/// Writes `content` into the file `to`, which gets its name only when it is the expected one.
///
/// Nothing already there is touched before; several processes may do the same at once. `from` says
/// where the content came from.
pub(crate) fn place(expected: &Fingerprint, content: impl Read, from: &Path, to: &Path) -> Result<(), ArtifactError> {
    let folder = to.parent().unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(folder).map_err(ArtifactError::disk(folder))?;
    let mut file = new_file(folder).map_err(ArtifactError::disk(folder))?;
    // One byte more than expected is enough to see that the content is too long.
    let content = content.take(expected.bytes.saturating_add(1));
    let found = copy_and_hash(content, file.as_file_mut()).map_err(ArtifactError::disk(from))?;
    expect(expected, found, from)?;
    file.as_file().sync_all().map_err(ArtifactError::disk(to))?;
    file.persist(to).map_err(|error| ArtifactError::disk(to)(error.error))?;
    Ok(())
}

/// A file with a name of its own in `folder`, removed unless it is persisted.
fn new_file(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".incoming-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A function may run as another user than the one who packed the file.
        builder.permissions(std::fs::Permissions::from_mode(0o644));
    }
    builder.tempfile_in(folder)
}

fn copy_and_hash(mut from: impl Read, mut to: impl Write) -> std::io::Result<Fingerprint> {
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
        bytes += read as u64;
    }
    Ok(Fingerprint { bytes, sha256: hex(&hash.finalize()) })
}

/// The SHA-256 of `content`, in lower-case hex.
pub(crate) fn sha256_of(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}
