//! Schedules' events.

use std::error::Error;

use lambda_http::lambda_runtime::{self, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::IgnoredAny;

use super::invocation;

/// Runs `handle` at each of a schedule's events, whatever they hold, until the environment ends.
/// What it returns is the invocation's result. Its error is the invocation's failure: Lambda tries
/// again as often as the template says, and then keeps the event in the dead-letter queue.
///
/// # Errors
/// When the runtime interface cannot be reached.
pub async fn run_scheduled<H, F, R, E>(handle: H) -> anyhow::Result<()>
where
    H: Fn() -> F + Send + Sync,
    F: Future<Output = Result<R, E>> + Send,
    R: Serialize,
    E: Into<anyhow::Error>,
{
    let handle = &handle;
    let service = service_fn(|event: LambdaEvent<IgnoredAny>| async move {
        let run = invocation::run(&event.context, handle(), |result, duration_ms| {
            result?.map_err(|error| {
                let error: Box<dyn Error + Send + Sync> = error.into().into();
                tracing::error!(error = error.as_ref() as &dyn Error, duration_ms, "the scheduled run failed");
                error
            })
        });
        run.await
    });
    super::ready();
    lambda_runtime::run(service).await.map_err(|error| anyhow::anyhow!(error))
}
