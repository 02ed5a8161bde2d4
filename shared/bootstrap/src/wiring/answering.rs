//! What answers requests and what prepares the models: everything, with the local models.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use aws_config::SdkConfig;
use farthing_api::parse::Defaults;
use farthing_domain::ids::ProviderId;
use farthing_domain::ports::{Clock as _, Ids, LocalModels, ModelStore, Provider, SecretSource};
use farthing_domain::time::Timestamp;
use farthing_gateway::init::Init;
use farthing_gateway::loading::{Loading, ReleaseLoader as _};
use farthing_gateway::secrets::CachedSecret;
use farthing_gateway::status::Status;
use farthing_gateway::wrappers::WithTimeout;
use farthing_gateway::{Answering, LocalTierSource, Parts};
pub use farthing_models::artifacts::{IndicatifProgress, NoProgress, Progress};
use farthing_models::validator::Rules;
use farthing_providers::{BaseUrl, ProviderConfig, Transport, connect};
use farthing_stores::{DynamoLedger, S3ModelStore, SecretsManagerSecret};

use super::credentials;
use super::models::{self, ModelFiles};
use super::stores::{Connection, Stores, aws, connect as connect_stores, ledger_config};
use crate::clock::{SystemClock, Ulids};
use crate::config::Config;
use crate::files::OwnerFiles;

/// How long a function waits for its models at the start: Lambda gives ten seconds.
const PATIENCE: Duration = Duration::from_secs(8);

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

/// The parts of the init function.
///
/// # Errors
/// When a file is wrong or a store cannot be reached.
pub async fn init(config: &Config) -> anyhow::Result<(Init, Arc<dyn Ids>)> {
    let files = OwnerFiles::of(config)?;
    let connection = connect_stores(config).await?;
    let stores = Stores::over(&connection, &files);
    let models = ModelFiles::new(config, &files, model_store(&connection, config), Arc::new(NoProgress))?
        .with_learned(stores.learned.clone());
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
    let files = OwnerFiles::of(config)?;
    let models = ModelFiles::new(config, &files, None, progress)?.local_models()?;
    Ok((files, models))
}

/// Copies the files of all enabled local models, and every agent's knowledge index, into the bucket
/// from which functions fetch them; nothing is copied unless all of it can be loaded. Gives the
/// objects' keys.
///
/// # Errors
/// When a file is wrong, a model cannot be fetched or loaded, or the bucket cannot be written to.
pub async fn publish(config: &Config, bucket: &str, progress: Arc<dyn Progress>) -> anyhow::Result<Vec<String>> {
    let files = OwnerFiles::of(config)?;
    models::check_knowledge(config, &files)?;
    let store = bucket_of(&aws().await, bucket);
    ModelFiles::new(config, &files, None, progress)?.publish(&store).await
}

/// The parts of all functions in one process. Files are read before anything is fetched, so that
/// a wrong one is told at once.
///
/// # Errors
/// When a file is wrong, a store cannot be reached or a model cannot be fetched or loaded.
pub async fn bundle(config: &Config, progress: Arc<dyn Progress>) -> anyhow::Result<Bundle> {
    let begun = Instant::now();
    let files = OwnerFiles::of(config)?;
    anyhow::ensure!(files.agents.contains_key(&config.agent), "FARTHING_AGENT: there is no agent `{}`", config.agent);
    let read = begun.elapsed();
    let connection = connect_stores(config).await?;
    let stores = Stores::over(&connection, &files);
    let connected = begun.elapsed();
    let remote = model_store(&connection, config);
    let models = ModelFiles::new(config, &files, remote.clone(), progress)?.with_learned(stores.learned.clone());
    let models = Arc::new(models);
    let local = async {
        if remote.is_some() {
            return Ok(follow_releases(models.clone(), &stores).await);
        }
        models::check_knowledge(config, &files)?;
        Ok(Arc::new(models.load(&models.own_release()).await?) as Arc<dyn LocalTierSource>)
    };
    let (local, providers, ()) = tokio::try_join!(local, providers(config, &connection), async {
        adopt_prices_and_budget(&connection, &files, SystemClock.now()).await;
        Ok(())
    })?;
    let (all, made) = (begun.elapsed(), (begun.elapsed() - connected).as_millis());
    tracing::info!(
        startup.files_ms = read.as_millis(),
        startup.aws_ms = (connected - read).as_millis(),
        startup.parts_ms = made,
        "the parts are made in {} ms",
        all.as_millis()
    );
    let defaults = Defaults::new(config.agent.clone(), &files.policy);
    let parts = Parts {
        policy: files.policy.clone(),
        registry: files.registry.clone(),
        agents: files.agents.clone(),
        providers,
        key_settings: key_settings(config),
        local,
        rules: Arc::new(Rules),
        ledger: stores.ledger.clone(),
        cache: stores.cache.clone(),
        outcomes: stores.outcomes.clone(),
        versions: Some(stores.versions.clone()),
        learned: Some(stores.learned.clone()),
        clock: Arc::new(SystemClock),
    };
    #[cfg(feature = "test-hooks")]
    let parts = crate::hooks::armed(parts)?;
    let ids: Arc<dyn Ids> = Arc::new(Ulids::default());
    let init = init_of(&files, &stores, models.local_models()?);
    Ok(Bundle {
        inference: InferenceParts { answering: Arc::new(Answering::new(parts)), defaults, ids },
        init,
        status: super::status_of(files, &stores),
        stores,
    })
}

