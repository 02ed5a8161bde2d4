//! Puts the parts of each function together, as the configuration and the owner's files say.

#[cfg(feature = "answering")]
mod answering;
#[cfg(feature = "answering")]
mod credentials;
#[cfg(feature = "answering")]
mod generator;
#[cfg(feature = "answering")]
mod models;
#[cfg(feature = "answering")]
mod phrasing;
#[cfg(feature = "answering")]
mod rehearsal;
mod stores;

use std::sync::Arc;

#[cfg(feature = "answering")]
pub use answering::{
    Bundle, IndicatifProgress, InferenceParts, NoProgress, Progress, bundle, inference, init, local_models, publish,
};
use farthing_domain::auth::ApiKeyId;
use farthing_domain::money::Usd;
use farthing_domain::ports::{ApiKeys as _, Ids, Ledger, SecretSource};
use farthing_gateway::authorize::{Authorize, KeyAdmin};
use farthing_gateway::learned::LearnedAdmin;
use farthing_gateway::optimize::Optimize;
use farthing_gateway::reconcile::Reconcile;
use farthing_gateway::secrets::CachedSecret;
use farthing_gateway::status::Status;
use farthing_gateway::sweep::Sweep;
use farthing_gateway::versions::VersionAdmin;
use farthing_stores::{
    DynamoApiKeys, DynamoJobs, DynamoLearned, DynamoLedger, DynamoOutcomes, DynamoVersions, FileSecret, LedgerConfig,
    SecretsManagerSecret,
};
#[cfg(feature = "answering")]
pub use generator::{BuiltFile, build_files, build_model};
#[cfg(feature = "answering")]
pub use phrasing::{knowledge_files, phrasing};
#[cfg(feature = "answering")]
pub use rehearsal::{Findings, local_tier, providers_without_keys, remembering_tier};
#[cfg(all(feature = "answering", feature = "embedded"))]
pub use rehearsal::{Rehearsal, stores_in_memory};
pub use stores::Stores;

use crate::clock::{SystemClock, Ulids};
use crate::config::Config;
use crate::files::OwnerFiles;

/// An id that no key has: ids are random.
const NOBODY: &str = "aaaaaaaaaaaaaaaa";

/// The parts of the status function, which loads no model.
///
/// # Errors
/// When a file is wrong or a store cannot be reached.
pub async fn status(config: &Config) -> anyhow::Result<(Status, Arc<dyn Ids>)> {
    let files = OwnerFiles::of(config)?;
    let stores = Stores::over(&stores::connect(config).await?, &files);
    let status = status_of(files, &stores);
    warm("the ledger", status.budget()).await;
    Ok((status, Arc::new(Ulids::default())))
}

/// The parts of the sweep function: the ledger alone. It goes on with files of the owner's that are
/// wrong, as it reserves nothing; an unopened month has no money then, as far as its metrics tell.
///
/// # Errors
/// When the table cannot be made.
pub async fn sweep(config: &Config) -> anyhow::Result<Sweep> {
    let files = OwnerFiles::of(config);
    let ledger_config = match &files {
        Ok(files) => stores::ledger_config(files),
        Err(error) => {
            tracing::error!(error = error as &dyn std::error::Error, "the owner's files are wrong");
            LedgerConfig::new(Usd::ZERO, 100, "none")
        }
    };
    let ledger = DynamoLedger::new(stores::connect(config).await?.table, ledger_config);
    Ok(Sweep { ledger: Arc::new(ledger), clock: Arc::new(SystemClock) })
}

/// The parts of the function of the weekly run.
///
/// # Errors
/// When a file is wrong, the table cannot be made, or it is not said which bucket keeps reports.
pub async fn optimize(config: &Config) -> anyhow::Result<Optimize> {
    let policy = OwnerFiles::of(config)?.policy;
    let connection = stores::connect(config).await?;
    Ok(Optimize {
        archive: Arc::new(stores::archive(config, &connection)?),
        versions: Arc::new(DynamoVersions::new(connection.table.clone())),
        policy,
        jobs: Arc::new(DynamoJobs::new(connection.table.clone())),
        outcomes: Arc::new(DynamoOutcomes::new(connection.table.clone())),
        learned: Arc::new(DynamoLearned::new(connection.table)),
        ids: Arc::new(Ulids::default()),
        clock: Arc::new(SystemClock),
    })
}

