//! What every invocation has around it, whatever its event.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use lambda_http::Context;
use tracing::Instrument as _;

use crate::telemetry;

/// The handler panicked. What it said is told to nobody: it may quote a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the handler panicked")]
pub(super) struct Panicked;

/// Runs `handle` with the invocation's names in every log line, and writes its metrics.
///
/// # Errors
/// [`Panicked`]; the process goes on.
pub(super) async fn run<T>(context: &Context, handle: impl Future<Output = T>) -> Result<(T, Duration), Panicked> {
    static IS_WARM: AtomicBool = AtomicBool::new(false);
    let cold_start = !IS_WARM.swap(true, Ordering::Relaxed);
    let span = tracing::info_span!(
        "invocation",
        aws.request_id = context.request_id,
        trace_id = context.xray_trace_id,
        cold_start
    );
    let begun = Instant::now();
    let result = AssertUnwindSafe(handle).catch_unwind().instrument(span).await;
    telemetry::flush_metrics();
    result.map(|result| (result, begun.elapsed())).map_err(|_| Panicked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_the_invocation_and_not_the_process() {
        let context = Context::default();
        let panics = async {
            if context.request_id.is_empty() {
                panic!("a caller's words")
            }
        };
        assert_eq!(run(&context, panics).await.unwrap_err(), Panicked);
        assert_eq!(run(&context, async { 1 }).await.unwrap().0, 1);
    }
}
