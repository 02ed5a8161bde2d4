//! What Farthing remembers: the ports of `farthing_domain::ports` that keep something.
//!
//! Everything but model artifacts lives in one DynamoDB [`Table`]. On a developer's machine the
//! same client reaches the same table in this process, through [`EmbeddedDynamo`].

mod active;
mod cache;
mod conditional;
mod embedded;
mod item;
mod jobs;
mod ledger;
mod model_store;
mod outcomes;
mod retry;
mod server_clock;
mod table;

pub use active::DynamoActiveModels;
pub use cache::DynamoAnswerCache;
pub use embedded::{EmbeddedDynamo, EmbeddedError};
pub use jobs::DynamoJobs;
pub use ledger::{DynamoLedger, LedgerConfig};
pub use model_store::{DirectoryModelStore, S3ModelStore};
pub use outcomes::DynamoOutcomes;
pub use table::Table;