/// The parts of the function that lets callers in.
///
/// # Errors
/// When the table cannot be made or it is not said where the pepper is.
pub async fn authorizer(config: &Config) -> anyhow::Result<Authorize> {
    let (keys, pepper) = keys_and_pepper(config).await?;
    let pepper = Arc::new(CachedSecret::new(pepper, Arc::new(SystemClock)));
    let nobody = ApiKeyId::parse(NOBODY)?;
    tokio::join!(warm("the pepper", pepper.current()), warm("the keys", keys.get(&nobody)));
    Ok(Authorize { keys, pepper, clock: Arc::new(SystemClock) })
}

/// Does something for the first time: certificates are read and a connection is made. A function has
/// a whole core while it starts, whatever its memory, and a part of one afterwards.
async fn warm<T, E: std::error::Error + 'static>(what: &'static str, read: impl Future<Output = Result<T, E>>) {
    if let Err(error) = read.await {
        tracing::warn!(error = &error as &dyn std::error::Error, "{what} could not be read at the start");
    }
}

/// What the owner's work on callers' keys needs.
///
/// # Errors
/// When the table cannot be made or it is not said where the pepper is.
pub async fn key_admin(config: &Config) -> anyhow::Result<KeyAdmin> {
    let (keys, pepper) = keys_and_pepper(config).await?;
    Ok(KeyAdmin { keys, pepper, clock: Arc::new(SystemClock) })
}

/// What the owner's word on learned knowledge needs.
///
/// # Errors
/// When a file is wrong or the table cannot be made.
pub async fn learned_admin(config: &Config) -> anyhow::Result<LearnedAdmin> {
    let agents = OwnerFiles::of(config)?.agents.into_keys().collect();
    Ok(LearnedAdmin { learned: Arc::new(DynamoLearned::new(stores::connect(config).await?.table)), agents })
}

async fn keys_and_pepper(config: &Config) -> anyhow::Result<(Arc<DynamoApiKeys>, Arc<dyn SecretSource>)> {
    let connection = stores::connect(config).await?;
    let pepper: Arc<dyn SecretSource> = match (&connection.sdk, &config.pepper) {
        (Some(sdk), Some(name)) => Arc::new(SecretsManagerSecret::in_aws(sdk, name)),
        (Some(_), None) => anyhow::bail!("FARTHING_PEPPER: expected the secret that callers' keys are hashed with"),
        (None, _) => Arc::new(FileSecret::create_if_missing(config.data.join("pepper"))?),
    };
    Ok((Arc::new(DynamoApiKeys::new(connection.table)), pepper))
}

/// What the owner's work on the versions of the policy needs.
///
/// # Errors
/// When a file is wrong or the table cannot be made.
pub async fn version_admin(config: &Config) -> anyhow::Result<VersionAdmin> {
    let policy = OwnerFiles::of(config)?.policy;
    let versions = Arc::new(DynamoVersions::new(stores::connect(config).await?.table));
    Ok(VersionAdmin { versions, policy, clock: Arc::new(SystemClock) })
}

/// What reconciling needs.
///
/// # Errors
/// When a file is wrong or the table cannot be made.
pub async fn reconcile(config: &Config) -> anyhow::Result<Reconcile> {
    let files = OwnerFiles::of(config)?;
    let ledger = Arc::new(ledger_of(config, &files).await?);
    Ok(Reconcile { ledger: ledger.clone(), audit: ledger, registry: files.registry })
}

/// The ledger alone.
///
/// # Errors
/// When a file is wrong or the table cannot be made.
pub async fn ledger(config: &Config) -> anyhow::Result<Arc<dyn Ledger>> {
    Ok(Arc::new(ledger_of(config, &OwnerFiles::of(config)?).await?))
}

async fn ledger_of(config: &Config, files: &OwnerFiles) -> anyhow::Result<DynamoLedger> {
    Ok(DynamoLedger::new(stores::connect(config).await?.table, stores::ledger_config(files)))
}

fn status_of(files: OwnerFiles, stores: &Stores) -> Status {
    Status {
        policy: files.policy,
        registry: files.registry,
        ledger: stores.ledger.clone(),
        outcomes: stores.outcomes.clone(),
        releases: stores.releases.clone(),
        versions: stores.versions.clone(),
        clock: Arc::new(SystemClock),
    }
}
