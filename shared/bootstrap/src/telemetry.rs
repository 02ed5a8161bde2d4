//! Log lines: text for a person, JSON for CloudWatch.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::{Config, InvalidVariable};

/// Starts writing log lines to standard error. A second start changes nothing.
///
/// # Errors
/// [`InvalidVariable`] when `FARTHING_LOG` is no filter.
pub fn start(config: &Config) -> Result<(), InvalidVariable> {
    let filter = EnvFilter::builder().parse(&config.log).map_err(|error| InvalidVariable {
        variable: "FARTHING_LOG".to_owned(),
        expected: format!("a filter such as `info` or `warn,farthing_gateway=debug` ({error})"),
    })?;
    let is_terminal = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(is_terminal);
    // An error means that a subscriber is set already, which is what is wanted.
    let _ = if config.log_json { lines.json().flatten_event(true).try_init() } else { lines.try_init() };
    Ok(())
}
