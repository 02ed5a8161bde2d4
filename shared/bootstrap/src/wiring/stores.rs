//! The stores, embedded or in AWS.

use std::sync::Arc;

use anyhow::Context as _;
use aws_config::{BehaviorVersion, SdkConfig};
use farthing_domain::ports::{ActiveModels, AnswerCache, Clock as _, Ledger, ModelStore, OutcomeLog};
use farthing_stores::{
    DynamoActiveModels, DynamoAnswerCache, DynamoLedger, DynamoOutcomes, EmbeddedDynamo, LedgerConfig, S3ModelStore,
    Table,
};

use crate::clock::SystemClock;
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
    /// Active models.
    pub active: Arc<dyn ActiveModels>,
    /// The owner's model files, when there is a bucket.
    pub models: Option<Arc<dyn ModelStore>>,
}

impl Stores {
    /// Opens the stores that `config` names. The embedded table is made where it is missing.
    ///
    /// # Errors
    /// When the table cannot be made or reached.
    pub async fn open(config: &Config, files: &OwnerFiles) -> anyhow::Result<Self> {
        let (table, sdk) = connect(config).await?;
        let models = sdk.zip(config.bucket.as_deref()).map(|(sdk, bucket)| {
            let store = S3ModelStore::new(aws_sdk_s3::Client::new(&sdk), bucket, "");
            Arc::new(store) as Arc<dyn ModelStore>
        });
        let ledger = DynamoLedger::new(table.clone(), ledger_config(files));
        let month = SystemClock.now().month();
        for adopted in [ledger.adopt_prices(month).await, ledger.adopt_budget(month).await] {
            if let Err(error) = adopted {
                // Not fatal: local answers go on, and the ledger refuses what does not fit.
                tracing::error!(error = &error as &dyn std::error::Error, "prices and budget were not adopted");
            }
        }
        Ok(Self {
            ledger: Arc::new(ledger),
            cache: Arc::new(DynamoAnswerCache::new(table.clone(), DynamoAnswerCache::REFRESH_EVERY)),
            outcomes: Arc::new(DynamoOutcomes::new(table.clone())),
            active: Arc::new(DynamoActiveModels::new(table)),
            models,
        })
    }
}

/// How the owner's files would have money kept.
pub(super) fn ledger_config(files: &OwnerFiles) -> LedgerConfig {
    let budget = &files.policy.budget;
    LedgerConfig::new(budget.monthly_usd, budget.stop_percent, &files.registry.price_version())
}

/// The table alone, as it is.
pub(super) async fn open_table(config: &Config) -> anyhow::Result<Table> {
    connect(config).await.map(|(table, _)| table)
}

/// The table, and the way to AWS when it is there.
async fn connect(config: &Config) -> anyhow::Result<(Table, Option<SdkConfig>)> {
    match config.storage {
        Storage::Embedded => Ok((embedded_table(config).await?, None)),
        Storage::Aws => {
            let sdk = aws_config::defaults(BehaviorVersion::latest()).load().await;
            Ok((Table::in_aws(&sdk, &config.table), Some(sdk)))
        }
    }
}

async fn embedded_table(config: &Config) -> anyhow::Result<Table> {
    std::fs::create_dir_all(&config.data).with_context(|| format!("cannot make {}", config.data.display()))?;
    let file = config.data.join("dynamodb.sqlite");
    let database = EmbeddedDynamo::open(&file).with_context(|| format!("cannot open {}", file.display()))?;
    let table = Table::over(database, &config.table);
    table.create_if_missing().await?;
    Ok(table)
}
