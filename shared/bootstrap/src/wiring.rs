//! Puts the parts of each function together, as the configuration and the owner's files say.

mod models;
mod stores;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use farthing_api::parse::Defaults;
use farthing_domain::ids::ProviderId;
use farthing_domain::money::Usd;
use farthing_domain::ports::{Ids, LocalModels, Provider};
use farthing_gateway::init::Init;
use farthing_gateway::reconcile::Reconcile;
use farthing_gateway::status::Status;
use farthing_gateway::sweep::Sweep;
use farthing_gateway::wrappers::WithTimeout;
use farthing_gateway::{Answering, Parts};
pub use farthing_models::artifacts::{IndicatifProgress, NoProgress, Progress};
use farthing_providers::{BaseUrl, ProviderConfig, Secret, Transport, connect};
use farthing_stores::{DynamoLedger, LedgerConfig};

use crate::clock::{SystemClock, Ulids};
use crate::config::Config;
use crate::files::OwnerFiles;
use models::ModelFiles;
pub use stores::Stores;

/// What the inference function needs.
pub struct InferenceParts {
    /// The use case.
    pub answering: Arc<Answering>,
    /// What a request has when it does not say otherwise.
    pub defaults: Defaults,
    /// Names for requests.
    pub ids: Arc<dyn Ids>,
}

/// Every function's parts, over the same stores and models.
pub struct Bundle {
    /// Of the inference function.
    pub inference: InferenceParts,
    /// Of the status function.
    pub status: Status,
    /// Of the init function.
    pub init: Init,
    /// The stores.
    pub stores: Stores,
}

/// The parts of the inference function.
///
/// # Errors
/// When a file is wrong, a store cannot be reached or a model cannot be loaded.
pub async fn inference(config: &Config) -> anyhow::Result<InferenceParts> {
    Ok(bundle(config, Arc::new(NoProgress)).await?.inference)
}

/// The parts of the status function, which loads no model.
///
/// # Errors
/// When a file is wrong or a store cannot be reached.
pub async fn status(config: &Config) -> anyhow::Result<(Status, Arc<dyn Ids>)> {
    let files = OwnerFiles::load(&config.infra)?;
    let stores = Stores::open(config, &files).await?;
    Ok((status_of(files, &stores), Arc::new(Ulids::default())))
}

/// The parts of the sweep function: the ledger alone. It goes on with files of the owner's that are
/// wrong, as it reserves nothing; an unopened month has no money then, as far as its metrics tell.
///
/// # Errors
/// When the table cannot be made.
pub async fn sweep(config: &Config) -> anyhow::Result<Sweep> {
    let files = OwnerFiles::load(&config.infra);
    let ledger_config = match &files {
        Ok(files) => stores::ledger_config(files),
        Err(error) => {
            tracing::error!(error = error as &dyn std::error::Error, "the owner's files are wrong");
            LedgerConfig::new(Usd::ZERO, 100, "none")
        }
    };
    let ledger = DynamoLedger::new(stores::open_table(config).await?, ledger_config);
    Ok(Sweep { ledger: Arc::new(ledger), clock: Arc::new(SystemClock) })
}

/// What reconciling needs.
///
/// # Errors
/// When a file is wrong or the table cannot be made.
pub async fn reconcile(config: &Config) -> anyhow::Result<Reconcile> {
    let files = OwnerFiles::load(&config.infra)?;
    let ledger = Arc::new(DynamoLedger::new(stores::open_table(config).await?, stores::ledger_config(&files)));
    Ok(Reconcile { ledger: ledger.clone(), audit: ledger, registry: files.registry })
}

/// The parts of the init function.
///
/// # Errors
/// When a file is wrong or a store cannot be reached.
pub async fn init(config: &Config) -> anyhow::Result<(Init, Arc<dyn Ids>)> {
    let files = OwnerFiles::load(&config.infra)?;
    let stores = Stores::open(config, &files).await?;
    let models = ModelFiles::new(config, &files, stores.models.clone(), Arc::new(NoProgress));
    Ok((init_of(&files, &stores, models.local_models()?), Arc::new(Ulids::default())))
}

/// The local models as files, without any store: to be fetched or verified.
///
/// # Errors
/// When a file of the owner's is wrong.
pub fn local_models(
    config: &Config,
    progress: Arc<dyn Progress>,
) -> anyhow::Result<(OwnerFiles, Arc<dyn LocalModels>)> {
    let files = OwnerFiles::load(&config.infra)?;
    let models = ModelFiles::new(config, &files, None, progress).local_models()?;
    Ok((files, models))
}

/// The parts of all functions in one process. Files are read before anything is fetched, so that
/// a wrong one is told at once.
///
/// # Errors
/// When a file is wrong, a store cannot be reached or a model cannot be fetched or loaded.
pub async fn bundle(config: &Config, progress: Arc<dyn Progress>) -> anyhow::Result<Bundle> {
    let files = OwnerFiles::load(&config.infra)?;
    models::check_knowledge(config, &files)?;
    let stores = Stores::open(config, &files).await?;
    let models = ModelFiles::new(config, &files, stores.models.clone(), progress);
    let loaded = models.load(config, &files).await?;
    let defaults = Defaults::new(config.agent.clone(), &files.policy);
    anyhow::ensure!(files.agents.contains_key(&config.agent), "FARTHING_AGENT: there is no agent `{}`", config.agent);
    let parts = Parts {
        policy: files.policy.clone(),
        registry: files.registry.clone(),
        agents: files.agents.clone(),
        providers: providers(config)?,
        key_settings: config.key_settings.clone(),
        analyst: loaded.analyst,
        knowledge: loaded.knowledge,
        validator: loaded.validator,
        rephraser: loaded.rephraser,
        ledger: stores.ledger.clone(),
        cache: stores.cache.clone(),
        outcomes: stores.outcomes.clone(),
        clock: Arc::new(SystemClock),
    };
    #[cfg(feature = "test-hooks")]
    let parts = crate::hooks::armed(parts)?;
    let ids: Arc<dyn Ids> = Arc::new(Ulids::default());
    let init = init_of(&files, &stores, models.local_models()?);
    Ok(Bundle {
        inference: InferenceParts { answering: Arc::new(Answering::new(parts)), defaults, ids },
        init,
        status: status_of(files, &stores),
        stores,
    })
}

fn status_of(files: OwnerFiles, stores: &Stores) -> Status {
    Status {
        policy: files.policy,
        registry: files.registry,
        ledger: stores.ledger.clone(),
        outcomes: stores.outcomes.clone(),
        active: stores.active.clone(),
        clock: Arc::new(SystemClock),
    }
}

fn init_of(files: &OwnerFiles, stores: &Stores, models: Arc<dyn LocalModels>) -> Init {
    Init { registry: files.registry.clone(), files: models, active: stores.active.clone() }
}

fn providers(config: &Config) -> anyhow::Result<BTreeMap<ProviderId, Arc<dyn Provider>>> {
    let transport = Transport::new()?;
    let mut providers: BTreeMap<ProviderId, Arc<dyn Provider>> = BTreeMap::new();
    for (id, access) in &config.providers {
        let key_setting = &config.key_settings[id];
        let base_setting = key_setting.replace("_API_KEY", "_BASE_URL");
        let provider = ProviderConfig {
            api_key: Secret::parse(&access.key).with_context(|| key_setting.clone())?,
            base_url: access.base_url.as_deref().map(BaseUrl::parse).transpose().context(base_setting)?,
        };
        providers.insert(id.clone(), Arc::new(WithTimeout::new(connect(id, provider, &transport)?)));
    }
    Ok(providers)
}
