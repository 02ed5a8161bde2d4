//! Conformance suites of the other store ports: each is run by every adapter of its port.

mod answer_cache;
mod api_keys;
mod jobs;
mod learned;
mod model_store;
mod outcomes;
mod releases;
mod versions;
mod week_archive;

pub use answer_cache::check_answer_cache;
pub use api_keys::{FixedSecret, OracleKeys, check_api_keys};
pub use jobs::{OracleJobs, check_jobs, jobs_agree_with_the_oracle};
pub use learned::{OracleLearned, check_learned_knowledge, entry};
pub use model_store::check_model_store;
pub use outcomes::check_outcome_log;
pub use releases::{OracleReleases, activation, check_releases, release};
pub use versions::{OracleVersions, check_policy_versions, version};
pub use week_archive::check_week_archive;
