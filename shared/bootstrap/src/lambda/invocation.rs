//! What every invocation has around it, whatever its event.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures::FutureExt as _;
use lambda_http::Context;
use tracing::Instrument as _;

use crate::telemetry;

/// The handler panicked. What it said is told to nobody: it may quote a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the handler panicked")]
pub(super) struct Panicked;

/// Runs `handle`, writes its metrics, and gives what `finish` makes of its result and of the
/// milliseconds that it took. All lines of both have the invocation's names.
pub(super) async fn run<T, U>(
    context: &Context,
    handle: impl Future<Output = T>,
    finish: impl FnOnce(Result<T, Panicked>, u64) -> U,
) -> U {
    static IS_WARM: AtomicBool = AtomicBool::new(false);
    let cold_start = !IS_WARM.swap(true, Ordering::Relaxed);
    let span = tracing::info_span!(
        "invocation",
        aws.request_id = context.request_id,
        trace_id = context.xray_trace_id,
        cold_start
    );
    let begun = Instant::now();
    let result = AssertUnwindSafe(handle).catch_unwind().instrument(span.clone()).await.map_err(|_| Panicked);
    let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| {
        telemetry::flush_metrics();
        finish(result, duration_ms)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::tests::{alone, lines};

    /// What an invocation comes to.
    fn invoke<T>(context: &Context, handle: impl Future<Output = T>) -> Result<T, Panicked> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let finish = |result, duration_ms| {
            tracing::info!(duration_ms, "finished");
            result
        };
        runtime.block_on(run(context, handle, finish))
    }

    #[test]
    fn every_line_of_an_invocation_names_it() {
        let mut context = Context::default();
        context.request_id = "r-1".to_owned();
        context.xray_trace_id = Some("Root=1-6740f0a1-0123456789abcdef01234567".to_owned());
        let written = lines("info", || invoke(&context, async { tracing::info!("handled") }).unwrap());
        assert_eq!(written.iter().map(|line| &line["message"]).collect::<Vec<_>>(), ["handled", "finished"]);
        assert!(written[1]["duration_ms"].is_u64(), "{written:?}");
        for line in written {
            let named = &line["span"];
            assert_eq!(named["aws.request_id"], "r-1", "{line}");
            assert_eq!(named["trace_id"], "Root=1-6740f0a1-0123456789abcdef01234567", "{line}");
            assert!(named["cold_start"].is_boolean(), "{line}");
        }
    }

    #[test]
    fn a_panic_ends_the_invocation_and_not_the_process() {
        let _alone = alone();
        let context = Context::default();
        let panics = async {
            if context.request_id.is_empty() {
                panic!("a caller's words")
            }
        };
        assert_eq!(invoke(&context, panics), Err(Panicked));
        assert_eq!(invoke(&context, async { 1 }), Ok(1));
    }
}
