//! Log lines: text for a person, JSON for CloudWatch. Metrics: lines from which CloudWatch takes them.
//!
//! No line holds a caller's words, an answer or a key, whatever `FARTHING_LOG` says. Our own code
//! keeps to that at every level. Libraries do not: below `info` some write down requests and replies
//! with their headers, so that nothing of theirs below it is ever written.

use std::io::{IsTerminal as _, Write};
use std::sync::OnceLock;

use farthing_domain::metrics;
use metrics_cloudwatch_embedded::{Builder, Collector};
use serde_json::Value;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::config::{Config, InvalidVariable};

/// Where CloudWatch shows the metrics.
const NAMESPACE: &str = "Farthing";
/// What the targets of our own lines begin with.
const OURS: &str = "farthing";

static COLLECTOR: OnceLock<&'static Collector> = OnceLock::new();

/// Starts writing log lines to standard error. A second start changes nothing. Of a panic they tell
/// the place and not the words, which may quote a caller.
///
/// # Errors
/// [`InvalidVariable`] when `FARTHING_LOG` is no filter.
pub fn start(config: &Config) -> Result<(), InvalidVariable> {
    let is_terminal = std::io::stderr().is_terminal();
    // An error means that a subscriber is set already, which is what is wanted.
    let _ = lines_of(config, is_terminal, std::io::stderr)?.try_init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(code.location = place, "a panic at {place}");
    }));
    Ok(())
}

/// What writes the lines that `config` asks for, and that may be written, to `writer`.
fn lines_of<W>(config: &Config, is_terminal: bool, writer: W) -> Result<impl Subscriber + Send + Sync, InvalidVariable>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let asked = EnvFilter::builder().parse(&config.log).map_err(|error| InvalidVariable {
        variable: "FARTHING_LOG".to_owned(),
        expected: format!("a filter such as `info` or `warn,farthing_gateway=debug` ({error})"),
    })?;
    let lines = fmt::layer::<Registry>().with_writer(writer).with_ansi(is_terminal);
    let lines =
        if config.log_json { lines.json().flatten_event(true).with_span_list(false).boxed() } else { lines.boxed() };
    // Without the hint, code that writes below the level asked for would look it up each time.
    let may_be_written = filter_fn(may_be_written).with_max_level_hint(LevelFilter::TRACE);
    Ok(tracing_subscriber::registry().with(lines.with_filter(asked.and(may_be_written))))
}

/// Whether a line of this kind holds no words of callers: it is ours, or says no more than libraries
/// say of themselves.
fn may_be_written(line: &Metadata<'_>) -> bool {
    let is_ours = line.target().strip_prefix(OURS).is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', ':']));
    is_ours || *line.level() <= Level::INFO
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

/// The collector tells a gauge at every flush. One that nobody has set since the last is left out:
/// were it told, a sweep that fails would look like the last one that did not.
fn write_metrics(mut to: impl Write) -> std::io::Result<()> {
    let Some(collector) = COLLECTOR.get() else { return Ok(()) };
    let mut collected = Vec::new();
    collector.flush(&mut collected)?;
    for gauge in metrics::GAUGES {
        ::metrics::gauge!(gauge).set(f64::NAN);
    }
    for line in collected.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        if let Some(line) = without_absent(serde_json::from_slice(line)?) {
            writeln!(to, "{line}")?;
        }
    }
    Ok(())
}

/// The line without the metrics that have no value, as NaN is none in JSON; nothing when none has.
fn without_absent(mut line: Value) -> Option<Value> {
    let has_value = |metric: &&Value| metric["Name"].as_str().is_some_and(|name| !line[name].is_null());
    let told = &line["_aws"]["CloudWatchMetrics"][0]["Metrics"];
    let told: Vec<Value> = told.as_array()?.iter().filter(has_value).cloned().collect();
    if told.is_empty() {
        return None;
    }
    line["_aws"]["CloudWatchMetrics"][0]["Metrics"] = told.into();
    line.as_object_mut()?.retain(|_, value| !value.is_null());
    Some(line)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

    use super::*;
    use crate::config::Place;

    /// What was written.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Keeps other tests from writing the metrics of this one, which are those of the process, and from
    /// having a line of it first met where nobody listens: it may then be taken to be never written.
    pub(crate) fn alone() -> MutexGuard<'static, ()> {
        static ALONE: Mutex<()> = Mutex::new(());
        ALONE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lines that are written of what `say` says, when `FARTHING_LOG` is `asked`.
    pub(crate) fn lines(asked: &str, say: impl FnOnce()) -> Vec<Value> {
        let _alone = alone();
        let config = Config::read(Place::Lambda, |name| (name == "FARTHING_LOG").then(|| asked.to_owned())).unwrap();
        let written = Written::default();
        let writer = written.clone();
        tracing::subscriber::with_default(lines_of(&config, false, move || writer.clone()).unwrap(), say);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[track_caller]
    fn check(asked: &str, expected: &[&str]) {
        let say = || {
            tracing::trace!(target: "hyper::proto", "a request's bytes");
            tracing::debug!(target: "aws_smithy_runtime", "a reply's headers");
            tracing::debug!(target: "farthingale", "of a library with such a name");
            tracing::info!(target: "aws_config", "a region");
            tracing::trace!(target: "farthing_gateway::answer", "ours, deep");
            tracing::trace!(target: "farthing", "ours");
        };
        let written = lines(asked, say);
        assert_eq!(written.iter().map(|line| line["message"].as_str().unwrap()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn libraries_are_never_heard_below_info() {
        check("trace", &["a region", "ours, deep", "ours"]);
        check("warn,hyper=trace,farthing_gateway=trace", &["ours, deep"]);
        check("hyper=trace", &[]);
        check("info", &["a region"]);
    }

    #[test]
    fn a_library_s_span_does_not_stand_before_ours() {
        let written = lines("trace", || {
            let ours = tracing::info_span!(target: "farthing_bootstrap", "invocation", aws.request_id = "r-1");
            let theirs = tracing::debug_span!(target: "aws_sdk", "call", body = "a body");
            ours.in_scope(|| theirs.in_scope(|| tracing::info!(target: "farthing_stores", "ours")));
        });
        let [line] = written.as_slice() else { panic!("{written:?}") };
        assert_eq!((&line["message"], &line["span"]["aws.request_id"]), (&"ours".into(), &"r-1".into()));
        assert!(!line.to_string().contains("a body"), "{line}");
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let config = Config::read(Place::Lambda, |name| (name == "FARTHING_LOG").then(|| "a=b=c".to_owned())).unwrap();
        let error = lines_of(&config, false, std::io::sink).err().unwrap();
        assert_eq!(error.variable, "FARTHING_LOG");
    }

    #[test]
    fn metrics_are_written_once_in_the_embedded_format() {
        let _alone = alone();
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
        assert_eq!(written(), "", "each is written once");

        ::metrics::counter!(metrics::OVERAGE).increment(1);
        let later = written();
        assert!(later.contains(metrics::OVERAGE) && !later.contains("sweep."), "an old figure: {later}");
        ::metrics::gauge!(metrics::PENDING_AGE_MAX).set(0.0);
        assert!(written().contains(r#""sweep.pending_age_max_s":0.0"#), "the same figure is a new one");
    }
}
