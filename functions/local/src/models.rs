//! The local models: fetched or checked.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use farthing_api::status::release_json;
use farthing_bootstrap::config::Config;
use farthing_bootstrap::wiring::{self, BuiltFile, NoProgress, Progress};
use farthing_domain::ids::ModelId;
use serde_json::{Value, json};

use crate::output;

#[derive(Subcommand)]
pub(crate) enum ModelsCommand {
    /// Fetch the weights that are missing; each file is checked against its SHA-256 before use.
    Pull,
    /// Make the files of a language model of the file that its makers publish, into the form that runs fastest here.
    ///
    /// Examples: farthing models build smollm2-135m-instruct;
    /// farthing models build --file model.gguf --out folder (for a new entry of models.toml, which is printed)
    Build {
        /// A model of models.toml whose files are made of another.
        #[arg(required_unless_present = "file", conflicts_with = "file", value_parser = ModelId::parse)]
        model: Option<ModelId>,
        /// A GGUF file of a model of Llama's architecture, with Q4_1 layers and a Q8_0 word table; or an ONNX file with past
        /// keys and values as Hugging Face's exporter writes it, its tokenizer and settings beside it or one folder above.
        #[arg(long, requires = "out")]
        file: Option<PathBuf>,
        /// Where to put its files.
        #[arg(long, requires = "file")]
        out: Option<PathBuf>,
        /// Write its graph as `model.onnx` too, to compare it in another engine.
        #[arg(long, requires = "file")]
        onnx: bool,
    },
    /// Copy the files of all local models and every agent's knowledge index into an S3 bucket, from
    /// which the functions fetch them. Run it before a deployment's first start, and whenever
    /// models.toml or knowledge has changed.
    ///
    /// Example: farthing models publish --bucket my-stack-models
    Publish {
        /// The bucket, as the stack's outputs name it.
        #[arg(long)]
        bucket: String,
    },
    /// Activate the release that was active before, and keep the present one to go forth again.
    /// Functions that start from now on load it; those that run keep what they have.
    ///
    /// Example: FARTHING_STORAGE=aws FARTHING_TABLE=my-table farthing models rollback
    Rollback,
    /// Check every file and try every model out, without fetching anything.
    Verify,
}

pub(crate) async fn run(config: &Config, command: &ModelsCommand, json: bool) -> anyhow::Result<ExitCode> {
    let (mut config, progress) = (config.clone(), output::progress());
    let progress: Arc<dyn Progress> = match command {
        ModelsCommand::Pull => progress,
        ModelsCommand::Build { model: Some(id), .. } => {
            show_built(&wiring::build_model(&config, id, progress).await?, false, json);
            return Ok(ExitCode::SUCCESS);
        }
        ModelsCommand::Build { file: Some(from), out: Some(to), onnx, .. } => {
            show_built(&wiring::build_files(from, to, *onnx, progress).await?, true, json);
            return Ok(ExitCode::SUCCESS);
        }
        ModelsCommand::Build { .. } => anyhow::bail!("name a model of models.toml, or a file and a folder"),
        ModelsCommand::Publish { bucket } => return publish(&config, bucket, progress, json).await,
        ModelsCommand::Rollback => return rollback(&config, json).await,
        ModelsCommand::Verify => {
            config.offline = true;
            Arc::new(NoProgress)
        }
    };
    let (files, models) = wiring::local_models(&config, progress)?;
    let mut results: Vec<Value> = Vec::new();
    for spec in files.registry.models().iter().filter(|spec| spec.enabled && spec.api.is_none()) {
        let result = match models.prepare(&spec.id).await {
            Ok(ready) => {
                json!({"id": spec.id.as_str(), "ready": true, "bytes": ready.bytes(), "sha256": ready.sha256()})
            }
            Err(error) => {
                json!({"id": spec.id.as_str(), "ready": false, "error": format!("{:#}", anyhow::Error::new(error))})
            }
        };
        if !json {
            output::line(match result["error"].as_str() {
                None => format!("{}: ready, {} bytes, sha256 {}", spec.id, result["bytes"], &result["sha256"]),
                Some(error) => format!("{}: {error}", spec.id),
            });
        }
        results.push(result);
    }
    let is_ready = results.iter().all(|result| result["ready"] == true);
    if json {
        output::line(json!({"ready": is_ready, "models": results}));
    }
    Ok(if is_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the files that were made, as lines for models.toml when it has them not.
fn show_built(built: &[BuiltFile], is_new: bool, json: bool) {
    for BuiltFile { file, path, bytes, sha256 } in built {
        if json {
            output::line(json!({"file": file, "path": path, "bytes": bytes, "sha256": sha256}));
        } else if is_new {
            output::line(format!(
                "{{ file = \"{file}\", sha256 = \"{sha256}\", bytes = {bytes}, source = {{ built = {{ from = \"…\" }} }} }},"
            ));
        } else {
            output::line(format!("{file}: {bytes} bytes, sha256 {sha256}, at {}", path.display()));
        }
    }
}

async fn rollback(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let (init, _) = wiring::init(config).await?;
    let active = release_json(&init.go_back().await?);
    if json {
        output::line(active);
    } else {
        let (id, revision) = (&active["id"], &active["revision"]);
        output::line(format!("release {id} is active again, as revision {revision}"));
    }
    Ok(ExitCode::SUCCESS)
}

async fn publish(config: &Config, bucket: &str, progress: Arc<dyn Progress>, json: bool) -> anyhow::Result<ExitCode> {
    let keys = wiring::publish(config, bucket, progress).await?;
    if json {
        output::line(json!({"bucket": bucket, "keys": keys}));
    } else {
        keys.iter().for_each(|key| output::line(format!("s3://{bucket}/{key}")));
    }
    Ok(ExitCode::SUCCESS)
}
