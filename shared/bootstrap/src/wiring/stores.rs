//! The stores, embedded or in AWS.

use std::sync::Arc;

use anyhow::Context as _;
use aws_config::{BehaviorVersion, SdkConfig};
use farthing_domain::ports::{AnswerCache, LearnedKnowledge, Ledger, OutcomeLog, PolicyVersions, Releases};
use farthing_stores::{
    DocumentArchive, DynamoAnswerCache, DynamoLearned, DynamoLedger, DynamoOutcomes, DynamoReleases, DynamoVersions,
    LedgerConfig, Table,
};

use crate::config::{Config, Storage};
use crate::files::OwnerFiles;

/// What is remembered between requests.
#[derive(Clone)]
pub struct Stores {
    /// Money and request keys.
    pub ledger: Arc<dyn Ledger>,
    /// Answers.
    pub cache: Arc<dyn AnswerCache>,
    /// Outcomes.
    pub outcomes: Arc<dyn OutcomeLog>,
    /// The active release.
    pub releases: Arc<dyn Releases>,
    /// The versions of the policy.
    pub versions: Arc<dyn PolicyVersions>,
    /// Knowledge that paid answers became.
    pub learned: Arc<dyn LearnedKnowledge>,
}

impl Stores {
    /// The stores behind `connection`. Nothing is read or written yet.
    pub(super) fn over(connection: &Connection, files: &OwnerFiles) -> Self {
        let table = &connection.table;
        Self {
            ledger: Arc::new(DynamoLedger::new(table.clone(), ledger_config(files))),
            cache: Arc::new(DynamoAnswerCache::new(table.clone(), DynamoAnswerCache::REFRESH_EVERY)),
            outcomes: Arc::new(DynamoOutcomes::new(table.clone())),
            releases: Arc::new(DynamoReleases::new(table.clone())),
            versions: Arc::new(DynamoVersions::new(table.clone())),
            learned: Arc::new(DynamoLearned::new(table.clone())),
        }
    }
}

/// How the owner's files would have money kept.
pub(super) fn ledger_config(files: &OwnerFiles) -> LedgerConfig {
    let budget = &files.policy.budget;
    LedgerConfig::new(budget.monthly_usd, budget.stop_percent, &files.registry.price_version())
}

/// The table, and the way to AWS when it is there.
pub(super) struct Connection {
    pub(super) table: Table,
    pub(super) sdk: Option<SdkConfig>,
}

/// Reaches what `config` names. The embedded table is made where it is missing.
pub(super) async fn connect(config: &Config) -> anyhow::Result<Connection> {
    match config.storage {
        Storage::Embedded => Ok(Connection { table: embedded_table(config).await?, sdk: None }),
        Storage::Aws => {
            let sdk = aws().await;
            Ok(Connection { table: Table::in_aws(&sdk, &config.table), sdk: Some(sdk) })
        }
    }
}

/// The archive of weeks: in the bucket, or below the data folder.
///
/// # Errors
/// When it is not said which bucket.
pub(super) fn archive(config: &Config, connection: &Connection) -> anyhow::Result<DocumentArchive> {
    let Some(sdk) = &connection.sdk else { return Ok(DocumentArchive::in_directory(config.data.join("learning"))) };
    let bucket = config.bucket.as_ref().context("FARTHING_BUCKET: expected the bucket that keeps weekly reports")?;
    Ok(DocumentArchive::in_aws(sdk, bucket, "learning/"))
}

/// The AWS configuration of the environment.
pub(super) async fn aws() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest()).load().await
}

#[cfg(feature = "embedded")]
async fn embedded_table(config: &Config) -> anyhow::Result<Table> {
    std::fs::create_dir_all(&config.data).with_context(|| format!("cannot make {}", config.data.display()))?;
    let file = config.data.join("dynamodb.sqlite");
    let database =
        farthing_embedded::EmbeddedDynamo::open(&file).with_context(|| format!("cannot open {}", file.display()))?;
    let table = Table::over(database, &config.table);
    table.create_if_missing().await?;
    Ok(table)
}

#[cfg(not(feature = "embedded"))]
async fn embedded_table(_: &Config) -> anyhow::Result<Table> {
    anyhow::bail!("FARTHING_STORAGE: expected `aws`: this program has no database of its own")
}
