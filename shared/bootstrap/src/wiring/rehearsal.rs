//! Parts for evaluations and rehearsals: the real ones, without a store that outlives them and without a
//! way to a provider.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use farthing_domain::ids::{AgentId, ProviderId};
use farthing_domain::ports::Provider;
#[cfg(feature = "embedded")]
use farthing_domain::{
    policy::Policy,
    ports::{Clock, LearnedKnowledge, PolicyVersions},
};
use farthing_gateway::LocalTier;
use farthing_gateway::loading::ReleaseLoader as _;
#[cfg(feature = "embedded")]
use farthing_gateway::optimize::Optimize;
use farthing_models::artifacts::Progress;
pub use farthing_models::encoder::Findings;
use farthing_models::knowledge::source::Entry;
use farthing_providers::{Credential, ProviderConfig, Secret, Transport, connect};
#[cfg(feature = "embedded")]
use farthing_stores::{DocumentArchive, DynamoJobs, DynamoLearned, DynamoOutcomes, DynamoVersions};

use super::models::{self, ModelFiles};
#[cfg(feature = "embedded")]
use crate::clock::Ulids;
use crate::config::Config;
use crate::files::OwnerFiles;

/// The local models with `entries` as all that `agent` knows, as [`local_tier`] has them, for a rehearsal that asks the same again
/// and again: what they find is remembered in `findings`.
///
/// # Errors
/// When a file of the owner's is wrong, or a model cannot be fetched or loaded.
pub async fn remembering_tier(
    config: &Config,
    (agent, entries): (AgentId, Vec<Entry>),
    findings: Arc<Findings>,
    progress: Arc<dyn Progress>,
) -> anyhow::Result<LocalTier> {
    let models = ModelFiles::new(config, &OwnerFiles::of(config)?, None, progress)?.remembering(findings);
    models.load_knowing(agent, entries).await.map_err(|error| anyhow::anyhow!(error))
}

/// The local models as requests use them, without any store. `knowledge` is all that an agent knows then,
/// in place of the agents' own files.
///
/// # Errors
/// When a file of the owner's is wrong, or a model cannot be fetched or loaded.
pub async fn local_tier(
    config: &Config,
    knowledge: Option<(AgentId, Vec<Entry>)>,
    progress: Arc<dyn Progress>,
) -> anyhow::Result<(OwnerFiles, LocalTier)> {
    let files = OwnerFiles::of(config)?;
    let models = ModelFiles::new(config, &files, None, progress)?;
    let tier = match knowledge {
        Some((agent, entries)) => models.load_knowing(agent, entries).await.map_err(|error| anyhow::anyhow!(error))?,
        None => {
            models::check_knowledge(config, &files)?;
            models.load(&models.own_release()).await?
        }
    };
    Ok((files, tier))
}

/// Stores on a database in memory, which is gone with them; its ledger goes by the owner's budget and
/// prices.
///
/// # Errors
/// When the database cannot be made.
#[cfg(feature = "embedded")]
pub async fn stores_in_memory(files: &OwnerFiles) -> anyhow::Result<super::Stores> {
    Ok(super::Stores::over(&connection_in_memory().await?, files))
}

#[cfg(feature = "embedded")]
async fn connection_in_memory() -> anyhow::Result<super::stores::Connection> {
    use farthing_stores::Table;

    let table = Table::over(farthing_embedded::EmbeddedDynamo::in_memory()?, "rehearsal");
    table.create_if_missing().await?;
    Ok(super::stores::Connection { table, sdk: None })
}

/// Stores and a weekly run whose time is a clock's that is given, on a database in memory and an archive in a temporary folder;
/// both are gone with it.
#[cfg(feature = "embedded")]
pub struct Rehearsal {
    connection: super::stores::Connection,
    folder: tempfile::TempDir,
    clock: Arc<dyn Clock>,
}

#[cfg(feature = "embedded")]
impl Rehearsal {
    /// Fresh ones.
    ///
    /// # Errors
    /// When the database or the folder cannot be made.
    pub async fn new(clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        Ok(Self { connection: connection_in_memory().await?, folder: tempfile::tempdir()?, clock })
    }

    /// The stores, whose ledger goes by the budget and prices of `files` from now on.
    pub async fn stores(&self, files: &OwnerFiles) -> super::Stores {
        super::answering::adopt_prices_and_budget(&self.connection, files, self.clock.now()).await;
        super::Stores::over(&self.connection, files)
    }

    /// The versions of the policy.
    #[must_use]
    pub fn versions(&self) -> Arc<dyn PolicyVersions> {
        Arc::new(DynamoVersions::new(self.connection.table.clone()))
    }

    /// What paid answers taught.
    #[must_use]
    pub fn learned(&self) -> Arc<dyn LearnedKnowledge> {
        Arc::new(DynamoLearned::new(self.connection.table.clone()))
    }

    /// The weekly run.
    #[must_use]
    pub fn optimize(&self, policy: &Policy) -> Optimize {
        let table = &self.connection.table;
        Optimize {
            archive: Arc::new(DocumentArchive::in_directory(self.folder.path())),
            policy: policy.clone(),
            jobs: Arc::new(DynamoJobs::new(table.clone())),
            outcomes: Arc::new(DynamoOutcomes::new(table.clone())),
            versions: self.versions(),
            learned: self.learned(),
            ids: Arc::new(Ulids::default()),
            clock: self.clock.clone(),
        }
    }
}

/// The known providers, of which none has a key: they encode calls as they are sent, and send none.
///
/// # Errors
/// When a provider of the configuration is not known.
pub fn providers_without_keys(config: &Config) -> anyhow::Result<BTreeMap<ProviderId, Arc<dyn Provider>>> {
    let transport = Transport::new()?;
    let connect = |id: &ProviderId| {
        let provider = connect(id, ProviderConfig { api_key: Arc::new(NoKey), base_url: None }, &transport)?;
        Ok((id.clone(), Arc::new(provider) as Arc<dyn Provider>))
    };
    config.providers.keys().map(connect).collect()
}

/// No key, and so no call.
struct NoKey;

#[async_trait]
impl Credential for NoKey {
    async fn key(&self) -> Result<Secret, Box<dyn Error + Send + Sync>> {
        Err("a rehearsal has no keys".into())
    }

    async fn refused(&self) {}
}
