//! The language model that runs in this process.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use farthing_domain::ids::ModelId;
use farthing_domain::registry::ArtifactSource;
use farthing_models::artifacts::{ArtifactStore, Progress, layers, pin};
use farthing_models::generator;

use super::models::artifact_config;
use crate::config::Config;
use crate::files::OwnerFiles;

/// A file of a language model that was made here.
#[derive(Debug)]
pub struct BuiltFile {
    /// Its name in the registry.
    pub file: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in lower-case hex.
    pub sha256: String,
}

/// Makes the files of the registry's model `id` that are made of its materials, anew.
///
/// # Errors
/// When it has no such files, its materials cannot be fetched, or what was made is not what the registry names.
pub async fn build_model(config: &Config, id: &ModelId, progress: Arc<dyn Progress>) -> anyhow::Result<Vec<BuiltFile>> {
    let files = OwnerFiles::of(config)?;
    let spec = files.registry.get(id).with_context(|| format!("models.toml: there is no model `{id}`"))?;
    let is_made = spec.artifacts.iter().any(|artifact| matches!(artifact.source, ArtifactSource::Built { .. }));
    anyhow::ensure!(is_made, "models.toml: no file of `{id}` is made of another; `models pull` fetches what it has");
    let store = ArtifactStore::new(artifact_config(config)).with_progress(progress);
    store.build(spec).await?;
    let paths = store.get_all(&spec.artifacts).await?;
    paths.iter().map(|path| built(path)).collect()
}

/// Makes the files of a language model of the GGUF file `from` in the folder `to`, for a new entry of the registry; and
/// `model.onnx` on wish, to compare it in another engine.
///
/// # Errors
/// When the file cannot be read, or is not of a model that can be run.
pub async fn build_files(
    from: &Path,
    to: &Path,
    with_onnx: bool,
    progress: Arc<dyn Progress>,
) -> anyhow::Result<Vec<BuiltFile>> {
    let (from, to) = (from.to_owned(), to.to_owned());
    let work = move || {
        let name = from.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        generator::build(&from, &to, &mut layers(&*progress, &name)).with_context(|| from.display().to_string())?;
        if with_onnx {
            generator::write_onnx(&from, &to.join("model.onnx"))?;
        }
        generator::FILES.iter().map(|file| built(&to.join(file))).collect()
    };
    tokio::task::spawn_blocking(work).await?
}

fn built(path: &Path) -> anyhow::Result<BuiltFile> {
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (bytes, sha256) = pin(path)?;
    Ok(BuiltFile { file, path: path.to_owned(), bytes, sha256 })
}
