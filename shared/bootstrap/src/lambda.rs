//! From Lambda's events to calls, and from replies to results.

mod authorizer;
mod http;
mod invocation;
mod schedule;

pub use authorizer::run_authorizer;
pub use http::run;
pub use schedule::run_scheduled;

use std::sync::OnceLock;
use std::time::Instant;

use crate::config::{Config, Place};
use crate::telemetry;

/// When this process began to be made ready.
static BEGUN: OnceLock<Instant> = OnceLock::new();

/// The configuration on Lambda, with log lines and metrics started.
///
/// # Errors
/// When a variable of the environment is wrong.
pub fn config() -> anyhow::Result<Config> {
    BEGUN.get_or_init(Instant::now);
    let config = Config::from_env(Place::Lambda)?;
    telemetry::start(&config)?;
    if config.metrics {
        telemetry::start_metrics()?;
    }
    Ok(config)
}

/// Says how long it took until events can be taken.
fn ready() {
    let took = BEGUN.get().map_or(0, |begun| begun.elapsed().as_millis());
    tracing::info!(startup.total_ms = took, "ready in {took} ms");
}