/// The local models of the active release, as soon as they can be loaded.
async fn follow_releases(models: Arc<ModelFiles>, stores: &Stores) -> Arc<dyn LocalTierSource> {
    let own = models.own_release();
    let loading = Loading::new(models, stores.releases.clone(), own, Arc::new(SystemClock));
    loading.begin(PATIENCE).await;
    Arc::new(loading)
}

/// Has the ledger go by the owner's prices and budget from `now` on.
pub(super) async fn adopt_prices_and_budget(connection: &Connection, files: &OwnerFiles, now: Timestamp) {
    let (ledger, month) = (DynamoLedger::new(connection.table.clone(), ledger_config(files)), now.month());
    for adopted in [ledger.adopt_prices(month).await, ledger.adopt_budget(month).await] {
        if let Err(error) = adopted {
            // Not fatal: local answers go on, and the ledger refuses what does not fit.
            tracing::error!(error = &error as &dyn std::error::Error, "prices and budget were not adopted");
        }
    }
}

/// The owner's model files, when there is a bucket.
fn model_store(connection: &Connection, config: &Config) -> Option<Arc<dyn ModelStore>> {
    let (sdk, bucket) = (connection.sdk.as_ref()?, config.bucket.as_deref()?);
    Some(Arc::new(bucket_of(sdk, bucket)))
}

fn bucket_of(sdk: &SdkConfig, bucket: &str) -> S3ModelStore {
    S3ModelStore::new(aws_sdk_s3::Client::new(sdk), bucket, "")
}

fn init_of(files: &OwnerFiles, stores: &Stores, models: Arc<dyn LocalModels>) -> Init {
    let agents = files.agents.keys().cloned().collect();
    Init::new(files.registry.clone(), agents, models, stores.releases.clone(), Arc::new(SystemClock))
}

pub(super) async fn providers(
    config: &Config,
    connection: &Connection,
) -> anyhow::Result<BTreeMap<ProviderId, Arc<dyn Provider>>> {
    let credentials = match (&connection.sdk, &config.provider_keys) {
        (Some(sdk), Some(name)) => {
            let secret: Arc<dyn SecretSource> = Arc::new(SecretsManagerSecret::in_aws(sdk, name));
            credentials::from_secret(config, Arc::new(CachedSecret::new(secret, Arc::new(SystemClock)))).await
        }
        _ => credentials::from_environment(config)?,
    };
    let transport = Transport::new()?;
    let mut providers: BTreeMap<ProviderId, Arc<dyn Provider>> = BTreeMap::new();
    for (id, api_key) in credentials {
        let access = &config.providers[&id];
        let base_setting = access.key_setting.replace("_API_KEY", "_BASE_URL");
        let base_url = access.base_url.as_deref().map(BaseUrl::parse).transpose().context(base_setting)?;
        let provider = connect(&id, ProviderConfig { api_key, base_url }, &transport)?;
        providers.insert(id, Arc::new(WithTimeout::new(provider)));
    }
    Ok(providers)
}

/// For each known provider, what its key is called.
pub(super) fn key_settings(config: &Config) -> BTreeMap<ProviderId, String> {
    config.providers.iter().map(|(id, access)| (id.clone(), access.key_setting.clone())).collect()
}
