//! Log lines: text for a person, JSON for CloudWatch. Metrics: lines from which CloudWatch takes them.

use std::io::IsTerminal as _;
use std::sync::OnceLock;

use farthing_domain::metrics;
use metrics_cloudwatch_embedded::{Builder, Collector};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, InvalidVariable};

/// Where CloudWatch shows the metrics.
const NAMESPACE: &str = "Farthing";

static COLLECTOR: OnceLock<&'static Collector> = OnceLock::new();

/// Starts writing log lines to standard error. A second start changes nothing. Of a panic they tell
/// the place and not the words, which may quote a caller.
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
    let _ = if config.log_json {
        lines.json().flatten_event(true).with_span_list(false).try_init()
    } else {
        lines.try_init()
    };
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(code.location = place, "a panic at {place}");
    }));
    Ok(())
}

/// Starts collecting metrics, for [`flush_metrics`] to write. Without this they cost next to
/// nothing and go nowhere.
///
/// # Errors
/// When they are collected already.
pub fn start_metrics() -> anyhow::Result<()> {
    let collector = Builder::new().cloudwatch_namespace(NAMESPACE).init().map_err(|error| anyhow::anyhow!(error))?;
    for counter in metrics::COUNTERS {
        ::metrics::describe_counter!(counter, ::metrics::Unit::Count, "");
    }
    ::metrics::describe_gauge!(metrics::PENDING_AGE_MAX, ::metrics::Unit::Seconds, "");
    COLLECTOR.get_or_init(|| collector);
    Ok(())
}

/// Writes the metrics of this invocation to standard output, in CloudWatch's embedded format.
pub fn flush_metrics() {
    if let Err(error) = write_metrics(std::io::stdout()) {
        tracing::error!(error = &error as &dyn std::error::Error, "metrics were not written");
    }
}

fn write_metrics(to: impl std::io::Write) -> std::io::Result<()> {
    COLLECTOR.get().map_or(Ok(()), |collector| collector.flush(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_written_once_in_the_embedded_format() {
        start_metrics().unwrap();
        ::metrics::counter!(metrics::BUDGET_REFUSED, metrics::REASON => "exhausted").increment(2);
        ::metrics::gauge!(metrics::PENDING_AGE_MAX).set(0.0);
        let written = || {
            let mut lines = Vec::new();
            write_metrics(&mut lines).unwrap();
            String::from_utf8(lines).unwrap()
        };
        let first = written();
        let refused = first.lines().find(|line| line.contains(metrics::BUDGET_REFUSED)).unwrap();
        for part in [
            r#""Namespace":"Farthing""#,
            r#""Dimensions":[["reason"]]"#,
            r#"{"Name":"budget.refused","Unit":"Count"}"#,
            r#""reason":"exhausted""#,
            r#""budget.refused":2"#,
        ] {
            assert!(refused.contains(part), "no {part} in {refused}");
        }
        assert!(first.contains(r#""sweep.pending_age_max_s":0.0"#), "{first}");
        assert!(!written().contains(metrics::BUDGET_REFUSED), "a counter is written once");
    }
}
