//! From Lambda's events to calls, and from replies to results.

mod authorizer;
mod http;
mod invocation;
mod schedule;

pub use authorizer::run_authorizer;
pub use http::run;
pub use schedule::run_scheduled;

use crate::config::{Config, Place};
use crate::telemetry;

/// The configuration on Lambda, with log lines and metrics started.
///
/// # Errors
/// When a variable of the environment is wrong.
pub fn config() -> anyhow::Result<Config> {
    let config = Config::from_env(Place::Lambda)?;
    telemetry::start(&config)?;
    if config.metrics {
        telemetry::start_metrics()?;
    }
    Ok(config)
}
