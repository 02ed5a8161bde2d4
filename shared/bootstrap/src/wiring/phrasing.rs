//! What makes phrasings of knowledge and builds its index: paid models and the encoder, but no other
//! local model.

use std::sync::Arc;

use farthing_domain::ports::Clock as _;
use farthing_gateway::phrasing::Phrasing;
use farthing_gateway::{Answering, LocalTier, LocalTierSource, Parts};
use farthing_models::artifacts::Progress;
use farthing_models::knowledge::KnowledgeFiles;
use farthing_models::validator::Rules;

use super::answering;
use super::models::ModelFiles;
use super::stores::{self, Stores};
use crate::clock::{SystemClock, Ulids};
use crate::config::Config;
use crate::files::OwnerFiles;

/// No local models: nothing is classified or judged.
struct NoLocalModels;

impl LocalTierSource for NoLocalModels {
    fn current(&self) -> Option<LocalTier> {
        None
    }
}

/// The agents' knowledge as files, without any store.
///
/// # Errors
/// When a file of the owner's is wrong.
pub fn knowledge_files(config: &Config, progress: Arc<dyn Progress>) -> anyhow::Result<(OwnerFiles, KnowledgeFiles)> {
    let files = OwnerFiles::of(config)?;
    let knowledge = ModelFiles::new(config, &files, None, progress)?.into_knowledge();
    Ok((files, knowledge))
}

/// What has phrasings made, paid for by the ledger that requests are paid for by.
///
/// # Errors
/// When a file is wrong or a store cannot be reached.
pub async fn phrasing(config: &Config) -> anyhow::Result<Phrasing> {
    let files = OwnerFiles::of(config)?;
    let connection = stores::connect(config).await?;
    answering::adopt_prices_and_budget(&connection, &files, SystemClock.now()).await;
    let stores = Stores::over(&connection, &files);
    let parts = Parts {
        providers: answering::providers(config, &connection).await?,
        key_settings: answering::key_settings(config),
        policy: files.policy,
        registry: files.registry,
        agents: files.agents,
        local: Arc::new(NoLocalModels),
        rules: Arc::new(Rules),
        ledger: stores.ledger,
        cache: stores.cache,
        outcomes: stores.outcomes,
        versions: None,
        learned: None,
        clock: Arc::new(SystemClock),
    };
    #[cfg(feature = "test-hooks")]
    let parts = crate::hooks::armed(parts)?;
    let (answering, ids) = (Arc::new(Answering::new(parts)), Arc::new(Ulids::default()));
    Ok(Phrasing { answering, ids, tenant: config.tenant.clone() })
}
