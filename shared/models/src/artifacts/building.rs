//! Artifacts that are made of others.

use std::path::{Path, PathBuf};

use farthing_domain::registry::{Artifact, ArtifactSource, ModelKind, ModelSpec};

use super::store::blocking;
use super::verify::{self, fingerprint};
use super::{ArtifactError, ArtifactStore, layers};
use crate::generator;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl ArtifactStore {
    /// The paths of the files of `spec`, in order, whose contents have just been verified. Those that are made of
    /// materials are made when they are nowhere to be had and the materials are.
    ///
    /// # Errors
    /// As [`Self::get_all`], and as [`Self::build`].
    pub async fn get_model(&self, spec: &ModelSpec) -> Result<Vec<PathBuf>, ArtifactError> {
        let missing = match self.get_all(&spec.artifacts).await {
            Err(ArtifactError::Missing(missing)) => missing,
            found => return found,
        };
        let is_built = |artifact: &Artifact| matches!(artifact.source, ArtifactSource::Built { .. });
        if !missing.iter().all(|missing| is_built(&missing.artifact)) {
            return Err(ArtifactError::Missing(missing));
        }
        match self.build(spec).await {
            // What can be done about it is told by the files themselves.
            Err(ArtifactError::Missing(_)) => Err(ArtifactError::Missing(missing)),
            Err(error) => Err(error),
            Ok(()) => self.get_all(&spec.artifacts).await,
        }
    }

    /// Makes the files of `spec` that are made of materials, anew, and puts them where they are looked for.
    ///
    /// # Errors
    /// As [`Self::get_all`] for the materials; [`ArtifactError::Build`]; [`ArtifactError::Mismatch`] when what was made is
    /// not what the registry names, and nothing is kept then.
    pub async fn build(&self, spec: &ModelSpec) -> Result<(), ArtifactError> {
        let _lock = self.lock(&format!("build {}", spec.id)).await?;
        let made: Vec<(Artifact, PathBuf)> = spec
            .artifacts
            .iter()
            .filter(|artifact| matches!(artifact.source, ArtifactSource::Built { .. }))
            .map(|artifact| (artifact.clone(), self.path_of(artifact)))
            .collect();
        let materials = self.get_all(&spec.materials).await?;
        let folder = self.scratch_folder().await?;
        let failed = {
            let (model, material) = (spec.id.to_string(), spec.materials.iter().map(|material| material.file.as_str()));
            let material = material.collect::<Vec<_>>().join("`, `");
            move |cause| ArtifactError::Build { model, material, cause }
        };
        let (kind, name, progress) = (spec.kind, spec.id.to_string(), self.progress.clone());
        blocking(move || {
            make(kind, &materials, folder.path(), &mut layers(&*progress, &name)).map_err(failed)?;
            for (artifact, _) in &made {
                let found = fingerprint(&folder.path().join(&artifact.file))?;
                let found = found.unwrap_or_else(verify::Fingerprint::of_nothing);
                verify::expect(&artifact.into(), found, Path::new(&artifact.file))?;
            }
            for (artifact, to) in made {
                let path = folder.path().join(&artifact.file);
                let parent = to.parent().unwrap_or_else(|| Path::new("."));
                std::fs::create_dir_all(parent).map_err(ArtifactError::disk(parent))?;
                std::fs::rename(&path, &to).map_err(ArtifactError::disk(&to))?;
            }
            Ok(())
        })
        .await
    }
}

/// Makes the files of a model of this kind in the folder `to`.
fn make(kind: ModelKind, materials: &[PathBuf], to: &Path, told: &mut dyn FnMut(usize, usize)) -> Result<(), BoxError> {
    match (kind, materials) {
        (ModelKind::Generator, [gguf]) => Ok(generator::build(gguf, to, told)?),
        (ModelKind::Generator, _) => Err(format!("it is made of one file, not of {}", materials.len()).into()),
        (kind, _) => {
            Err(format!("no part of this program makes files of a model of kind \"{}\"", kind.as_str()).into())
        }
    }
}
