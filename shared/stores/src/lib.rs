//! What Farthing remembers: the ports of `farthing_domain::ports` that keep something.
//!
//! Everything but model artifacts lives in one DynamoDB [`Table`]. On a developer's machine the
//! same client reaches the same table in this process, through [`Table::over`].

mod api_keys;
mod archive;
mod cache;
mod conditional;
mod item;
mod jobs;
mod learned;
mod ledger;
mod model_store;
mod outcomes;
mod releases;
mod retry;
mod secrets;
mod server_clock;
mod table;
mod versions;

pub use api_keys::DynamoApiKeys;
pub use archive::DocumentArchive;
pub use cache::DynamoAnswerCache;
pub use jobs::DynamoJobs;
pub use learned::DynamoLearned;
pub use ledger::{DynamoLedger, LedgerConfig};
pub use model_store::{DirectoryModelStore, S3ModelStore};
pub use outcomes::DynamoOutcomes;
pub use releases::DynamoReleases;
pub use secrets::{FileSecret, SecretsManagerSecret};
pub use table::Table;
pub use versions::DynamoVersions;
