//! The local models: fetched or checked.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use farthing_api::status::release_json;
use farthing_bootstrap::config::Config;
use farthing_bootstrap::wiring::{self, NoProgress, Progress};
use serde_json::{Value, json};

use crate::output;

#[derive(Subcommand)]
pub(crate) enum ModelsCommand {
    /// Fetch the weights that are missing; each file is checked against its SHA-256 before use.
    Pull,
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
